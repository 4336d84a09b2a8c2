namespace Relay.Domain.Completions;

/// <summary>The wire names of efforts, the same for callers and for Claude Code.</summary>
public static class EffortNames
{
    private static readonly string[] All = ["low", "medium", "high", "xhigh", "max"];

    /// <summary>An effort's wire name.</summary>
    public static string WireName(this Effort effort) => All[(int)effort];

    /// <summary>Accepts a wire name.</summary>
    /// <param name="field">The wire name of the field, for the error.</param>
    /// <param name="name">As the caller wrote it.</param>
    public static Result<Effort> Parse(string field, string name) =>
        Array.IndexOf(All, name) is var index and >= 0
            ? (Effort)index
            : RelayError.Invalid(field, $"'{field}' takes one of {string.Join(", ", All)}.");

    /// <summary>Accepts a wire name, and reads <c>none</c> and <c>minimal</c>, which other APIs have, as the lowest effort.</summary>
    /// <param name="field">The wire name of the field, for the error.</param>
    /// <param name="name">As the caller wrote it.</param>
    public static Result<Effort> ParseOrLeast(string field, string name) => name is "none" or "minimal" ? Effort.Low : Parse(field, name);
}
