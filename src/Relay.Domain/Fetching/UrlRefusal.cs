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
