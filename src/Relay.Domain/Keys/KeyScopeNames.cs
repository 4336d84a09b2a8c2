namespace Relay.Domain.Keys;

/// <summary>The names of scopes, as in <c>keys.json</c> and on the command line.</summary>
public static class KeyScopeNames
{
    /// <summary>All names, in a fixed order.</summary>
    public static IReadOnlyList<string> All { get; } = ["complete", "fetch", "usage", "admin"];

    /// <summary>The names of a set, in a fixed order.</summary>
    public static IReadOnlyList<string> ToNames(this KeyScopes scopes) =>
        [.. All.Where(name => Parse([name]) is { Error: null } known && scopes.HasFlag(known.Value))];

    /// <summary>The set of some names. At least one is needed, and only the four are known.</summary>
    public static Result<KeyScopes> Parse(IEnumerable<string> names)
    {
        var scopes = KeyScopes.None;
        foreach (var name in names)
        {
            var scope = name switch
            {
                "complete" => KeyScopes.Complete,
                "fetch" => KeyScopes.Fetch,
                "usage" => KeyScopes.Usage,
                "admin" => KeyScopes.Admin,
                _ => KeyScopes.None,
            };
            if (scope == KeyScopes.None)
            {
                return Unknown;
            }

            scopes |= scope;
        }

        return scopes == KeyScopes.None ? Unknown : scopes;
    }

    private static RelayError Unknown { get; } =
        RelayError.Invalid("scopes", "Scopes are one or more of complete, fetch, usage and admin.");
}
