using System.Text.Json;

namespace Relay.Domain.Fetching;

/// <summary>The reason why the text of a URL forbids to fetch it.</summary>
public enum UrlRefusal
{
    /// <summary>The text is not a URL, or programs read different hosts in it.</summary>
    InvalidUrl,

    /// <summary>The scheme is neither http nor https.</summary>
    SchemeForbidden,

    /// <summary>The URL has a user or a password before its host.</summary>
    UserinfoForbidden,

    /// <summary>The port is not one that the operator allows.</summary>
    PortForbidden,

    /// <summary>The host is a name with a meaning inside networks only.</summary>
    NameForbidden,

    /// <summary>The host is an address that is not public.</summary>
    TargetForbidden,
}

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
