namespace Relay.AnthropicSimulator;

/// <summary>One entry of a request's <c>messages</c>.</summary>
/// <param name="Role"><c>user</c>, <c>assistant</c>, or <c>system</c> (the CLI's own environment note comes as one).</param>
/// <param name="Texts">Its text: the content string, or each text block in order.</param>
/// <param name="ToolResults">The text of each <c>tool_result</c> block in order.</param>
public sealed record RecordedMessage(string Role, IReadOnlyList<string> Texts, IReadOnlyList<string> ToolResults)
{
    /// <summary>The texts joined with nothing between them.</summary>
    public string Text => Texts.Count == 1 ? Texts[0] : string.Concat(Texts);
}
