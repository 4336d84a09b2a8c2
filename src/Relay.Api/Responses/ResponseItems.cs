using System.Text.Json.Serialization;
using Relay.Api.OpenAi;
using Relay.Api.OpenApi;
using Relay.Domain.Completions;

namespace Relay.Api.Responses;

/// <summary>An item of an answer.</summary>
[OneOf(typeof(ResponseMessage), typeof(ResponseCall), typeof(ResponseThoughts))]
internal sealed record ResponseItem;

/// <summary>A message of the model.</summary>
/// <param name="Id">The id of the item. In a whole answer it holds the item, unless the request says <c>store: false</c>.</param>
/// <param name="Type">Always <c>message</c>.</param>
/// <param name="Status">Whether the item is whole.</param>
/// <param name="Role">Always <c>assistant</c>.</param>
/// <param name="Content">Words, or the refusal of a model that declined.</param>
internal sealed record ResponseMessage(
    string Id,
    [property: Values("message")] string Type,
    [property: Values("in_progress", "completed", "incomplete")] string Status,
    [property: Values("assistant")] string Role,
    [property: OneOf(typeof(IReadOnlyList<ResponsePart>))] IReadOnlyList<object> Content
)
{
    public static ResponseMessage Of(string id, string status, IReadOnlyList<object> parts) =>
        new(id, "message", status, "assistant", parts);
}

/// <summary>A part of a message.</summary>
[OneOf(typeof(ResponseText), typeof(ResponseRefusal))]
internal sealed record ResponsePart;

/// <summary>Words of a message.</summary>
/// <param name="Type">Always <c>output_text</c>.</param>
/// <param name="Text">The words.</param>
/// <param name="Annotations">Always empty.</param>
/// <param name="Logprobs">Always empty.</param>
internal sealed record ResponseText(
    [property: Values("output_text")] string Type,
    string Text,
    IReadOnlyList<object> Annotations,
    IReadOnlyList<object> Logprobs
)
{
    public static ResponseText Of(string text) => new("output_text", text, [], []);
}

/// <summary>The words of a model that declined to answer.</summary>
/// <param name="Type">Always <c>refusal</c>.</param>
/// <param name="Refusal">The words.</param>
internal sealed record ResponseRefusal([property: Values("refusal")] string Type, string Refusal)
{
    public static ResponseRefusal Of(string words) => new("refusal", words);
}

/// <summary>A call of one of the caller's functions. Send it back with its result.</summary>
/// <param name="Id">The id of the item. In a whole answer it holds the item, unless the request says <c>store: false</c>.</param>
/// <param name="Type">Always <c>function_call</c>.</param>
/// <param name="Status">Whether the item is whole.</param>
/// <param name="Arguments">The text of a JSON object.</param>
/// <param name="CallId">The id of the call. Its result names it.</param>
/// <param name="Name">The name of the function.</param>
internal sealed record ResponseCall(
    string Id,
    [property: Values("function_call")] string Type,
    [property: Values("in_progress", "completed", "incomplete")] string Status,
    string Arguments,
    string CallId,
    string Name
)
{
    public static ResponseCall Of(string id, string status, string callId, string name, string arguments) =>
        new(id, "function_call", status, arguments, callId, name);
}

/// <summary>
/// Thoughts of the model, for a request with <c>reasoning.summary</c> or <c>thinking</c>. The last item of a stream has none: its id
/// holds the other items, unless the request says <c>store: false</c>.
/// </summary>
/// <param name="Id">The id of the item.</param>
/// <param name="Type">Always <c>reasoning</c>.</param>
/// <param name="Summary">The thoughts that the model shows.</param>
/// <param name="EncryptedContent">Always null: Claude Code sends no thoughts back.</param>
internal sealed record ResponseThoughts(
    string Id,
    [property: Values("reasoning")] string Type,
    IReadOnlyList<ResponseSummary> Summary,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never), Keywords("""{"type":"null"}""", Alone = true)] string? EncryptedContent
)
{
    public static ResponseThoughts Of(string id, IReadOnlyList<ResponseSummary> summary) => new(id, "reasoning", summary, null);
}

/// <summary>Words of a thought.</summary>
/// <param name="Type">Always <c>summary_text</c>.</param>
/// <param name="Text">The words.</param>
internal sealed record ResponseSummary([property: Values("summary_text")] string Type, string Text)
{
    public static ResponseSummary Of(string text) => new("summary_text", text);
}

/// <summary>Makes the items of a whole answer.</summary>
internal static class ResponseItems
{
    /// <summary>The items. Texts in a row are one message. An answer without items is an empty message.</summary>
    public static IReadOnlyList<object> Of(Completion completion, ResponseIds ids)
    {
        var items = new List<object>();
        var status = ResponseStatus.Of(completion);
        var words = string.Empty;
        void LeaveText()
        {
            if (words.Length > 0)
            {
                items.Add(ResponseMessage.Of(ids.NextMessage(), status, [ResponseText.Of(words)]));
                words = string.Empty;
            }
        }

        foreach (var block in completion.Content)
        {
            switch (block)
            {
                // The words of a refusal stand in its own part.
                case AnswerText text when ChatRefusal.Of(completion) is null:
                    words += text.Text;
                    break;
                case AnswerCall { Call: var call }:
                    LeaveText();
                    items.Add(ResponseCall.Of(ids.NextCall(), ResponseStatus.Completed, call.Id, call.Name, call.RevealInput()));
                    break;
                case AnswerThought { Text.Length: > 0 } thought:
                    LeaveText();
                    items.Add(ResponseThoughts.Of(ids.NextReasoning(), [ResponseSummary.Of(thought.Text)]));
                    break;
            }
        }

        LeaveText();
        if (ChatRefusal.Of(completion) is { } refusal)
        {
            items.Add(ResponseMessage.Of(ids.NextMessage(), status, [ResponseRefusal.Of(refusal)]));
        }
        else if (!items.Exists(item => item is ResponseMessage or ResponseCall))
        {
            items.Add(ResponseMessage.Of(ids.NextMessage(), status, [ResponseText.Of(string.Empty)]));
        }

        return items;
    }
}
