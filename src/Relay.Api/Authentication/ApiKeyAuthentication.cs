using System.Globalization;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Relay.Api.Http;
using Relay.Api.Quotas;
using Relay.Application.Keys;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Api.Authentication;

/// <summary>
/// From <c>Authorization: Bearer KEY</c> or <c>x-api-key: KEY</c> to the key. The first header that holds a good key
/// decides, in that order; a junk one beside it does no harm. Every refusal is the same 401.
/// </summary>
internal sealed class ApiKeyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder, IKeyDirectory keys)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    /// <summary>The scheme's name.</summary>
    public const string SchemeName = "ApiKey";

    private const string Bearer = "Bearer ";

    private static readonly string[] PatienceHeaders = ["X-Stainless-Timeout", "Request-Timeout"];

    /// <inheritdoc/>
    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var key = Candidates().Select(KeySecret.Parse).OfType<KeySecret>().Select(keys.Find).FirstOrDefault(found => found is not null);
        if (key is null)
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        var request = new RequestContext(Context.Log().RequestId, key, AnnouncedPatience());
        Context.Features.Set(request);
        RateLimitHeaders.AddTo(Context, request);
        var identity = new ClaimsIdentity([.. key.Scopes.ToNames().Select(scope => new Claim(Scope.ClaimType, scope))], SchemeName);
        return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), SchemeName)));
    }

    /// <inheritdoc/>
    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.WWWAuthenticate = "Bearer";
        return ErrorResponse.WriteAsync(Context, ErrorResponse.Unauthorized);
    }

    /// <inheritdoc/>
    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        ErrorResponse.WriteAsync(Context, new RelayError(ErrorCode.Forbidden, "This key does not have the scope for this route. Ask the relay's operator."));

    /// <summary>
    /// How long the client waits for an answer, in seconds: OpenAI's and Anthropic's SDKs say so in
    /// <c>X-Stainless-Timeout</c>, others may in <c>Request-Timeout</c>. What is no sensible number is as good as nothing.
    /// </summary>
    private TimeSpan? AnnouncedPatience() =>
        PatienceHeaders
            .Select(name => double.TryParse(Request.Headers[name], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and < 86_400
                ? TimeSpan.FromSeconds(seconds)
                : (TimeSpan?)null)
            .Min();

    private IEnumerable<string?> Candidates() =>
        Request.Headers.Authorization
            .Where(value => value?.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) == true)
            .Select(value => value?[Bearer.Length..].Trim())
            .Concat(Request.Headers["x-api-key"]);
}

/// <summary>What a route asks of a key, see <see cref="KeyScopes"/>; the names are those of the authorization policies, too.</summary>
internal static class Scope
{
    /// <summary>The claims that hold a key's scopes.</summary>
    public const string ClaimType = "scope";

    /// <summary><see cref="KeyScopes.Complete"/>.</summary>
    public const string Complete = "complete";

    /// <summary><see cref="KeyScopes.Usage"/>.</summary>
    public const string Usage = "usage";
}

internal static class ApiKeyAuthenticationExtensions
{
    /// <summary>Makes keys the only way in.</summary>
    public static void AddRelayAuthentication(this IServiceCollection services)
    {
        // The core only: AddAuthentication would bring data protection, which writes keys of its own to the disk.
        services.AddAuthenticationCore(authentication =>
        {
            authentication.AddScheme<ApiKeyAuthentication>(ApiKeyAuthentication.SchemeName, displayName: null);
            authentication.DefaultScheme = ApiKeyAuthentication.SchemeName;
        });
        services.AddTransient<ApiKeyAuthentication>();
        services.AddWebEncoders();
        services.AddAuthorization(authorization =>
        {
            foreach (var scope in KeyScopeNames.All)
            {
                authorization.AddPolicy(scope, policy => policy.RequireClaim(Scope.ClaimType, scope));
            }
        });
    }

    /// <summary>The key of an authenticated request.</summary>
    public static ApiKey Caller(this HttpContext context) => context.RelayRequest().Caller;

    /// <summary>An authenticated request on its way through the relay.</summary>
    public static RequestContext RelayRequest(this HttpContext context) => context.Features.GetRequiredFeature<RequestContext>();
}
