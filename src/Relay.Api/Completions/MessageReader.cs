using System.Text.Json;
using Relay.Api.Http;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>
/// Reads conversations in the three forms that callers send: the relay's own, OpenAI's and Anthropic's. They differ in how a
/// picture and a system prompt are written, and in what else may stand there.
/// </summary>
internal sealed class MessageReader(FieldReader fields, MessageReader.ImageReader readImage)
{
    private const string Messages = "messages";

    /// <summary>Longest list that is looked at: as many messages as a conversation takes, and as many instructions of the system.</summary>
    private const int MaxListed = 2 * Conversation.MaxMessages;

    private int _blocks;

    /// <summary>Reads a picture, if the block is one; what is wrong goes to the fields.</summary>
    internal delegate bool ImageReader(FieldReader fields, JsonElement block, string type, string field, out ImageBlock? image);

    /// <summary><c>[{"role":"user","content":"…"}]</c>, or content as blocks: <c>{"type":"text","text"}</c>, <c>{"type":"image","media_type","data"}</c>.</summary>
    public static Result<Conversation> ReadNative(JsonElement messages)
    {
        var fields = new FieldReader();
        return new MessageReader(fields, NativeImage).Read(messages, static (_, _, _) => false);
    }

    /// <summary>Anthropic's: pictures are <c>{"type":"image","source":{"type":"base64",…}}</c>; the model's earlier thoughts are left out, as Anthropic's API does.</summary>
    public static Result<Conversation> ReadAnthropic(JsonElement messages)
    {
        var fields = new FieldReader();
        return new MessageReader(fields, AnthropicImage).Read(messages, static (_, _, _) => false);
    }

    /// <summary>OpenAI's: pictures are data URLs; messages of the system or the developer before all others are the system prompt.</summary>
    public static Result<(Conversation Conversation, PromptText? System)> ReadOpenAi(JsonElement messages)
    {
        var fields = new FieldReader();
        var reader = new MessageReader(fields, OpenAiImage);
        var system = new List<string>();
        var conversation = fields.Take(reader.Read(messages, (message, role, field) =>
        {
            if (role is not ("system" or "developer"))
            {
                return false;
            }

            // An empty instruction is none, as an empty system prompt is elsewhere.
            var isEmpty = message.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String && JsonText.Read(content) == string.Empty;
            if (fields.IsObject(message, field, "role", "content") && !isEmpty)
            {
                var blocks = reader.ReadContent(message, field);
                system.AddRange(blocks.OfType<TextBlock>().Select(block => block.Text.Reveal()));
                if (blocks.Any(block => block is not TextBlock))
                {
                    fields.Refuse($"{field}.content", $"'{field}.content': instructions are text; put a picture into a message of the user's.");
                }
            }

            return true;
        }));
        var prompt = system.Count == 0 ? null : fields.Take(PromptText.Create(Messages, string.Join("\n\n", system)));
        return fields.Error is { } error ? error : (conversation!, prompt);
    }

    /// <summary>Words as a string, or as a list of text blocks joined by an empty line: a system prompt of Anthropic's.</summary>
    public static Result<PromptText> ReadText(string field, JsonElement content)
    {
        var fields = new FieldReader();
        var blocks = new MessageReader(fields, NoImage).ReadBlocks(content, field).OfType<TextBlock>().Select(block => block.Text.Reveal()).ToList();
        return fields.Error is { } error ? error : PromptText.Create(field, string.Join("\n\n", blocks));
    }

    /// <param name="messages">The list.</param>
    /// <param name="takesFirst">Takes a message before all others out of the conversation, by its role; false leaves it there.</param>
    private Result<Conversation> Read(JsonElement messages, Func<JsonElement, string?, string, bool> takesFirst)
    {
        if (messages.ValueKind != JsonValueKind.Array)
        {
            return RelayError.Invalid(Messages, "'messages' is a list: [{\"role\":\"user\",\"content\":\"…\"}].");
        }

        if (messages.GetArrayLength() > MaxListed)
        {
            return RelayError.Invalid(Messages, $"'messages' takes 1 to {Conversation.MaxMessages} messages.");
        }

        var read = new List<ChatMessage>();
        var index = 0;
        foreach (var message in messages.EnumerateArray())
        {
            var field = $"{Messages}[{index++}]";
            if (message.ValueKind != JsonValueKind.Object)
            {
                fields.Refuse(field, $"'{field}' is not an object.");
                break;
            }

            var role = fields.Text(message, "role", field);
            if (read.Count == 0 && takesFirst(message, role, field))
            {
                continue;
            }

            ChatRole? known = role switch
            {
                "user" => ChatRole.User,
                "assistant" => ChatRole.Assistant,
                _ => null,
            };
            if (known is not { } side)
            {
                fields.Refuse($"{field}.role", role is "system" or "developer"
                    ? $"'{field}.role': instructions of the system go before all other messages."
                    : role is "tool" or "function" ? $"'{field}.role': there are no tools here." : $"'{field}.role' is \"user\" or \"assistant\".");
            }
            else if (fields.IsObject(message, field, "role", "content"))
            {
                var content = ReadContent(message, field).ToList();
                if (side == ChatRole.Assistant && content.Exists(block => block is ImageBlock))
                {
                    fields.Refuse($"{field}.content", $"'{field}.content': only the user can show pictures.");
                }
                else if (content.Count > 0)
                {
                    read.Add(new ChatMessage(side, content));
                }
                else
                {
                    fields.Refuse($"{field}.content", $"'{field}.content' is missing: a text, or a list of blocks.");
                }
            }

            if (fields.Error is not null)
            {
                break;
            }
        }

        return fields.Error is { } error ? error : Conversation.Create(Messages, read);
    }

    private IEnumerable<ContentBlock> ReadContent(JsonElement message, string field) =>
        message.TryGetProperty("content", out var content) ? ReadBlocks(content, $"{field}.content") : [];

    private IEnumerable<ContentBlock> ReadBlocks(JsonElement content, string field)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            return ReadWords(fields.Text(content, field), field);
        }

        if (content.ValueKind == JsonValueKind.Array)
        {
            // Before any is read: also those that are passed over take memory.
            if (content.GetArrayLength() > Conversation.MaxBlocksPerMessage || (_blocks += content.GetArrayLength()) > Conversation.MaxBlocks)
            {
                fields.Refuse(Conversation.TooManyBlocks(field));
                return [];
            }

            return [.. content.EnumerateArray().SelectMany((block, index) => ReadBlock(block, $"{field}[{index}]"))];
        }

        fields.Refuse(field, $"'{field}' is a text, or a list of blocks such as {{\"type\":\"text\",\"text\":\"…\"}}.");
        return [];
    }

    private IEnumerable<ContentBlock> ReadBlock(JsonElement block, string field)
    {
        if (block.ValueKind != JsonValueKind.Object)
        {
            fields.Refuse(field, $"'{field}' is not an object.");
            return [];
        }

        var type = fields.Text(block, "type", field);
        if (type == "text")
        {
            // When Anthropic may cache is Claude Code's to say; it changes no answer.
            return fields.IsObject(block, field, "type", "text", "cache_control") ? ReadWords(fields.Text(block, "text", field), $"{field}.text") : [];
        }

        if (type is "thinking" or "redacted_thinking")
        {
            return [];
        }

        if (type is not null && readImage(fields, block, type, field, out var image))
        {
            return image is null ? [] : [image];
        }

        fields.Refuse(field, $"'{field}' is of a type that is not read here: text and pictures are; tools, documents and sound are not.");
        return [];
    }

    private IEnumerable<ContentBlock> ReadWords(string? words, string field) => fields.Error is null && fields.Take(PromptText.Create(field, words)) is { } text ? [new TextBlock(text)] : [];


    private static bool NoImage(FieldReader fields, JsonElement block, string type, string field, out ImageBlock? image)
    {
        image = null;
        return false;
    }

    private static bool NativeImage(FieldReader fields, JsonElement block, string type, string field, out ImageBlock? image)
    {
        image = null;
        if (type != "image")
        {
            return false;
        }

        if (fields.IsObject(block, field, "type", "media_type", "data"))
        {
            // Its bytes say of which kind it is.
            fields.Text(block, "media_type", field);
            image = Image(fields, field, fields.Text(block, "data", field));
        }

        return true;
    }

    private static bool AnthropicImage(FieldReader fields, JsonElement block, string type, string field, out ImageBlock? image)
    {
        image = null;
        if (type != "image")
        {
            return false;
        }

        if (!fields.IsObject(block, field, "type", "source", "cache_control") || !block.TryGetProperty("source", out var source) || !fields.IsObject(source, $"{field}.source", "type", "media_type", "data"))
        {
            fields.Refuse(field, $"'{field}' needs a source: {{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"…\"}}. Pictures elsewhere are not fetched.");
        }
        else if (fields.Text(source, "type", $"{field}.source") != "base64")
        {
            fields.Refuse($"{field}.source.type", $"'{field}.source.type' is \"base64\": pictures elsewhere are not fetched.");
        }
        else
        {
            fields.Text(source, "media_type", $"{field}.source");
            image = Image(fields, $"{field}.source", fields.Text(source, "data", $"{field}.source"));
        }

        return true;
    }

    private static bool OpenAiImage(FieldReader fields, JsonElement block, string type, string field, out ImageBlock? image)
    {
        image = null;
        if (type != "image_url")
        {
            return false;
        }

        // How closely to look ("detail") is not for the caller to say here, and changes no more than the price at OpenAI's.
        var url = fields.IsObject(block, field, "type", "image_url") && block.TryGetProperty("image_url", out var holder) && fields.IsObject(holder, $"{field}.image_url", "url", "detail")
            ? fields.Text(holder, "url", $"{field}.image_url")
            : null;
        const string Scheme = "data:";
        const string Encoding = ";base64,";
        var split = url?.IndexOf(Encoding, StringComparison.Ordinal) ?? -1;
        if (url is null || split < 0 || !url.StartsWith(Scheme, StringComparison.Ordinal))
        {
            fields.Refuse($"{field}.image_url", $"'{field}.image_url' is a data URL (data:image/png;base64,…): pictures elsewhere are not fetched.");
        }
        else
        {
            image = Image(fields, $"{field}.image_url", url[(split + Encoding.Length)..]);
        }

        return true;
    }

    private static ImageBlock? Image(FieldReader fields, string field, string? data) => fields.Error is null ? fields.Take(ImageBlock.Create(field, data)) : null;
}
