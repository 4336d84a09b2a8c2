using Relay.Api.Streaming;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Api.OpenAi;

/// <summary>
/// <c>POST /v1/chat/completions</c> as chunks: events without a name, then <c>[DONE]</c>. OpenAI's .NET SDK takes no notice of an
/// error among them; it sees that the connection was cut.
/// </summary>
internal sealed class ChatCompletionStream(EventStream stream, string id, long created, Func<string> model, bool includesUsage) : CompletionStream(stream)
{
    private const string Object = "chat.completion.chunk";

    /// <inheritdoc/>
    protected override void Open(EventBuffer events) => AddChunk(events, new ChatDelta("assistant", string.Empty));

    /// <inheritdoc/>
    protected override void Continue(EventBuffer events, string text) => AddChunk(events, new ChatDelta(null, text));

    /// <inheritdoc/>
    protected override void Close(EventBuffer events, Completion completion)
    {
        // Words that came before a refusal went out as content already.
        AddChunk(events, new ChatDelta(null, null, ChatRefusal.Of(completion)), FinishReason.From(completion.StopReason));
        if (includesUsage)
        {
            events.Add(null, new ChatChunkWithUsage(id, Object, created, AnsweringModel ?? model(), [], ChatUsage.From(completion.Usage)));
        }

        events.AddText("[DONE]");
    }

    /// <inheritdoc/>
    protected override void Fail(EventBuffer events, RelayError error) => events.Add(null, OpenAiError.From(error));

    private void AddChunk(EventBuffer events, ChatDelta delta, string? finishReason = null)
    {
        IReadOnlyList<ChatChoice> choices = [new ChatChoice(0, null, delta, null, finishReason)];
        if (includesUsage)
        {
            events.Add(null, new ChatChunkWithUsage(id, Object, created, AnsweringModel ?? model(), choices, null));
        }
        else
        {
            events.Add(null, new ChatCompletion(id, Object, created, AnsweringModel ?? model(), choices));
        }
    }
}
