namespace Relay.Domain.Completions;

/// <summary>The tools of a request, at least one. Prints <c>***</c>.</summary>
public sealed class ToolSet
{
    /// <summary>Most tools of one request.</summary>
    public const int MaxTools = 256;

    private ToolSet(IReadOnlyList<ToolDeclaration> tools, ToolChoice choice, bool allowsParallel) =>
        (Tools, Choice, AllowsParallel) = (tools, choice, allowsParallel);

    /// <summary>The declarations, in the caller's order. No two have the same name.</summary>
    public IReadOnlyList<ToolDeclaration> Tools { get; }

    /// <summary>Whether the model calls any of them.</summary>
    public ToolChoice Choice { get; }

    /// <summary>Whether one answer may hold several calls.</summary>
    public bool AllowsParallel { get; }

    /// <summary>UTF-8 bytes of all declarations.</summary>
    public long Utf8Bytes => Tools.Sum(tool => (long)tool.Utf8Bytes);

    /// <summary>Accepts tools with different names, and a choice among them.</summary>
    /// <param name="field">The wire name of the list, for errors.</param>
    /// <param name="tools">At least one.</param>
    /// <param name="choiceField">The wire name of the choice, for errors.</param>
    /// <param name="choice">The choice.</param>
    /// <param name="allowsParallel">Whether one answer may hold several calls.</param>
    public static Result<ToolSet> Create(
        string field,
        IReadOnlyList<ToolDeclaration> tools,
        string choiceField,
        ToolChoice choice,
        bool allowsParallel
    )
    {
        if (tools.Count is 0 or > MaxTools)
        {
            return RelayError.Invalid(field, $"'{field}' takes 1 to {MaxTools} tools.");
        }

        if (tools.GroupBy(tool => tool.Name, StringComparer.Ordinal).FirstOrDefault(group => group.Skip(1).Any()) is { } twice)
        {
            return RelayError.Invalid(field, $"'{field}' has two tools with the name '{twice.Key}'. Give each tool its own name.");
        }

        return choice.Mode != ToolChoiceMode.One || tools.Any(tool => tool.Name == choice.Name)
            ? new ToolSet(tools, choice, allowsParallel)
            : RelayError.Invalid(choiceField, $"'{choiceField}' names a tool that is not in '{field}'.");
    }

    /// <summary>
    /// The tools that a conversation calls, for a request that declares none: the API takes calls of a conversation only beside
    /// declarations. The model calls none of them.
    /// </summary>
    /// <param name="names">Names of tools, at least one.</param>
    public static ToolSet OfHistory(IEnumerable<string> names) =>
        new([.. names.Distinct(StringComparer.Ordinal).Select(ToolDeclaration.Named)], ToolChoice.None, allowsParallel: true);

    public override string ToString() => $"ToolSet {{ {Tools.Count} tools, *** }}";
}
