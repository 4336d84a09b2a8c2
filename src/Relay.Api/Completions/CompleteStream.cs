using System.ComponentModel.DataAnnotations;
using Relay.Api.OpenApi;
using Relay.Api.Streaming;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>
/// The events of a stream: <c>start</c>; any number of <c>delta</c>; for each call of a tool <c>tool_call_start</c>, <c>tool_call_delta</c>
/// and <c>tool_call</c>; for each thought <c>thinking_delta</c> and <c>thinking</c>; then <c>done</c> or <c>error</c>.
/// </summary>
[Event(typeof(StartEvent), "start")]
[Event(typeof(DeltaEvent), "delta")]
[Event(typeof(TextContract), "citations")]
[Event(typeof(ToolCallStartEvent), "tool_call_start")]
[Event(typeof(ToolCallDeltaEvent), "tool_call_delta")]
[Event(typeof(ToolUseContract), "tool_call")]
[Event(typeof(ThinkingDeltaEvent), "thinking_delta")]
[Event(typeof(ThinkingContract), "thinking")]
[Event(typeof(RedactedThinkingContract), "thinking")]
[Event(typeof(DoneEvent), "done")]
[Event(typeof(ErrorContract), "error")]
internal sealed record CompleteEvents;

/// <summary>The model has begun.</summary>
/// <param name="RequestId">The id of the request.</param>
/// <param name="Model">The model that answers, as Anthropic's API names it.</param>
internal sealed record StartEvent([property: RegularExpression(Patterns.RequestId)] string RequestId, string? Model);

/// <summary>
/// The next words. With <c>json_schema</c> there is one such event, at the end, because only a whole answer can be checked.
/// </summary>
/// <param name="Text">The next words.</param>
internal sealed record DeltaEvent([property: MinLength(1)] string Text);

/// <summary>The model begins to call a tool.</summary>
/// <param name="Id">The id of the call.</param>
/// <param name="Name">The name of the tool.</param>
internal sealed record ToolCallStartEvent(
    [property: RegularExpression(Patterns.ToolNameOrId)] string Id,
    [property: RegularExpression(Patterns.ToolNameOrId)] string Name
);

/// <summary>The next part of the input of the call.</summary>
/// <param name="Id">The id of the call.</param>
/// <param name="PartialJson">The part. All parts together are JSON.</param>
internal sealed record ToolCallDeltaEvent([property: RegularExpression(Patterns.ToolNameOrId)] string Id, string PartialJson);

/// <summary>The next words of a thought, for a request with <c>thinking</c>.</summary>
/// <param name="Thinking">The next words.</param>
internal sealed record ThinkingDeltaEvent(string Thinking);

/// <summary>
/// <c>POST /v1/complete</c> as events: <c>start</c>; any number of <c>delta</c>; for each call of a tool <c>tool_call_start</c>,
/// <c>tool_call_delta</c> and <c>tool_call</c>; for each thought <c>thinking_delta</c> and <c>thinking</c>; then <c>done</c> or
/// <c>error</c>.
/// </summary>
internal sealed class CompleteStream(EventStream stream, RequestContext context, Func<TimeSpan> elapsed) : CompletionStream(stream)
{
    private string _callId = string.Empty;

    protected override void Open(EventBuffer events) =>
        events.Add("start", new StartEvent(context.RequestId, AnsweringModel ?? context.Model?.Value));

    protected override void Continue(EventBuffer events, AnswerPiece piece)
    {
        switch (piece)
        {
            case WordsPiece words:
                events.Add("delta", new DeltaEvent(words.Text));
                break;
            case CallBegins call:
                _callId = call.Id;
                events.Add("tool_call_start", new ToolCallStartEvent(call.Id, call.Name));
                break;
            case CallInputPiece input:
                events.Add("tool_call_delta", new ToolCallDeltaEvent(_callId, input.Json));
                break;
            case CallEnds ended:
                events.Add("tool_call", ToolUseContract.From(ended.Call));
                break;
            case ThoughtPiece thought:
                events.Add("thinking_delta", new ThinkingDeltaEvent(thought.Text));
                break;
            case WordsEnd { Text: { Citations.Count: > 0 } cited }:
                events.Add("citations", TextContract.From(cited));
                break;
            case ThoughtEnds { Thought: var thought }:
                events.Add("thinking", ThinkingContract.From(thought));
                break;
            case HiddenThoughtPiece { Thought: var hidden }:
                events.Add("thinking", RedactedThinkingContract.From(hidden));
                break;
        }
    }

    protected override void Close(EventBuffer events, Completion completion) => events.Add("done", DoneEvent.From(completion, elapsed()));

    protected override void Fail(EventBuffer events, RelayError error) => events.Add("error", ErrorContract.From(error, context.RequestId));
}
