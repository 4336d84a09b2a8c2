namespace Relay.Domain.Completions;

/// <summary>The choice of tools that the caller leaves to the model.</summary>
/// <param name="Mode">Whether the model calls any.</param>
/// <param name="Name">The tool that it calls; null but with <see cref="ToolChoiceMode.One"/>.</param>
public sealed record ToolChoice(ToolChoiceMode Mode, string? Name = null)
{
    /// <summary>The model decides.</summary>
    public static ToolChoice Auto { get; } = new(ToolChoiceMode.Auto);

    /// <summary>The model calls none.</summary>
    public static ToolChoice None { get; } = new(ToolChoiceMode.None);

    /// <summary>The model calls at least one.</summary>
    public static ToolChoice Any { get; } = new(ToolChoiceMode.Any);

    /// <summary>The model calls this tool.</summary>
    public static ToolChoice Only(string name) => new(ToolChoiceMode.One, name);

    /// <summary>Whether the model must call a tool.</summary>
    public bool IsForced => Mode is ToolChoiceMode.Any or ToolChoiceMode.One;
}
