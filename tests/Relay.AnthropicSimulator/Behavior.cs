using System.Text.Json;
using System.Text.Json.Serialization;

namespace Relay.AnthropicSimulator;

/// <summary>
/// The answer to a request to <c>/v1/messages</c>. Pure data; the first of these that is set wins: <see cref="Failure"/>,
/// <see cref="StructuredOutput"/>, <see cref="ToolCalls"/>, <see cref="Words"/>, <see cref="Echo"/>, <see cref="Text"/>,
/// and without any of them a sample of the JSON schema that the request asks for, or else <see cref="DefaultText"/>.
/// As JSON (<c>PUT /_simulator/behavior</c>) the names are snake_case and durations are milliseconds.
/// </summary>
public sealed record Behavior
{
    /// <summary>The answer when nothing else is asked for.</summary>
    public const string DefaultText = "Hello! This is the simulated Anthropic API, wishing you well.";

    /// <summary>The answer's text, sent in up to 32 deltas; null for <see cref="DefaultText"/>.</summary>
    public string? Text { get; init; }

    /// <summary>Answer with exactly <see cref="RecordedRequest.LastUserText"/>.</summary>
    public bool Echo { get; init; }

    /// <summary>Answer with that many short words, one delta each: the text that <see cref="WordsText"/> returns.</summary>
    public int? Words { get; init; }

    /// <summary>
    /// Writes the moment (a timestamp of <see cref="System.Diagnostics.Stopwatch"/>) instead of each of the <see cref="Words"/>.
    /// </summary>
    public bool TimedWords { get; init; }

    /// <summary>The model that the answer names; null for the one asked for.</summary>
    public string? Model { get; init; }

    /// <summary>The time before anything is sent, response headers too. Applies to failures too.</summary>
    [JsonPropertyName("before_first_token_ms"), JsonConverter(typeof(MillisecondsConverter))]
    public TimeSpan BeforeFirstToken { get; init; }

    /// <summary>Nothing is sent before this has completed either: for a test that decides itself how long. Not in JSON.</summary>
    [JsonIgnore]
    public Task Until { get; init; } = Task.CompletedTask;

    /// <summary>The pause before every delta but the first. With it each event is flushed alone.</summary>
    [JsonPropertyName("between_tokens_ms"), JsonConverter(typeof(MillisecondsConverter))]
    public TimeSpan BetweenTokens { get; init; }

    /// <summary>The pause between a streamed answer's <c>stop_reason</c> and its end.</summary>
    [JsonPropertyName("before_end_ms"), JsonConverter(typeof(MillisecondsConverter))]
    public TimeSpan BeforeEnd { get; init; }

    /// <summary>Answer with one assistant message of these <c>tool_use</c> blocks and <c>stop_reason: tool_use</c>.</summary>
    public IReadOnlyList<ToolCall> ToolCalls { get; init; } = [];

    /// <summary>
    /// Answer with <see cref="ToolCalls"/> until the conversation holds that many messages with tool results, then with text; null for one.
    /// With several rounds the calls are made one after the other, each with its number in the field <c>round</c> of its input.
    /// </summary>
    public int? ToolRounds { get; init; }

    /// <summary>
    /// Citations as JSON, whether the request asks for some or not. Each has a block of text after the answer's: the words of its
    /// <c>cited_text</c>.
    /// </summary>
    public IReadOnlyList<string> Citations { get; init; } = [];

    /// <summary>Words before the calls of <see cref="ToolCalls"/>.</summary>
    public string? BeforeCalls { get; init; }

    /// <summary>A thought before everything else, where the request has the model think.</summary>
    public string? Thought { get; init; }

    /// <summary>A thought in encrypted form, after <see cref="Thought"/>.</summary>
    public string? HiddenThought { get; init; }

    /// <summary>Also answer tool results with <see cref="ToolCalls"/>; otherwise they are answered with text.</summary>
    public bool ToolCallsForever { get; init; }

    /// <summary>
    /// JSON answered as a call of the tool <c>StructuredOutput</c>, or as text when the request asks for a schema without that tool.
    /// </summary>
    public string? StructuredOutput { get; init; }

    /// <summary>The failure.</summary>
    public UpstreamFailure Failure { get; init; }

    /// <summary>The words of <see cref="UpstreamFailure.InvalidRequest"/>; null for some.</summary>
    public string? FailureMessage { get; init; }

    /// <summary>
    /// The number of requests that fail before the rest succeed; null for all. Counted per simulator and instance of this record.
    /// </summary>
    public int? FailTimes { get; init; }

    /// <summary>Extra response headers; they replace the simulator's own of the same name.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Usage: tokens read outside the cache.</summary>
    public int InputTokens { get; init; } = 12;

    /// <summary>Usage: tokens written; null for the number of deltas sent.</summary>
    public int? OutputTokens { get; init; }

    /// <summary>Usage: tokens written to the cache.</summary>
    public int CacheCreationInputTokens { get; init; }

    /// <summary>Usage: tokens read from the cache.</summary>
    public int CacheReadInputTokens { get; init; }

    /// <summary>The text of an answer of <paramref name="count"/> <see cref="Words"/>.</summary>
    public static string WordsText(int count) => AnswerText.OfWords(count).ToString();

    /// <summary>The first value that contradicts another or cannot be sent; null when there is no such value.</summary>
    internal string? Problem() =>
        Words is < 1 ? "words must be at least 1"
        : FailTimes is < 0 ? "fail_times must not be negative"
        : BeforeFirstToken < TimeSpan.Zero ? "before_first_token_ms must not be negative"
        : BetweenTokens < TimeSpan.Zero ? "between_tokens_ms must not be negative"
        : BeforeEnd < TimeSpan.Zero ? "before_end_ms must not be negative"
        : ToolCallsForever && ToolCalls.Count == 0 ? "tool_calls_forever needs tool_calls"
        : ToolCalls.Any(call => call.Input.ValueKind != JsonValueKind.Object) ? "the input of a tool call must be a JSON object"
        : StructuredOutput is { } json && !IsJsonObject(json) ? "structured_output must be the text of a JSON object"
        : new[] { InputTokens, OutputTokens ?? 0, CacheCreationInputTokens, CacheReadInputTokens }.Min() < 0
            ? "token counts must not be negative"
        : null;

    private static bool IsJsonObject(string text)
    {
        try
        {
            return JsonElement.Parse(text).ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
