using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Relay.Api.Http;
using Relay.Application.Keys;
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

    private static readonly RelayError Refusal = new(ErrorCode.Unauthorized, "Send a valid key as 'Authorization: Bearer KEY'.");

    /// <inheritdoc/>
    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var key = Candidates().Select(KeySecret.Parse).OfType<KeySecret>().Select(keys.Find).FirstOrDefault(found => found is not null);
        if (key is null)
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        Context.Features.Set(key);
        Context.Log().KeyLabel = key.Label.Value;
        var identity = new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, key.Id)], SchemeName);
        return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), SchemeName)));
    }

    /// <inheritdoc/>
    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.WWWAuthenticate = "Bearer";
        return ErrorResponse.WriteAsync(Context, Refusal);
    }

    private IEnumerable<string?> Candidates() =>
        Request.Headers.Authorization
            .Where(value => value?.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) == true)
            .Select(value => value?[Bearer.Length..].Trim())
            .Concat(Request.Headers["x-api-key"]);
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
        services.AddAuthorization();
    }

    /// <summary>The key of an authenticated request.</summary>
    public static ApiKey Caller(this HttpContext context) => context.Features.GetRequiredFeature<ApiKey>();
}
