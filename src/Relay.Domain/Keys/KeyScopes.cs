namespace Relay.Domain.Keys;

/// <summary>The permissions of a key.</summary>
[Flags]
public enum KeyScopes
{
    /// <summary>No scope; no key has this value.</summary>
    None = 0,

    /// <summary>Completions. The list of models is for every key.</summary>
    Complete = 1,

    /// <summary>Fetching pages.</summary>
    Fetch = 2,

    /// <summary>Reading its own usage.</summary>
    Usage = 4,

    /// <summary>Requests about other keys. Never a default.</summary>
    Admin = 8,

    /// <summary>The scopes of a key for which the operator names none.</summary>
    Default = Complete | Fetch | Usage,
}
