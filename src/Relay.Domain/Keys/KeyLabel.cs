using System.Buffers;

namespace Relay.Domain.Keys;

/// <summary>The operator's name for a key: unique, safe in a log, a file and a terminal.</summary>
public sealed record KeyLabel
{
    /// <summary>Longest label, in characters.</summary>
    public const int MaxLength = 64;

    private static readonly SearchValues<char> Allowed = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
    );

    private KeyLabel(string value) => Value = value;

    /// <summary>The label.</summary>
    public string Value { get; }

    /// <summary>Accepts 1 to 64 of letters, digits, <c>.</c>, <c>_</c> and <c>-</c>.</summary>
    public static Result<KeyLabel> Create(string? text) =>
        text is { Length: > 0 and <= MaxLength } && !text.AsSpan().ContainsAnyExcept(Allowed)
            ? new KeyLabel(text)
            : RelayError.Invalid("label", $"A label is 1 to {MaxLength} letters, digits, dots, underscores or hyphens.");

    public override string ToString() => Value;
}
