namespace Relay.Domain.Completions;

/// <summary>Who said something.</summary>
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

/// <summary>What one side said in its turn.</summary>
/// <param name="Role">Which side.</param>
/// <param name="Content">At least one block, in order; of the model's side text and calls of tools.</param>
public sealed record ChatMessage(ChatRole Role, IReadOnlyList<ContentBlock> Content)
{
    /// <summary>A message of nothing but words.</summary>
    public static ChatMessage Of(ChatRole role, PromptText text) => new(role, [new TextBlock(text)]);
}
