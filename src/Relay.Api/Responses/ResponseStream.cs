using System.Text;
using Relay.Api.OpenAi;
using Relay.Api.Streaming;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Api.Responses;

/// <summary>
/// <c>POST /v1/responses</c> as events: <c>response.created</c>, <c>response.in_progress</c>, the items one after the other, each with its
/// parts, and <c>response.completed</c> or <c>response.incomplete</c>. Events are numbered from 0. <paramref name="carry"/> makes the item
/// that holds the others, for a caller who may refer to them.
/// </summary>
internal sealed class ResponseStream(
    EventStream stream,
    ResponseIds ids,
    Func<string?, ResponseContract> begin,
    TimeProvider clock,
    Func<IEnumerable<object>, ResponseThoughts>? carry
) : CompletionStream(stream)
{
    private readonly List<object> _output = [];
    private readonly StringBuilder _words = new();
    private ResponseContract? _response;
    private OpenItem? _open;
    private int _sequence;

    private enum Kind
    {
        Text,
        Call,
        Thought,
    }

    protected override void Open(EventBuffer events)
    {
        _response = begin(AnsweringModel);
        Add(events, new ResponseLifecycleEvent("response.created", _response));
        Add(events, new ResponseLifecycleEvent("response.in_progress", _response));
    }

    protected override void Continue(EventBuffer events, AnswerPiece piece)
    {
        switch (piece)
        {
            case WordsPiece words:
                EnterText(events);
                AddDelta(events, words.Text);
                break;
            case CallBegins call:
                Leave(events, ResponseStatus.Completed);
                Enter(events, new OpenItem(Kind.Call, ids.NextCall(), call.Id, call.Name));
                break;
            case CallInputPiece input:
                AddDelta(events, input.Json);
                break;
            case CallEnds ended:
                if (_words.Length == 0)
                {
                    // The arguments of a call without input are JSON, too.
                    AddDelta(events, ended.Call.RevealInput());
                }

                Leave(events, ResponseStatus.Completed);
                break;
            case ThoughtPiece thought:
                EnterThought(events);
                AddDelta(events, thought.Text);
                break;
            case ThoughtEnds when _open?.Kind == Kind.Thought:
                Leave(events, ResponseStatus.Completed);
                break;
        }
    }

    protected override void Close(EventBuffer events, Completion completion)
    {
        var status = ResponseStatus.Of(completion);
        if (ChatRefusal.Of(completion) is { } refusal)
        {
            Refuse(events, refusal);
        }
        else if (!_output.Exists(item => item is ResponseMessage or ResponseCall) && _open?.Kind != Kind.Call)
        {
            // An answer without words is a message with an empty text.
            EnterText(events);
        }

        Leave(events, status);
        if (carry?.Invoke(_output) is { } carrier)
        {
            Add(events, new ResponseItemEvent("response.output_item.added", _output.Count, carrier));
            EndItem(events, carrier);
        }

        var whole = _response!.End(completion, [.. _output], clock.GetUtcNow().ToUnixTimeSeconds());
        Add(events, new ResponseLifecycleEvent($"response.{status}", whole));
    }

    protected override void Fail(EventBuffer events, RelayError error)
    {
        var detail = OpenAiError.From(error).Error;
        Add(events, new ResponseErrorEvent("error", detail.Code, detail.Message, detail.Param));
    }

    private void EnterText(EventBuffer events)
    {
        if (_open?.Kind != Kind.Text)
        {
            Leave(events, ResponseStatus.Completed);
            Enter(events, new OpenItem(Kind.Text, ids.NextMessage()));
            AddPart(events, "response.content_part.added", 0, ResponseText.Of(string.Empty));
        }
    }

    private void EnterThought(EventBuffer events)
    {
        if (_open?.Kind != Kind.Thought)
        {
            Leave(events, ResponseStatus.Completed);
            Enter(events, new OpenItem(Kind.Thought, ids.NextReasoning()));
            AddSummary(events, "response.reasoning_summary_part.added", string.Empty);
        }
    }

    private void Enter(EventBuffer events, OpenItem item)
    {
        _open = item;
        object begun = item.Kind switch
        {
            Kind.Call => ResponseCall.Of(item.Id, ResponseStatus.InProgress, item.CallId!, item.Name!, string.Empty),
            Kind.Thought => ResponseThoughts.Of(item.Id, []),
            _ => ResponseMessage.Of(item.Id, ResponseStatus.InProgress, []),
        };
        Add(events, new ResponseItemEvent("response.output_item.added", _output.Count, begun));
    }

    private void AddDelta(EventBuffer events, string text)
    {
        _words.Append(text);
        switch (_open!.Kind)
        {
            case Kind.Call:
                AddOfItem(events, new ResponseArgumentsDelta("response.function_call_arguments.delta", text));
                break;
            case Kind.Thought:
                AddOfItem(events, new ResponseSummaryDelta("response.reasoning_summary_text.delta", 0, text));
                break;
            default:
                AddOfItem(events, new ResponseTextDelta("response.output_text.delta", 0, text, []));
                break;
        }
    }

    private void Leave(EventBuffer events, string status)
    {
        if (_open is not { } item)
        {
            return;
        }

        var text = _words.ToString();
        EndItem(
            events,
            item.Kind switch
            {
                Kind.Call => EndCall(events, item, text, status),
                Kind.Thought => EndThought(events, item, text),
                _ => ResponseMessage.Of(item.Id, status, [EndText(events, text)]),
            }
        );
    }

    private void EndItem(EventBuffer events, object whole)
    {
        Add(events, new ResponseItemEvent("response.output_item.done", _output.Count, whole));
        _output.Add(whole);
        _words.Clear();
        _open = null;
    }

    private ResponseText EndText(EventBuffer events, string text)
    {
        var part = ResponseText.Of(text);
        AddOfItem(events, new ResponseTextDone("response.output_text.done", 0, text, []));
        AddPart(events, "response.content_part.done", 0, part);
        return part;
    }

    private ResponseCall EndCall(EventBuffer events, OpenItem item, string arguments, string status)
    {
        AddOfItem(events, new ResponseArgumentsDone("response.function_call_arguments.done", arguments));
        return ResponseCall.Of(item.Id, status, item.CallId!, item.Name!, arguments);
    }

    private ResponseThoughts EndThought(EventBuffer events, OpenItem item, string text)
    {
        AddOfItem(events, new ResponseSummaryDone("response.reasoning_summary_text.done", 0, text));
        AddSummary(events, "response.reasoning_summary_part.done", text);
        return ResponseThoughts.Of(item.Id, [ResponseSummary.Of(text)]);
    }

    /// <summary>Ends the answer with a refusal. Words that came before it went out as text already.</summary>
    private void Refuse(EventBuffer events, string words)
    {
        if (_open is { Kind: not Kind.Text })
        {
            Leave(events, ResponseStatus.Incomplete);
        }

        var parts = new List<object>();
        if (_open is not null)
        {
            parts.Add(EndText(events, _words.ToString()));
        }
        else
        {
            Enter(events, new OpenItem(Kind.Text, ids.NextMessage()));
        }

        var (id, index) = (_open!.Id, parts.Count);
        AddPart(events, "response.content_part.added", index, ResponseRefusal.Of(string.Empty));
        AddOfItem(events, new ResponseRefusalDelta("response.refusal.delta", index, words));
        AddOfItem(events, new ResponseRefusalDone("response.refusal.done", index, words));
        AddPart(events, "response.content_part.done", index, ResponseRefusal.Of(words));
        EndItem(events, ResponseMessage.Of(id, ResponseStatus.Completed, [.. parts, ResponseRefusal.Of(words)]));
    }

    private void AddPart(EventBuffer events, string name, int index, object part) =>
        AddOfItem(events, new ResponsePartEvent(name, index, part));

    private void AddSummary(EventBuffer events, string name, string text) =>
        AddOfItem(events, new ResponseSummaryPartEvent(name, 0, ResponseSummary.Of(text)));

    private void AddOfItem(EventBuffer events, ResponseContentEvent data) =>
        Add(events, data with { ItemId = _open!.Id, OutputIndex = _output.Count });

    private void Add(EventBuffer events, ResponseEvent data) => events.Add(data.Type, data with { SequenceNumber = _sequence++ });

    /// <summary>The item that the pieces belong to.</summary>
    private sealed record OpenItem(Kind Kind, string Id, string? CallId = null, string? Name = null);
}
