namespace Relay.AnthropicSimulator;

/// <summary>
/// An assistant message, before it is written as events or as one JSON object: text, tool calls, or text before tool calls.
/// </summary>
internal sealed record Answer(
    int RequestIndex,
    string Model,
    AnswerText? Text,
    IReadOnlyList<ToolCall> ToolCalls,
    string StopReason,
    Behavior Behavior,
    string? StopSequence = null
)
{
    private const string StructuredOutputTool = "StructuredOutput";

    /// <summary>The thought at its begin; null for none.</summary>
    public string? Thought { get; init; }

    /// <summary>The encrypted thought after it; null for none.</summary>
    public string? HiddenThought { get; init; }

    public string MessageId => $"msg_sim{RequestIndex:D8}";

    public int OutputTokens => Behavior.OutputTokens ?? Text?.Count ?? ToolCalls.Count;

    public string ToolCallId(int call) => $"toolu_sim{RequestIndex:D8}_{call}";

    public static Answer To(RecordedRequest request, Behavior behavior, UpstreamFailure failure)
    {
        var body = request.Parsed;
        var isOver =
            body.ResultMessages >= (behavior.ToolRounds ?? (body.AnswersToolCalls ? 0 : int.MaxValue)) && !behavior.ToolCallsForever;
        var calls =
            isOver
            || body.ForbidsCalls
            || (failure != UpstreamFailure.None && !(failure == UpstreamFailure.MaxTokens && body.StructuredOutputTool is null))
                ? []
                : ToolCallsFor(body, behavior);
        var stopReason = failure switch
        {
            UpstreamFailure.MaxTokens => "max_tokens",
            UpstreamFailure.Refusal => "refusal",
            _ => calls.Count > 0 ? "tool_use" : "end_turn",
        };
        var answer = new Answer(
            request.Index,
            behavior.Model ?? body.Model ?? "",
            calls.Count == 0 ? TextFor(request, behavior)
                : behavior.BeforeCalls is { } words ? AnswerText.Of(words)
                : null,
            calls,
            stopReason,
            behavior
        )
        {
            Thought = body.Thinks ? behavior.Thought : null,
            HiddenThought = body.Thinks ? behavior.HiddenThought : null,
        };
        return body.StopSequences.Count > 0 && answer.Text is { } text ? answer.StoppedAt(body.StopSequences, text.ToString()) : answer;
    }

    private Answer StoppedAt(IReadOnlyList<string> sequences, string text)
    {
        var first = sequences
            .Select(sequence => (Sequence: sequence, At: text.IndexOf(sequence, StringComparison.Ordinal)))
            .Where(found => found.At >= 0)
            .OrderBy(found => found.At)
            .FirstOrDefault();
        return first.Sequence is null
            ? this
            : this with
            {
                Text = AnswerText.Of(text[..first.At]),
                StopReason = "stop_sequence",
                StopSequence = first.Sequence,
            };
    }

    private static IReadOnlyList<ToolCall> ToolCallsFor(RequestBody body, Behavior behavior) =>
        (behavior.StructuredOutput, body.StructuredOutputTool) switch
        {
            ({ } json, var tool) when tool is not null || body.OutputSchema is null => [ToolCall.Of(StructuredOutputTool, json)],
            (null, { } schema) when SaysNothing(behavior) =>
            [
                new ToolCall { Name = StructuredOutputTool, Input = SchemaSample.Of(schema) },
            ],
            _ when behavior.ToolRounds > 1 => [.. behavior.ToolCalls.Select(call => call.OfRound(body.ResultMessages))],
            _ => behavior.ToolCalls,
        };

    private static AnswerText TextFor(RecordedRequest request, Behavior behavior)
    {
        if (behavior.Words is { } words)
        {
            return behavior.TimedWords ? AnswerText.OfMoments(words) : AnswerText.OfWords(words);
        }

        if (behavior.Echo)
        {
            return AnswerText.Of(request.LastUserText);
        }

        return AnswerText.Of(behavior.Text ?? SchemaText(request.Parsed, behavior) ?? Behavior.DefaultText);
    }

    private static string? SchemaText(RequestBody body, Behavior behavior) =>
        body.OutputSchema is { } schema ? behavior.StructuredOutput ?? SchemaSample.Of(schema).GetRawText() : null;

    /// <summary>A model told to answer by schema does so, unless the behaviour has its own answer.</summary>
    private static bool SaysNothing(Behavior behavior) => behavior is { Text: null, Echo: false, Words: null, ToolCalls.Count: 0 };
}
