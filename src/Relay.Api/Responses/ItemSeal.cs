using System.Buffers.Text;
using System.Text;
using System.Text.Unicode;
using Relay.Api.Authentication;
using Relay.Domain.Completions;
using Relay.Domain.Keys;

namespace Relay.Api.Responses;

/// <summary>
/// Puts items of an answer into ids, encrypted for the caller: a client that sends an id instead of the item, as Vercel's provider does,
/// brings the item back with it, and the relay stores nothing. An id is a third longer than its item's text.
/// </summary>
internal sealed class ItemSeal(KeySecret secret) : IDisposable
{
    private const string Name = "item";
    private const string Message = "msg";
    private const string Call = "fc";
    private const string Thoughts = "rs";

    /// <summary>Stands between the fields of an item. No field but the last can hold it.</summary>
    private const char Between = '\0';

    /// <summary>Stands between the items of one id.</summary>
    private const char Next = '.';

    private readonly CallerSeal _seal = new(secret, "claude-relay response items");

    /// <summary>Whether an id is one of thoughts. Such an id may hold other items, too.</summary>
    public static bool IsOfThoughts(string id) => id.StartsWith($"{Thoughts}_", StringComparison.Ordinal);

    /// <summary>The items of a whole answer. The id of each holds its item.</summary>
    public IReadOnlyList<object> WithIds(IReadOnlyList<object> items) =>
        [
            .. items.Select(item =>
                item switch
                {
                    ResponseMessage message => message with { Id = $"{Message}_{Seal(message)}" },
                    ResponseCall call => call with { Id = $"{Call}_{Seal(call)}" },
                    _ => item,
                }
            ),
        ];

    /// <summary>Thoughts without words, whose id holds a streamed answer's items: their own ids go out before their words.</summary>
    public ResponseThoughts Carry(IEnumerable<object> items)
    {
        var tokens = items.Where(item => item is ResponseMessage or ResponseCall).Select(Seal);
        return ResponseThoughts.Of($"{Thoughts}_{string.Join(Next, tokens)}", []);
    }

    /// <summary>The items in an id; none in an id that this caller did not get.</summary>
    public IEnumerable<object> Open(string id)
    {
        foreach (var token in id[(id.IndexOf('_', StringComparison.Ordinal) + 1)..].Split(Next, Conversation.MaxBlocksPerMessage))
        {
            if (OpenOne(token) is { } item)
            {
                yield return item;
            }
        }
    }

    public void Dispose() => _seal.Dispose();

    private string Seal(object item)
    {
        var text = item is ResponseCall call
            ? string.Join(Between, Call, call.Id, call.CallId, call.Name, call.Arguments)
            : string.Join(
                Between,
                Message,
                ((ResponseMessage)item).Id,
                string.Concat(((ResponseMessage)item).Content.OfType<ResponseText>().Select(part => part.Text))
            );
        return Base64Url.EncodeToString(_seal.Seal(Name, Encoding.UTF8.GetBytes(text)));
    }

    private object? OpenOne(string token)
    {
        // Ids of other servers are not base64url.
        if (!Base64Url.IsValid(token) || _seal.Open(Name, Base64Url.DecodeFromChars(token)) is not { } bytes || !Utf8.IsValid(bytes))
        {
            return null;
        }

        var text = Encoding.UTF8.GetString(bytes);
        return text.StartsWith($"{Call}{Between}", StringComparison.Ordinal)
            ? text.Split(Between, 5) is [_, var id, var callId, var name, var arguments]
                ? ResponseCall.Of(id, ResponseStatus.Completed, callId, name, arguments)
                : null
            : text.Split(Between, 3) is [Message, var messageId, var words]
                ? ResponseMessage.Of(messageId, ResponseStatus.Completed, [ResponseText.Of(words)])
                : null;
    }
}
