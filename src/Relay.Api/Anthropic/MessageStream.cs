using System.Text.Json.Serialization;
using Relay.Api.Streaming;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Api.Anthropic;

/// <summary>
/// <c>POST /v1/messages</c> as events, in the one order that Anthropic's SDKs take: <c>message_start</c>, a block with its deltas,
/// <c>message_delta</c>, <c>message_stop</c>. What the prompt cost is known at the end only, and stands in <c>message_delta</c>.
/// </summary>
internal sealed class MessageStream(EventStream stream, string id, Func<string> model, string requestId, long estimatedInputTokens) : CompletionStream(stream)
{
    /// <summary>The event by which Anthropic's own API breaks a silence.</summary>
    public static void Ping(EventBuffer events) => events.Add("ping", new PingEvent("ping"));

    /// <inheritdoc/>
    protected override void Open(EventBuffer events)
    {
        var message = MessageAnswer.Of(id, AnsweringModel ?? model(), [], null, null, new MessageUsage(estimatedInputTokens, 1, 0, 0));
        events.Add("message_start", new MessageStart("message_start", message));
        events.Add("content_block_start", new BlockStart("content_block_start", 0, MessageText.Of(string.Empty)));
    }

    /// <inheritdoc/>
    protected override void Continue(EventBuffer events, string text) => events.Add("content_block_delta", new BlockDelta("content_block_delta", 0, new TextDelta("text_delta", text)));

    /// <inheritdoc/>
    protected override void Close(EventBuffer events, Completion completion)
    {
        events.Add("content_block_stop", new BlockStop("content_block_stop", 0));
        events.Add("message_delta", new MessageDelta("message_delta", new StopDelta(completion.StopReason, completion.StopSequence), MessageUsage.From(completion.Usage)));
        events.Add("message_stop", new MessageStop("message_stop"));
    }

    /// <inheritdoc/>
    protected override void Fail(EventBuffer events, RelayError error) => events.Add("error", AnthropicError.From(error, requestId));

    private sealed record MessageStart(string Type, MessageAnswer Message);

    private sealed record BlockStart(string Type, int Index, MessageText ContentBlock);

    private sealed record BlockDelta(string Type, int Index, TextDelta Delta);

    private sealed record TextDelta(string Type, string Text);

    private sealed record BlockStop(string Type, int Index);

    private sealed record MessageDelta(string Type, StopDelta Delta, MessageUsage Usage);

    private sealed record StopDelta(
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? StopReason, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? StopSequence);

    private sealed record MessageStop(string Type);

    private sealed record PingEvent(string Type);
}
