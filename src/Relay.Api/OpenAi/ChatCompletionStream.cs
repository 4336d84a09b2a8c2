using Relay.Api.Streaming;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Api.OpenAi;

/// <summary>
/// <c>POST /v1/chat/completions</c> as chunks: events without a name, then <c>[DONE]</c>. OpenAI's .NET SDK ignores an error among them,
/// and notices that the connection was cut.
/// </summary>
internal sealed class ChatCompletionStream(
    EventStream stream,
    string id,
    long created,
    Func<string> model,
    bool includesUsage,
    bool hasFunctions
) : CompletionStream(stream)
{
    private const string Object = "chat.completion.chunk";

    private int _calls;
    private bool _hasInput;

    protected override void Open(EventBuffer events) => AddChunk(events, new ChatDelta("assistant", string.Empty));

    protected override void Continue(EventBuffer events, AnswerPiece piece)
    {
        switch (piece)
        {
            case WordsPiece words:
                AddChunk(events, new ChatDelta(null, words.Text));
                break;
            case CallBegins call:
                (_calls, _hasInput) = (_calls + 1, false);
                AddCall(events, call.Id, new ChatFunctionCall(call.Name, string.Empty));
                break;
            case CallInputPiece input:
                _hasInput = true;
                AddCall(events, null, new ChatFunctionCall(null, input.Json));
                break;
            case ThoughtPiece thought:
                AddChunk(events, new ChatDelta(null, null) { ReasoningContent = thought.Text });
                break;
            case CallEnds { Call: var call } when !_hasInput:
                // The arguments of a call without input are JSON, too.
                AddCall(events, null, new ChatFunctionCall(null, call.RevealInput()));
                break;
        }
    }

    protected override void Close(EventBuffer events, Completion completion)
    {
        // Words that came before a refusal went out as content already.
        AddChunk(events, new ChatDelta(null, null, ChatRefusal.Of(completion)), FinishReason.From(completion.StopReason, hasFunctions));
        if (includesUsage)
        {
            events.Add(null, new ChatChunkWithUsage(id, Object, created, AnsweringModel ?? model(), [], ChatUsage.From(completion.Usage)));
        }

        events.AddText("[DONE]");
    }

    protected override void Fail(EventBuffer events, RelayError error) => events.Add(null, OpenAiError.From(error));

    private void AddCall(EventBuffer events, string? id, ChatFunctionCall function) =>
        AddChunk(
            events,
            hasFunctions
                ? new ChatDelta(null, null) { FunctionCall = function }
                : new ChatDelta(null, null) { ToolCalls = [new ChatToolCall(_calls - 1, id, id is null ? null : "function", function)] }
        );

    private void AddChunk(EventBuffer events, ChatDelta delta, string? finishReason = null)
    {
        IReadOnlyList<ChatChunkChoice> choices = [new ChatChunkChoice(0, delta, null, finishReason)];
        if (includesUsage)
        {
            events.Add(null, new ChatChunkWithUsage(id, Object, created, AnsweringModel ?? model(), choices, null));
        }
        else
        {
            events.Add(null, new ChatCompletionChunk(id, Object, created, AnsweringModel ?? model(), choices));
        }
    }
}
