using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Relay.AnthropicSimulator;

/// <summary>An answer as one JSON object, for requests that do not stream.</summary>
internal static class AnswerJson
{
    public static byte[] Message(Answer answer)
    {
        IEnumerable<string> blocks =
        [
            .. answer.Thought is { } thought
                ? [$$"""{"type":"thinking","thinking":{{Quote(thought)}},"signature":"c2lnbmVk"}"""]
                : Array.Empty<string>(),
            .. answer.HiddenThought is { } hidden ? [$$"""{"type":"redacted_thinking","data":{{Quote(hidden)}}}"""] : Array.Empty<string>(),
            .. answer.Text is { } text ? [$$"""{"type":"text","text":"{{text.Escaped()}}"}"""] : Array.Empty<string>(),
            .. answer.Behavior.Citations.Select(citation =>
                $$"""{"citations":[{{citation}}],"type":"text","text":{{CitedWords(citation)}}}"""
            ),
            .. answer.ToolCalls.Select(
                (call, i) =>
                    $$"""{"type":"tool_use","id":"{{answer.ToolCallId(i)}}","name":{{Quote(call.Name)}},"input":{{call.Input.GetRawText()}}}"""
            ),
        ];
        var content = string.Join(',', blocks);
        return Encoding.UTF8.GetBytes(
            $$"""{"id":"{{answer.MessageId}}","type":"message","role":"assistant","model":{{Quote(answer.Model)}},"content":[{{content}}],"stop_reason":"{{answer.StopReason}}","stop_sequence":{{QuoteOrNull(answer.StopSequence)}},"usage":{{Usage(answer.Behavior, answer.OutputTokens)}}}"""
        );
    }

    public static string Usage(Behavior behavior, int outputTokens) =>
        $$"""{"input_tokens":{{behavior.InputTokens}},"cache_creation_input_tokens":{{behavior.CacheCreationInputTokens}},"cache_read_input_tokens":{{behavior.CacheReadInputTokens}},"output_tokens":{{outputTokens}}}""";

    /// <summary>The words of a citation, as a JSON string.</summary>
    public static string CitedWords(string citation) => JsonElement.Parse(citation).GetProperty("cited_text").GetRawText();

    public static string QuoteOrNull(string? text) => text is null ? "null" : Quote(text);

    public static string Quote(string text) => $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
}
