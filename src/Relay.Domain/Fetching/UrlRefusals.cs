using System.Text.Json;

namespace Relay.Domain.Fetching;

/// <summary>The names and the messages of refusals.</summary>
public static class UrlRefusals
{
    /// <summary>The refusal as one word: <c>target_forbidden</c>.</summary>
    public static string WireName(this UrlRefusal refusal) => JsonNamingPolicy.SnakeCaseLower.ConvertName(refusal.ToString());

    /// <summary>The refusal as callers see it: the reason, and the action to take.</summary>
    public static RelayError ToError(this UrlRefusal refusal, FetchRules rules) =>
        new(
            ErrorCode.UrlRejected,
            refusal switch
            {
                UrlRefusal.InvalidUrl =>
                    "'url' is not a plain absolute URL. Send scheme, host and path as a browser's address bar would copy them, "
                        + "percent-encoded, at most 8192 characters long.",
                UrlRefusal.SchemeForbidden => "'url' begins with another scheme than http or https. Send one of these.",
                UrlRefusal.UserinfoForbidden => "'url' has a user name or an '@' before its host. Leave it out.",
                UrlRefusal.PortForbidden =>
                    $"'url' names a port that this relay does not fetch from. It takes {string.Join(", ", rules.Ports.Order())}.",
                UrlRefusal.NameForbidden => "'url' names a host that this relay does not fetch from. Send a public name.",
                UrlRefusal.TargetForbidden => "'url' names an address that is not public. Send a public one.",
                _ => throw new ArgumentOutOfRangeException(nameof(refusal), refusal, "Not a refusal."),
            },
            "url"
        );
}
