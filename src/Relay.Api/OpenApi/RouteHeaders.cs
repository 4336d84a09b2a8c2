using Microsoft.OpenApi;
using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.Api.OpenApi;

/// <summary>The headers of an answer, by their names in <c>head.json</c>: a dot follows where one has several forms.</summary>
internal static class RouteHeaders
{
    private const string IfAny = ".if-any";

    private static readonly string[] OfOpenAi =
    [
        "x-ratelimit-limit-requests",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
    ];

    private static readonly string[] OfAnthropic =
    [
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ];

    private static readonly string[] OfDashboard =
    [
        "X-Content-Type-Options",
        "Content-Security-Policy.dashboard",
        "Referrer-Policy",
        "Cross-Origin-Opener-Policy",
        "Cross-Origin-Resource-Policy",
    ];

    /// <summary>The headers of an answer. Headers that the document lacks are taken from the head.</summary>
    public static Dictionary<string, IOpenApiHeader> Of(
        OpenApiDocument document,
        OpenApiDocument head,
        RouteFacts route,
        int status,
        IReadOnlyList<ErrorCode> codes
    )
    {
        var headers = new Dictionary<string, IOpenApiHeader>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, isAlways) in Names(route, status, codes))
        {
            // The first form of a header is used: a file of the dashboard may be kept, other answers there may not.
            if (!headers.ContainsKey(name.Split('.')[0]))
            {
                headers.Add(name.Split('.')[0], Refer(document, head, isAlways ? name : name + IfAny));
            }
        }

        return headers;
    }

    private static IEnumerable<(string Name, bool IsAlways)> Names(RouteFacts route, int status, IReadOnlyList<ErrorCode> codes)
    {
        yield return ("X-Request-Id", true);
        yield return ("request-id", true);
        if (status != StatusCodes.Status421MisdirectedRequest)
        {
            // Checked before the key: pages of other sites. Sent without a key: the refusal of a bad one. Before or after the key:
            // faults, and a state that is away.
            var isKnown = route.NeedsKey && status is not (401 or 500 or 503) && !(route.IsOfDashboard && status == 403);
            yield return ("RateLimit", isKnown);
            yield return ("RateLimit-Policy", isKnown);
            foreach (
                var name in route.Surface == ApiSurface.OpenAi ? OfOpenAi
                : route.Surface == ApiSurface.Native ? []
                : OfAnthropic
            )
            {
                yield return (name, false);
            }
        }

        foreach (var name in codes.Count == 0 ? OfAnswer(route) : OfError(route, status, codes))
        {
            yield return name;
        }
    }

    private static IEnumerable<(string Name, bool IsAlways)> OfAnswer(RouteFacts route)
    {
        foreach (var sends in route.FindAll<SendsAttribute>())
        {
            foreach (var name in sends.Headers)
            {
                yield return (name, true);
            }

            foreach (var name in sends.Sometimes)
            {
                yield return (name, false);
            }
        }

        if (route.IsCompatible || route.Bucket == QuotaBucket.Completions)
        {
            yield return ("X-Relay-Ignored", false);
        }

        if (route.Streams)
        {
            yield return ("X-Accel-Buffering", false);
        }

        foreach (var name in OfPlace(route, isReplayable: route.Bucket is not null))
        {
            yield return name;
        }
    }

    private static IEnumerable<(string Name, bool IsAlways)> OfError(RouteFacts route, int status, IReadOnlyList<ErrorCode> codes)
    {
        // An answer is kept for its idempotency key when it may have cost money. The refusal of another body is answered besides.
        var isReplayable =
            route.Bucket is not null && status is 422 || route.Bucket == QuotaBucket.Completions && status is (400 or 404 or 429 or >= 502);
        if (status is (409 or 429 or 503 or 529) && codes.Any(ErrorResponse.IsWorthRetrying))
        {
            yield return ("Retry-After", !isReplayable);
        }

        if (route.Surface != ApiSurface.Native || status == StatusCodes.Status421MisdirectedRequest)
        {
            yield return (
                "x-should-retry",
                route.Surface is not null && !isReplayable && status != StatusCodes.Status421MisdirectedRequest
            );
        }

        switch (status)
        {
            case StatusCodes.Status401Unauthorized:
                yield return ("WWW-Authenticate", false);
                yield return ("Cache-Control.no-store", route.IsOfDashboard);
                break;
            case StatusCodes.Status405MethodNotAllowed:
                yield return ("Allow", true);
                break;
        }

        if (status is not (421 or 500))
        {
            foreach (var name in OfPlace(route, isReplayable))
            {
                yield return name;
            }
        }

        // A refusal of the page itself stands in place of another site's text.
        if (route.Bucket == QuotaBucket.Fetches && status is not (401 or 403 or 409 or 421))
        {
            yield return ("Cache-Control.no-store", false);
            yield return ("X-Content-Type-Options", false);
        }
    }

    /// <summary>Headers of every answer of the dashboard, and of answers that may be repeated.</summary>
    private static IEnumerable<(string Name, bool IsAlways)> OfPlace(RouteFacts route, bool isReplayable)
    {
        if (route.IsOfDashboard)
        {
            yield return ("Cache-Control.no-store", true);
            foreach (var name in OfDashboard)
            {
                yield return (name, true);
            }
        }

        if (isReplayable)
        {
            yield return ("Idempotent-Replayed", false);
            yield return ("Cache-Control.no-store", false);
            yield return ("X-Content-Type-Options", false);
        }
    }

    private static OpenApiHeaderReference Refer(OpenApiDocument document, OpenApiDocument head, string name)
    {
        document.Components ??= new OpenApiComponents();
        document.Components.Headers ??= new Dictionary<string, IOpenApiHeader>(StringComparer.Ordinal);
        if (!document.Components.Headers.ContainsKey(name))
        {
            var known = name.EndsWith(IfAny, StringComparison.Ordinal) ? name[..^IfAny.Length] : name;
            var header = (OpenApiHeader)head.Components!.Headers![known].CreateShallowCopy();
            header.Required = known.Length == name.Length;
            document.AddComponent<IOpenApiHeader>(name, header);
        }

        return new OpenApiHeaderReference(name, document);
    }
}
