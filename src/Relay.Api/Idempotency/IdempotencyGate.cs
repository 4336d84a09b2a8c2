using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Relay.Api.Quotas;
using Relay.Application.Idempotency;
using Relay.Application.Pipeline;
using Relay.Application.Serving;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Api.Idempotency;

/// <summary>
/// Answers a repeated request on a spending route: a request with an <c>Idempotency-Key</c> that was answered in the last day gets that
/// answer again, whatever the limits say, and spends nothing. Kept are successful answers, and failures that had cost money. A failure
/// that cost nothing, or a broken answer, may be tried again.
/// </summary>
internal sealed class IdempotencyGate(
    IIdempotencyStore store,
    IOptions<ServerOptions> server,
    AnswerBudget answers,
    ILogger<IdempotencyGate> logger
)
{
    /// <summary>The name of the header, as in Stripe's API, which most clients know.</summary>
    public const string Header = "Idempotency-Key";

    private const int MaxKeyLength = 255;

    /// <summary>The most bytes of a kept answer. Only the longest pages are larger.</summary>
    private const int MaxAnswerBytes = 4 * 1024 * 1024;

    private static readonly RelayError WrongKey = RelayError.Invalid(
        Header,
        $"'{Header}' takes one text of 1 to {MaxKeyLength} visible ASCII characters, such as a UUID."
    );

    private static readonly RelayError InFlight = new(
        ErrorCode.IdempotencyInFlight,
        "A request with this Idempotency-Key is still running. Ask again shortly for its answer.",
        Header,
        TimeSpan.FromSeconds(1)
    );

    private static readonly RelayError Mismatch = new(
        ErrorCode.IdempotencyMismatch,
        "This Idempotency-Key was used for another request within the last day. Make a new key for each request.",
        Header
    );

    private static readonly RelayError Unknown = new(
        ErrorCode.StateUnavailable,
        "The relay can't tell at the moment whether this Idempotency-Key was used before. Try again shortly with the same key.",
        Header,
        TimeSpan.FromSeconds(1)
    );

    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var header = context.Request.Headers[Header];
        if (
            header.Count == 0
            || context.Features.Get<RequestContext>() is not { } request
            || context.GetEndpoint()?.Metadata.GetMetadata<SpendsQuotaAttribute>() is null
        )
        {
            return next(context);
        }

        return header is [{ Length: > 0 and <= MaxKeyLength } key] && !key.AsSpan().ContainsAnyExceptInRange('!', '~')
            ? ClaimAsync(context, request, key, next)
            : ErrorResponse.WriteAsync(context, WrongKey);
    }

    private async Task ClaimAsync(HttpContext context, RequestContext request, string key, RequestDelegate next)
    {
        var read = await context.Request.ReadBytesAsync(server.Value.MaxBodyBytes, context.RequestAborted);
        if (!read.TryGet(out var body, out var error))
        {
            await ErrorResponse.WriteAsync(context, error);
            return;
        }

        using var seal = new IdempotencySeal(context.Features.GetRequiredFeature<KeySecret>());
        var name = seal.NameOf(((RouteEndpoint)context.GetEndpoint()!).RoutePattern.RawText!, key);
        var fingerprint = seal.FingerprintOf(body);
        var claim = await store.ClaimAsync(name, fingerprint, context.RequestAborted);
        switch (claim.State)
        {
            case IdempotencyState.InFlight:
                await ErrorResponse.WriteAsync(context, InFlight);
                return;
            case IdempotencyState.Unknown:
                await ErrorResponse.WriteAsync(context, Unknown);
                return;
            case IdempotencyState.Mismatch:
                await ErrorResponse.WriteAsync(context, Mismatch);
                return;
            case IdempotencyState.Answered when seal.Open(name, claim.SealedAnswer.Span) is { } answer:
                await ReplayAsync(context, request, RecordedAnswer.FromBytes(answer));
                return;
            case IdempotencyState.Answered:
                logger.LogError("A kept answer can't be opened with the secret that sealed it: relay.db was changed from outside");
                await ErrorResponse.WriteAsync(context, Mismatch);
                return;
        }

        context.Request.Body = new MemoryStream(body, writable: false);
        var original = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        await using var recording = new RecordingStream(context.Response, original.Stream, MaxAnswerBytes);
        var isKept = false;
        try
        {
            if (await RecordAsync(context, recording, original, next) is { } recorded && IsWorthKeeping(context, request))
            {
                // Not the caller's token: the answer is kept also when the caller has just left.
                await store.KeepAsync(name, request.Caller.Id, fingerprint, seal.Seal(name, recorded.ToBytes()), CancellationToken.None);
                isKept = true;
            }
        }
        finally
        {
            if (!isKept)
            {
                await store.ReleaseAsync(name, CancellationToken.None);
            }

            await recording.FinishAsync(context.RequestAborted);
        }
    }

    /// <summary>Sends a kept answer. It takes no place; only its memory is bounded.</summary>
    private async Task ReplayAsync(HttpContext context, RequestContext request, RecordedAnswer answer)
    {
        if (!answers.TryTake(request.Caller.Id, answer.Body.Length))
        {
            await ErrorResponse.WriteAsync(context, AnswerBudget.Full);
            return;
        }

        try
        {
            request.IsReplay = true;
            await answer.ReplayAsync(context.Response, context.RequestAborted);
        }
        finally
        {
            answers.GiveBack(request.Caller.Id, answer.Body.Length);
        }
    }

    private static async Task<RecordedAnswer?> RecordAsync(
        HttpContext context,
        RecordingStream recording,
        IHttpResponseBodyFeature original,
        RequestDelegate next
    )
    {
        var replaced = new StreamResponseBodyFeature(recording, original);
        context.Features.Set<IHttpResponseBodyFeature>(replaced);
        try
        {
            await next(context);
            await replaced.CompleteAsync();
        }
        finally
        {
            context.Features.Set(original);
        }

        return recording.Copy is { } bytes ? new RecordedAnswer(context.Response.StatusCode, context.Response.ContentType, bytes) : null;
    }

    private static bool IsWorthKeeping(HttpContext context, RequestContext request) =>
        (context.Log().IsOver ? context.Log().Error is null : !context.RequestAborted.IsCancellationRequested)
        && (context.Response.StatusCode == StatusCodes.Status200OK || request.CostUsd > 0);
}
