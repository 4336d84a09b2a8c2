namespace Relay.Domain.Completions;

/// <summary>The side that said something.</summary>
public enum ChatRole
{
    /// <summary>The caller's side.</summary>
    User,

    /// <summary>The model's.</summary>
    Assistant,
}

/// <summary>A part of a message.</summary>
public abstract record ContentBlock
{
    private protected ContentBlock() { }
}

/// <summary>Words.</summary>
public sealed record TextBlock(PromptText Text) : ContentBlock;

/// <summary>One turn of one side.</summary>
/// <param name="Role">The side.</param>
/// <param name="Content">At least one block, in order. The model's turns hold text and calls of tools.</param>
public sealed record ChatMessage(ChatRole Role, IReadOnlyList<ContentBlock> Content)
{
    /// <summary>A message of words alone.</summary>
    public static ChatMessage Of(ChatRole role, PromptText text) => new(role, [new TextBlock(text)]);
}
