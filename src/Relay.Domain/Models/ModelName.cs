using System.Buffers;

namespace Relay.Domain.Models;

/// <summary>
/// A model alias or id as Claude Code takes it (<c>opus</c>, <c>claude-opus-5-5</c>). It is the one piece of a request
/// that reaches a command line, so the alphabet is closed and the first character is a letter: it can't be an option.
/// </summary>
public sealed record ModelName
{
    /// <summary>Longest name accepted, in characters.</summary>
    public const int MaxLength = 64;

    private static readonly SearchValues<char> Allowed = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-._[]:@");

    /// <summary>The beginning of every full id.</summary>
    private const string FullId = "claude-";

    private ModelName(string value) => Value = value;

    /// <summary>The name.</summary>
    public string Value { get; }

    /// <summary>
    /// The family of a full id: <c>sonnet</c> of <c>claude-sonnet-4-5</c> and of <c>claude-3-5-sonnet-20241022</c>, <c>fable</c> of
    /// <c>claude-fable-5</c>. Of any other name, <c>opus</c>, <c>sonnet</c> or <c>haiku</c> where it is in the name, or the name itself.
    /// </summary>
    public string Family =>
        Value.Contains("opus", StringComparison.Ordinal) ? "opus"
        : Value.Contains("sonnet", StringComparison.Ordinal) ? "sonnet"
        : Value.Contains("haiku", StringComparison.Ordinal) ? "haiku"
        : Value.StartsWith(FullId, StringComparison.Ordinal) ? FirstWord(Value) ?? Value
        : Value;

    /// <summary>
    /// Whether it names a family (<c>opus</c>, <c>sonnet</c>, <c>haiku</c>) and leaves the choice of its model to Claude Code.
    /// </summary>
    public bool IsFamily => Value is "opus" or "sonnet" or "haiku";

    /// <summary>Accepts 1 to 64 of lower-case letters, digits and <c>-._[]:@</c>, beginning with a letter.</summary>
    public static Result<ModelName> Create(string text) =>
        text.Length is > 0 and <= MaxLength && char.IsAsciiLetterLower(text[0]) && !text.AsSpan().ContainsAnyExcept(Allowed)
            ? new ModelName(text)
            : new RelayError(
                ErrorCode.UnknownModel,
                "'model' is not the name of a model. GET /v1/models lists those you can use.",
                "model"
            );

    /// <summary>
    /// A name as Claude Code writes it, from one as clients write it: <c>claude-sonnet-4-5</c> for <c>anthropic/Claude-Sonnet-4.5</c>.
    /// </summary>
    public static string Simplify(string text)
    {
        var name = text.Trim().ToLowerInvariant();
        name = name[(name.LastIndexOf('/') + 1)..];
        return name.StartsWith(FullId, StringComparison.Ordinal) ? name.Replace('.', '-') : name;
    }

    private static string? FirstWord(string id) =>
        id[FullId.Length..].Split('[', '@', ':')[0].Split('-').FirstOrDefault(part => part.Length > 1 && part.All(char.IsAsciiLetterLower));

    /// <summary>
    /// Whether permission for this model includes the other: it is the same, or a full id (<c>claude-…</c>) of the family that this one
    /// names.
    /// </summary>
    public bool Covers(ModelName other) =>
        Value == other.Value || (other.Value.StartsWith(FullId, StringComparison.Ordinal) && other.Family == Value);

    public override string ToString() => Value;
}
