namespace Relay.Domain.Fetching;

/// <summary>The operator's rules for the text of URLs.</summary>
/// <param name="Ports">Ports that may be asked.</param>
/// <param name="Allowed">Exact targets, <c>host:port</c> in lower case, that no rule on names or ports refuses.</param>
/// <param name="DeniedNames">
/// Names that are refused, as <see cref="HostName.Read"/> makes them; <c>*.example.com</c> for every name below one.
/// </param>
public sealed record FetchRules(IReadOnlySet<int> Ports, IReadOnlySet<string> Allowed, IReadOnlySet<string> DeniedNames)
{
    /// <summary>The rules when the operator sets none.</summary>
    public static FetchRules Default { get; } =
        new(new HashSet<int> { 80, 443 }, new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));

    /// <summary>Whether the operator named exactly this host (IPv6 in brackets) and port.</summary>
    public bool Allows(string host, int port) => Allowed.Count > 0 && Allowed.Contains($"{host}:{port}");

    /// <summary>Whether the operator refuses this name, or a name above it together with all names below.</summary>
    public bool Denies(string name)
    {
        if (DeniedNames.Count == 0)
        {
            return false;
        }

        var denied = DeniedNames.Contains(name);
        for (var dot = name.IndexOf('.', StringComparison.Ordinal); dot >= 0 && !denied; dot = name.IndexOf('.', dot + 1))
        {
            denied = DeniedNames.Contains($"*{name.AsSpan(dot)}");
        }

        return denied;
    }
}
