using System.Text.Json;
using Relay.Api.Completions;
using Relay.Api.Streaming;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Api.Anthropic;

/// <summary>
/// <c>POST /v1/messages</c> as events, in the one order that Anthropic's SDKs take: <c>message_start</c>, the blocks one after the other,
/// each with its deltas, <c>message_delta</c>, <c>message_stop</c>. The tokens of the prompt are known at the end only, and stand in
/// <c>message_delta</c>.
/// </summary>
internal sealed class MessageStream(EventStream stream, string id, Func<string> model, string requestId, long estimatedInputTokens)
    : CompletionStream(stream)
{
    private int _index = -1;
    private Block _open = Block.None;

    private enum Block
    {
        None,
        Words,
        Call,
        Thought,
    }

    /// <summary>The event by which Anthropic's own API breaks a silence.</summary>
    public static void Ping(EventBuffer events) => events.Add("ping", new PingEvent("ping"));

    protected override void Open(EventBuffer events)
    {
        var message = MessageAnswer.Of(id, AnsweringModel ?? model(), [], null, null, new MessageUsage(estimatedInputTokens, 1, 0, 0));
        events.Add("message_start", new MessageStart("message_start", message));
    }

    protected override void Continue(EventBuffer events, AnswerPiece piece)
    {
        switch (piece)
        {
            case WordsPiece words:
                Enter(events, Block.Words, TextContract.Of(string.Empty));
                Add(events, new TextDelta("text_delta", words.Text));
                break;
            case CitationPiece citation:
                Add(events, new CitationsDelta("citations_delta", JsonElement.Parse(citation.Json)));
                break;
            case CallBegins call:
                Leave(events);
                Enter(events, Block.Call, ToolUseContract.Begun(call.Id, call.Name));
                break;
            case CallInputPiece input:
                Add(events, new InputDelta("input_json_delta", input.Json));
                break;
            case ThoughtPiece thought:
                Enter(events, Block.Thought, new ThinkingContract("thinking", string.Empty, string.Empty));
                Add(events, new ThinkingDelta("thinking_delta", thought.Text));
                break;
            case ThoughtEnds { Thought: var thought }:
                Enter(events, Block.Thought, new ThinkingContract("thinking", string.Empty, string.Empty));
                Add(events, new SignatureDelta("signature_delta", thought.Signature ?? string.Empty));
                Leave(events);
                break;
            case HiddenThoughtPiece { Thought: var hidden }:
                Leave(events);
                Enter(events, Block.Thought, RedactedThinkingContract.From(hidden));
                Leave(events);
                break;
            case CallEnds or WordsEnd:
                Leave(events);
                break;
        }
    }

    protected override void Close(EventBuffer events, Completion completion)
    {
        if (_index < 0)
        {
            // An empty answer has one empty block, as the whole answer has.
            Enter(events, Block.Words, TextContract.Of(string.Empty));
        }

        Leave(events);
        events.Add(
            "message_delta",
            new MessageDelta(
                "message_delta",
                new StopDelta(completion.StopReason, completion.StopSequence),
                MessageUsage.From(completion.Usage)
            )
        );
        events.Add("message_stop", new MessageStop("message_stop"));
    }

    private void Enter(EventBuffer events, Block block, object content)
    {
        if (_open == block)
        {
            return;
        }

        Leave(events);
        (_open, _index) = (block, _index + 1);
        events.Add("content_block_start", new BlockStart("content_block_start", _index, content));
    }

    private void Add(EventBuffer events, object delta) =>
        events.Add("content_block_delta", new BlockDelta("content_block_delta", _index, delta));

    private void Leave(EventBuffer events)
    {
        if (_open != Block.None)
        {
            _open = Block.None;
            events.Add("content_block_stop", new BlockStop("content_block_stop", _index));
        }
    }

    protected override void Fail(EventBuffer events, RelayError error) => events.Add("error", AnthropicError.From(error, requestId));
}
