namespace Relay.Domain.Fetching;

/// <summary>
/// Names that no public site has. The list only saves the look-up of their addresses. The protection is that every address is judged.
/// </summary>
internal static class ReservedNames
{
    /// <summary>
    /// RFC 6761 (localhost, test, invalid, example), RFC 6762 (local), RFC 7686 (onion), RFC 8375 (home.arpa, with all of arpa), RFC 9476
    /// (alt), ICANN's reservation of internal, and names that routers, containers and clouds use.
    /// </summary>
    private static readonly HashSet<string> TopLabels = new(StringComparer.Ordinal)
    {
        "localhost",
        "test",
        "invalid",
        "example",
        "local",
        "onion",
        "arpa",
        "alt",
        "internal",
        "localdomain",
        "lan",
        "home",
        "corp",
        "intranet",
        "private",
        "svc",
    };

    private static readonly HashSet<string> Names = new(StringComparer.Ordinal) { "metadata.goog" };

    private static readonly string[] Suffixes = [".metadata.goog"];

    /// <summary>Whether a name, in lower case and without a dot at its end, is reserved or has a single label.</summary>
    public static bool Contains(string name)
    {
        var lastDot = name.LastIndexOf('.');
        return lastDot < 0
            || TopLabels.Contains(name[(lastDot + 1)..])
            || Names.Contains(name)
            || Array.Exists(Suffixes, suffix => name.EndsWith(suffix, StringComparison.Ordinal));
    }
}
