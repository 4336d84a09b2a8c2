using System.Globalization;
using System.Text;
using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Domain.Quotas;

namespace Relay.Api.Quotas;

/// <summary>
/// Puts <c>RateLimit</c> and <c>RateLimit-Policy</c> (draft-ietf-httpapi-ratelimit-headers-11) on every answer to a good key. The figures
/// are those of the decision that admitted or refused the request or, without a decision, of the key's standing.
/// </summary>
internal sealed class RateLimitHeaders(IAdmission admission)
{
    /// <summary>Writes both headers of an answer that is about to start.</summary>
    public static void Write(HttpContext context, IReadOnlyList<QuotaStatus> quotas)
    {
        var policy = new StringBuilder(128);
        var limit = new StringBuilder(96);
        foreach (var quota in quotas)
        {
            AppendPolicy(policy, quota);
            AppendLimit(limit, quota);
        }

        context.Response.Headers["RateLimit-Policy"] = policy.ToString();
        context.Response.Headers["RateLimit"] = limit.ToString();
        WriteForSurface(context, quotas);
    }

    /// <summary>
    /// Writes the tightest limit in the form that the SDKs of another API read. They know one limit of requests, and one of tokens, which
    /// are not limited here. When a day is used up, the requests of the minute must not look free.
    /// </summary>
    private static void WriteForSurface(HttpContext context, IReadOnlyList<QuotaStatus> quotas)
    {
        if (context.Surface() is var surface && surface == ApiSurface.Native || FindTightest(quotas) is not { } tightest)
        {
            return;
        }

        var headers = context.Response.Headers;
        var reset = TimeSpan.FromSeconds(Math.Ceiling((tightest.Reset ?? TimeSpan.Zero).TotalSeconds));
        if (surface == ApiSurface.OpenAi)
        {
            headers["x-ratelimit-limit-requests"] = tightest.Limit.ToString(CultureInfo.InvariantCulture);
            headers["x-ratelimit-remaining-requests"] = tightest.Remaining.ToString(CultureInfo.InvariantCulture);
            headers["x-ratelimit-reset-requests"] = $"{(long)reset.TotalSeconds}s"; // Go's notation.
        }
        else
        {
            var clock = context.RequestServices.GetRequiredService<TimeProvider>();
            headers["anthropic-ratelimit-requests-limit"] = tightest.Limit.ToString(CultureInfo.InvariantCulture);
            headers["anthropic-ratelimit-requests-remaining"] = tightest.Remaining.ToString(CultureInfo.InvariantCulture);
            headers["anthropic-ratelimit-requests-reset"] = (clock.GetUtcNow() + reset).ToString(
                "yyyy-MM-dd'T'HH:mm:ss'Z'",
                CultureInfo.InvariantCulture
            );
        }
    }

    /// <summary>The tightest limit, in requests. A used-up sum of money leaves no request. Of two equal limits, the longer.</summary>
    private static QuotaStatus? FindTightest(IReadOnlyList<QuotaStatus> quotas)
    {
        QuotaStatus? tightest = quotas
            .Where(quota => quota.Policy is "minute" or "day" or "global-day")
            .OrderBy(quota => quota.Remaining)
            .ThenByDescending(quota => quota.Reset)
            .Cast<QuotaStatus?>()
            .FirstOrDefault();
        var money = quotas.FirstOrDefault(quota => quota.Policy == "usd-day");
        return tightest is { Remaining: > 0 } requests && money is { Policy: not null, Remaining: 0 }
            ? requests with
            {
                Remaining = 0,
                Reset = money.Reset,
            }
            : tightest;
    }

    /// <summary>Adds the headers when the answer starts.</summary>
    public void AddTo(HttpContext context, RequestContext request)
    {
        // The connection's own token. A revocation cancels a later one, and an exception here would leave the caller a bare 500.
        var left = context.RequestAborted;
        context.Response.OnStarting(async () =>
        {
            try
            {
                Write(context, request.Quotas ?? (await admission.PeekAsync(request.Caller, BucketOf(context), left)).Statuses);
            }
            catch (OperationCanceledException) when (left.IsCancellationRequested)
            {
                return; // Nobody reads the headers any more.
            }
        });
    }

    private static QuotaBucket BucketOf(HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<SpendsQuotaAttribute>()?.Bucket ?? QuotaBucket.Completions;

    /// <summary>Appends <c>"minute";q=30;w=60</c>. Requests are the default unit, and cents are not a registered one.</summary>
    private static void AppendPolicy(StringBuilder text, in QuotaStatus quota)
    {
        Separate(text).Append(CultureInfo.InvariantCulture, $"\"{quota.Policy}\";q={quota.Limit}");
        if (quota.Window is { } window)
        {
            text.Append(CultureInfo.InvariantCulture, $";w={(long)window.TotalSeconds}");
        }
        else
        {
            text.Append(";qu=\"concurrent-requests\"");
        }

        if (quota.Policy == "usd-day")
        {
            text.Append(";crk-unit=\"us-cent\"");
        }
    }

    /// <summary>Appends <c>"minute";r=29;t=60</c>.</summary>
    private static void AppendLimit(StringBuilder text, in QuotaStatus quota)
    {
        Separate(text).Append(CultureInfo.InvariantCulture, $"\"{quota.Policy}\";r={quota.Remaining}");
        if (quota.Reset is { } reset)
        {
            text.Append(CultureInfo.InvariantCulture, $";t={(long)Math.Ceiling(reset.TotalSeconds)}");
        }
    }

    private static StringBuilder Separate(StringBuilder text) => text.Length == 0 ? text : text.Append(", ");
}
