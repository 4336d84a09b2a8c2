using System.Text.Json.Serialization;
using Relay.Api.OpenApi;

namespace Relay.Api.Responses;

/// <summary>OpenAI's events, numbered from 0, in OpenAI's order.</summary>
[Event(typeof(ResponseLifecycleEvent), "response.created")]
[Event(typeof(ResponseLifecycleEvent), "response.in_progress")]
[Event(typeof(ResponseItemEvent), "response.output_item.added")]
[Event(typeof(ResponsePartEvent), "response.content_part.added")]
[Event(typeof(ResponseTextDelta), "response.output_text.delta")]
[Event(typeof(ResponseTextDone), "response.output_text.done")]
[Event(typeof(ResponseRefusalDelta), "response.refusal.delta")]
[Event(typeof(ResponseRefusalDone), "response.refusal.done")]
[Event(typeof(ResponsePartEvent), "response.content_part.done")]
[Event(typeof(ResponseArgumentsDelta), "response.function_call_arguments.delta")]
[Event(typeof(ResponseArgumentsDone), "response.function_call_arguments.done")]
[Event(typeof(ResponseSummaryPartEvent), "response.reasoning_summary_part.added")]
[Event(typeof(ResponseSummaryDelta), "response.reasoning_summary_text.delta")]
[Event(typeof(ResponseSummaryDone), "response.reasoning_summary_text.done")]
[Event(typeof(ResponseSummaryPartEvent), "response.reasoning_summary_part.done")]
[Event(typeof(ResponseItemEvent), "response.output_item.done")]
[Event(typeof(ResponseLifecycleEvent), "response.completed")]
[Event(typeof(ResponseLifecycleEvent), "response.incomplete")]
[Event(typeof(ResponseErrorEvent), "error")]
internal sealed record ResponseEvents;

/// <summary>An event.</summary>
internal abstract record ResponseEvent
{
    /// <summary>The name of the event.</summary>
    public abstract string Type { get; init; }

    /// <summary>The number of the event.</summary>
    public int SequenceNumber { get; init; }
}

/// <summary>An event about the content of an item.</summary>
internal abstract record ResponseContentEvent : ResponseEvent
{
    /// <summary>The id of the item.</summary>
    public string ItemId { get; init; } = string.Empty;

    /// <summary>The number of the item.</summary>
    public int OutputIndex { get; init; }
}

/// <summary>The response begins or ends.</summary>
/// <param name="Type">The name of the event.</param>
/// <param name="Response">The response as far as it has come.</param>
internal sealed record ResponseLifecycleEvent(
    [property: Values("response.created", "response.in_progress", "response.completed", "response.incomplete")] string Type,
    ResponseContract Response
) : ResponseEvent;

/// <summary>An item begins or ends.</summary>
/// <param name="Type">The name of the event.</param>
/// <param name="OutputIndex">The number of the item.</param>
/// <param name="Item">The item as far as it has come.</param>
internal sealed record ResponseItemEvent(
    [property: Values("response.output_item.added", "response.output_item.done")] string Type,
    int OutputIndex,
    [property:
        OneOf(typeof(ResponseMessage), typeof(ResponseCall), typeof(ResponseThoughts)),
        Keywords("""{"description":"The item as far as it has come."}""")
    ]
        object Item
) : ResponseEvent;

/// <summary>A part of a message begins or ends.</summary>
/// <param name="Type">The name of the event.</param>
/// <param name="ContentIndex">The number of the part.</param>
/// <param name="Part">The part as far as it has come.</param>
internal sealed record ResponsePartEvent(
    [property: Values("response.content_part.added", "response.content_part.done")] string Type,
    int ContentIndex,
    [property: OneOf(typeof(ResponseText), typeof(ResponseRefusal))] object Part
) : ResponseContentEvent;

/// <summary>The next words.</summary>
/// <param name="Type">The name of the event.</param>
/// <param name="ContentIndex">The number of the part.</param>
/// <param name="Delta">The words.</param>
/// <param name="Logprobs">Always empty.</param>
internal sealed record ResponseTextDelta(
    [property: Values("response.output_text.delta")] string Type,
    int ContentIndex,
    string Delta,
    IReadOnlyList<object> Logprobs
) : ResponseContentEvent;

/// <summary>All words of a part.</summary>
/// <param name="Type">The name of the event.</param>
/// <param name="ContentIndex">The number of the part.</param>
/// <param name="Text">The words.</param>
/// <param name="Logprobs">Always empty.</param>
internal sealed record ResponseTextDone(
    [property: Values("response.output_text.done")] string Type,
    int ContentIndex,
    string Text,
    IReadOnlyList<object> Logprobs
) : ResponseContentEvent;

/// <summary>The next words of a refusal.</summary>
/// <param name="Type">The name of the event.</param>
/// <param name="ContentIndex">The number of the part.</param>
/// <param name="Delta">The words.</param>
internal sealed record ResponseRefusalDelta([property: Values("response.refusal.delta")] string Type, int ContentIndex, string Delta)
    : ResponseContentEvent;

/// <summary>All words of a refusal.</summary>
/// <param name="Type">The name of the event.</param>
/// <param name="ContentIndex">The number of the part.</param>
/// <param name="Refusal">The words.</param>
internal sealed record ResponseRefusalDone([property: Values("response.refusal.done")] string Type, int ContentIndex, string Refusal)
    : ResponseContentEvent;

/// <summary>The next part of a call's arguments.</summary>
/// <param name="Type">The name of the event.</param>
/// <param name="Delta">A part of the text of a JSON object.</param>
internal sealed record ResponseArgumentsDelta([property: Values("response.function_call_arguments.delta")] string Type, string Delta)
    : ResponseContentEvent;

/// <summary>All arguments of a call.</summary>
/// <param name="Type">The name of the event.</param>
/// <param name="Arguments">The text of a JSON object.</param>
internal sealed record ResponseArgumentsDone([property: Values("response.function_call_arguments.done")] string Type, string Arguments)
    : ResponseContentEvent;

/// <summary>A thought begins or ends.</summary>
/// <param name="Type">The name of the event.</param>
/// <param name="SummaryIndex">Always 0.</param>
/// <param name="Part">The thought as far as it has come.</param>
internal sealed record ResponseSummaryPartEvent(
    [property: Values("response.reasoning_summary_part.added", "response.reasoning_summary_part.done")] string Type,
    [property: Values(0)] int SummaryIndex,
    ResponseSummary Part
) : ResponseContentEvent;

/// <summary>The next words of a thought.</summary>
/// <param name="Type">The name of the event.</param>
/// <param name="SummaryIndex">Always 0.</param>
/// <param name="Delta">The words.</param>
internal sealed record ResponseSummaryDelta(
    [property: Values("response.reasoning_summary_text.delta")] string Type,
    [property: Values(0)] int SummaryIndex,
    string Delta
) : ResponseContentEvent;

/// <summary>All words of a thought.</summary>
/// <param name="Type">The name of the event.</param>
/// <param name="SummaryIndex">Always 0.</param>
/// <param name="Text">The words.</param>
internal sealed record ResponseSummaryDone(
    [property: Values("response.reasoning_summary_text.done")] string Type,
    [property: Values(0)] int SummaryIndex,
    string Text
) : ResponseContentEvent;

/// <summary>The response fails after its beginning. The connection is cut after this event.</summary>
/// <param name="Type">The name of the event.</param>
/// <param name="Code">The kind of the error.</param>
/// <param name="Message">The error, and the way to go on.</param>
/// <param name="Param">The wrong field. Null for none.</param>
internal sealed record ResponseErrorEvent(
    [property: Values("error")] string Type,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Code,
    string Message,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Param
) : ResponseEvent;
