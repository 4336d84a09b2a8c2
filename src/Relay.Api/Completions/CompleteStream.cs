using Relay.Api.Http;
using Relay.Api.Streaming;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>The data of the event <c>start</c>.</summary>
internal sealed record StartEvent(string RequestId, string? Model);

/// <summary>The data of the event <c>delta</c>.</summary>
internal sealed record DeltaEvent(string Text);

/// <summary><c>POST /v1/complete</c> as events: <c>start</c>, any number of <c>delta</c>, then <c>done</c> or <c>error</c>.</summary>
internal sealed class CompleteStream(EventStream stream, RequestContext context, Func<TimeSpan> elapsed) : CompletionStream(stream)
{
    /// <inheritdoc/>
    protected override void Open(EventBuffer events) => events.Add("start", new StartEvent(context.RequestId, AnsweringModel ?? context.Model?.Value));

    /// <inheritdoc/>
    protected override void Continue(EventBuffer events, string text) => events.Add("delta", new DeltaEvent(text));

    /// <inheritdoc/>
    protected override void Close(EventBuffer events, Completion completion) => events.Add("done", DoneEvent.From(completion, elapsed()));

    /// <inheritdoc/>
    protected override void Fail(EventBuffer events, RelayError error) => events.Add("error", ErrorContract.From(error, context.RequestId));
}
