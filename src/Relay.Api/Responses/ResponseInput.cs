using System.Text.Json;
using Relay.Api.Completions;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Api.Responses;

/// <summary>Reads <c>input</c>: a text, or a list of items such as messages and the items of earlier answers.</summary>
internal static class ResponseInput
{
    private const string Input = "input";

    /// <summary>Most items that are read: as many messages as a conversation takes, and as many of other kinds.</summary>
    private const int MaxListed = 2 * Conversation.MaxMessages;

    /// <summary>The conversation, and the system prompt of the instructions and of the system's messages.</summary>
    public static Result<(Conversation Conversation, PromptText? System)> Read(JsonElement? input, string? instructions, ItemSeal seal)
    {
        if (input is not { } given)
        {
            return RelayError.Invalid(
                Input,
                "'input' is required: a text, or a list of items such as {\"role\":\"user\",\"content\":\"…\"}."
            );
        }

        if (given.ValueKind == JsonValueKind.String)
        {
            return ReadText(given, instructions);
        }

        if (given.ValueKind != JsonValueKind.Array || given.GetArrayLength() is 0 or > MaxListed)
        {
            return RelayError.Invalid(Input, $"'input' takes a text, or a list of 1 to {MaxListed} items.");
        }

        var messages = MessageReader.ForItems(Input, instructions);
        var references = new ItemReferences(seal, given);
        var index = 0;
        foreach (var item in given.EnumerateArray())
        {
            var field = $"{Input}[{index++}]";
            if ((ReadItem(messages, references, item, field) ?? messages.Error) is { } error)
            {
                return error;
            }
        }

        return messages.Finish();
    }

    private static Result<(Conversation Conversation, PromptText? System)> ReadText(JsonElement input, string? instructions)
    {
        var fields = new FieldReader();
        var words = fields.Text(input, Input);
        var prompt = fields.Error is null ? fields.Take(PromptText.Create(Input, words)) : null;
        var system = string.IsNullOrWhiteSpace(instructions) ? null : fields.Take(PromptText.Create("instructions", instructions));
        return fields.Error is { } error ? error : (Conversation.Of(prompt!), system);
    }

    /// <summary>Reads an item.</summary>
    /// <returns>Null when it was read, or when <paramref name="messages"/> knows the error.</returns>
    private static RelayError? ReadItem(MessageReader messages, ItemReferences references, JsonElement item, string field)
    {
        if (item.ValueKind != JsonValueKind.Object)
        {
            return RelayError.Invalid(field, $"'{field}' is not an object.");
        }

        var fields = new FieldReader();
        var type = fields.Text(item, "type", field);
        switch (type)
        {
            case null or "message":
                messages.Add(item, field);
                return fields.Error;
            case "reasoning":
                // The API takes thoughts back only as it signed them, and Claude Code sends none.
                return null;
            case "item_reference" when fields.Text(item, "id", field) is { } id && ItemSeal.IsOfThoughts(id):
                return null;
            case "item_reference":
                return fields.Error
                    ?? (
                        references.Take(item) is { } referred
                            ? ReadItem(messages, references, referred, field)
                            : RelayError.Invalid(
                                field,
                                $"'{field}' refers to an item that its id does not hold, and the relay stores none. Send the item itself. "
                                    + "Vercel's AI SDK does so with the provider option 'store: false'."
                            )
                    );
            case "function_call":
                messages.AddCall(item, field);
                return null;
            case "function_call_output":
                messages.AddResult(item, field);
                return null;
            default:
                return RelayError.Invalid(
                    field,
                    $"'{field}' is of a type that is not read here. Messages, reasoning, function_call and function_call_output are."
                );
        }
    }
}
