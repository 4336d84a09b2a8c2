using System.Globalization;
using Microsoft.AspNetCore.Authorization;
using Relay.Api.Dashboard;
using Relay.Api.Hosting;
using Relay.Api.Quotas;
using Relay.Application.Keys;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Api.Authentication;

/// <summary>
/// Finds the key in <c>Authorization: Bearer KEY</c> or <c>x-api-key: KEY</c>, before anything of the body is read. The first header with
/// a good key decides, in that order; junk in the other does no harm. Every refusal is the same 401; a good key without the route's scope
/// gets 403. The relay has its own middleware, because the framework's authentication and authorization together cost more than the rest
/// of a refusal (see docs/decisions/0009-own-authentication.md). Only where the route accepts it, a session of the dashboard stands for
/// the key that opened it.
/// </summary>
internal sealed class ApiKeyAuthentication(IKeyDirectory keys, DashboardSessions sessions, RateLimitHeaders rateLimits, TimeProvider clock)
{
    private const string Bearer = "Bearer ";

    private static readonly string[] PatienceHeaders = ["X-Stainless-Timeout", "Request-Timeout"];

    private static readonly RelayError MissingScope = new(
        ErrorCode.Forbidden,
        "This key does not have the scope for this route. Ask the relay's operator."
    );

    private static readonly RelayError KeysUnknown = new(
        ErrorCode.StateUnavailable,
        "The relay can't look keys up at the moment. Try again shortly.",
        RetryAfter: TimeSpan.FromSeconds(1)
    );

    /// <summary>Passes the request on, with its key; or answers 401, 403, or 503 when the keys are unknown.</summary>
    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var metadata = context.GetEndpoint()?.Metadata;
        var (key, secret) = FindKey(context.Request.Headers);
        key ??= metadata?.GetMetadata<AcceptsSessionAttribute>() is null
            ? null
            : sessions.Use(SessionCookie.Read(context), SessionCookie.ReadProof(context));
        if (key is not null)
        {
            SilentConnections.Trust(context);
            context.Features.Set(secret);
            var request = new RequestContext(context.Log().RequestId, key, AnnouncedPatience(context.Request.Headers))
            {
                ArrivedAt = clock.GetTimestamp(),
            };
            context.Features.Set(request);
            rateLimits.AddTo(context, request);
        }

        // A missing route needs no protection. A route without a mark requires a key.
        if (metadata?.GetMetadata<KeyRequired>() is null || metadata.GetMetadata<IAllowAnonymous>() is not null)
        {
            return next(context);
        }

        if (key is null && !keys.IsKnown)
        {
            return ErrorResponse.WriteAsync(context, KeysUnknown);
        }

        if (key is null)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            return ErrorResponse.WriteAsync(context, ErrorResponse.Unauthorized);
        }

        return metadata.GetMetadata<RequireScopeAttribute>() is { } required && !key.Scopes.HasFlag(required.Scope)
            ? ErrorResponse.WriteAsync(context, MissingScope)
            : next(context);
    }

    private (ApiKey? Key, KeySecret? Secret) FindKey(IHeaderDictionary headers)
    {
        foreach (var value in headers.Authorization)
        {
            if (
                value?.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) == true
                && Find(value[Bearer.Length..].Trim()) is { Key: not null } found
            )
            {
                return found;
            }
        }

        foreach (var value in headers["x-api-key"])
        {
            if (Find(value) is { Key: not null } found)
            {
                return found;
            }
        }

        return (null, null);
    }

    private (ApiKey? Key, KeySecret? Secret) Find(string? text) =>
        KeySecret.Parse(text) is { } secret ? (keys.Find(secret), secret) : (null, null);

    /// <summary>
    /// The seconds that the client waits for an answer: OpenAI's and Anthropic's SDKs send <c>X-Stainless-Timeout</c>, others may send
    /// <c>Request-Timeout</c>. A value that is not a sensible number counts as missing.
    /// </summary>
    private static TimeSpan? AnnouncedPatience(IHeaderDictionary headers)
    {
        TimeSpan? least = null;
        foreach (var name in PatienceHeaders)
        {
            if (
                headers.TryGetValue(name, out var text)
                && double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
                && seconds is > 0 and < 86_400
                && !(least?.TotalSeconds <= seconds)
            )
            {
                least = TimeSpan.FromSeconds(seconds);
            }
        }

        return least;
    }
}

/// <summary>Marks every route that requires a key.</summary>
internal sealed class KeyRequired
{
    public static KeyRequired Instance { get; } = new();
}

/// <summary>The scopes that a route requires of a key.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class RequireScopeAttribute(KeyScopes scope) : Attribute
{
    /// <summary>The scopes, all of which the key must have.</summary>
    public KeyScopes Scope { get; } = scope;
}

internal static class AuthenticatedRequest
{
    /// <summary>The key of an authenticated request.</summary>
    public static ApiKey Caller(this HttpContext context) => context.RelayRequest().Caller;

    public static RequestContext RelayRequest(this HttpContext context) =>
        context.Features.Get<RequestContext>() ?? throw new InvalidOperationException("The route lets in requests without a key.");
}
