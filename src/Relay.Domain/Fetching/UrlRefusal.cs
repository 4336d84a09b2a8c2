using System.Text.Json;

namespace Relay.Domain.Fetching;

/// <summary>Why a URL is not fetched, as far as its text decides.</summary>
public enum UrlRefusal
{
    /// <summary>It is not one, or written in a way in which programs read different hosts.</summary>
    InvalidUrl,

    /// <summary>It is neither http nor https.</summary>
    SchemeForbidden,

    /// <summary>It has a user or a password before its host.</summary>
    UserinfoForbidden,

    /// <summary>Its port is not one of the operator's.</summary>
    PortForbidden,

    /// <summary>Its host is a name that means something inside networks only.</summary>
    NameForbidden,

    /// <summary>Its host is an address that is not public.</summary>
    TargetForbidden,
}

/// <summary>What a refusal is called and says.</summary>
public static class UrlRefusals
{
    /// <summary>The refusal as one word: <c>target_forbidden</c>.</summary>
    public static string WireName(this UrlRefusal refusal) => JsonNamingPolicy.SnakeCaseLower.ConvertName(refusal.ToString());

    /// <summary>The refusal as callers see it: why, and what to do.</summary>
    public static RelayError ToError(this UrlRefusal refusal, FetchRules rules) =>
        new(
            ErrorCode.UrlRejected,
            refusal switch
            {
                UrlRefusal.InvalidUrl =>
                    "'url' is not a plain absolute URL. Send scheme, host and path as a browser's address bar would copy them, "
                        + "percent-encoded, at most 8192 characters long.",
                UrlRefusal.SchemeForbidden => "'url' begins with another scheme than http or https.",
                UrlRefusal.UserinfoForbidden => "'url' has a user name or an '@' before its host. Leave it out.",
                UrlRefusal.PortForbidden =>
                    $"'url' names a port that this relay does not fetch from. It takes {string.Join(", ", rules.Ports.Order())}.",
                UrlRefusal.NameForbidden => "'url' names a host that this relay does not fetch from: only public names are taken.",
                UrlRefusal.TargetForbidden => "'url' names an address that is not public.",
                _ => throw new ArgumentOutOfRangeException(nameof(refusal), refusal, "Not a refusal."),
            },
            "url"
        );
}
