using System.Text.Json;
using Relay.Api.Anthropic;
using Relay.Api.OpenAi;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>
/// Reads conversations in the three forms that callers send: the relay's own, OpenAI's and Anthropic's. The forms differ in pictures,
/// documents and system prompts. The relay's own form is strict; the others accept everything that their APIs accept.
/// </summary>
internal sealed class MessageReader
{
    private const string Messages = "messages";

    /// <summary>Longest list that is looked at: as many messages as a conversation takes, and as many instructions of the system.</summary>
    private const int MaxListed = 2 * Conversation.MaxMessages;

    private readonly FieldReader _fields = new();
    private readonly List<ChatMessage> _read = [];
    private readonly string _list;
    private readonly AttachmentReader _readAttachment;
    private readonly ToolBlockReader _tools;
    private readonly bool _hasToolBlocks;
    private readonly bool _isStrict;
    private readonly List<string> _system = [];
    private int _blocks;

    private MessageReader(AttachmentReader readAttachment, bool isStrict, bool hasToolBlocks, string list = Messages)
    {
        (_readAttachment, _isStrict, _hasToolBlocks, _list) = (readAttachment, isStrict, hasToolBlocks, list);
        _tools = new ToolBlockReader(_fields);
    }

    /// <summary>Reads a picture or a document, if the block is one. Errors go to the fields.</summary>
    internal delegate bool AttachmentReader(FieldReader fields, JsonElement block, string type, string field, out ContentBlock? attachment);

    /// <summary>
    /// Reads <c>[{"role":"user","content":"…"}]</c>, or content as blocks: <c>{"type":"text","text"}</c>,
    /// <c>{"type":"image","media_type","data"}</c>, and documents as Anthropic's API takes them.
    /// </summary>
    public static Result<Conversation> ReadNative(JsonElement messages) =>
        new MessageReader(NativeAttachments.Read, isStrict: true, hasToolBlocks: true).Read(messages);

    /// <summary>
    /// Reads Anthropic's form. Pictures are <c>{"type":"image","source":{"type":"base64",…}}</c>. The model's earlier thoughts are left
    /// out, as in Anthropic's API. Messages of the system come after the system prompt.
    /// </summary>
    public static Result<(Conversation Conversation, PromptText? System)> ReadAnthropic(JsonElement messages, JsonElement? system)
    {
        var reader = new MessageReader(AnthropicAttachments.Read, isStrict: false, hasToolBlocks: true);
        if (system is { } words)
        {
            reader.ReadInstructions(words, "system");
        }

        return reader.ReadWithSystem(messages);
    }

    /// <summary>
    /// Reads OpenAI's form. Pictures are data URLs. Messages of the system or the developer, wherever they are, are the system prompt, in
    /// order.
    /// </summary>
    public static Result<(Conversation Conversation, PromptText? System)> ReadOpenAi(JsonElement messages) =>
        new MessageReader(OpenAiAttachments.Read, isStrict: false, hasToolBlocks: false).ReadWithSystem(messages);

    /// <summary>A reader for a list that holds more than messages, which are added one by one, behind the instructions.</summary>
    public static MessageReader ForItems(string list, string? instructions)
    {
        var reader = new MessageReader(OpenAiAttachments.Read, isStrict: false, hasToolBlocks: false, list);
        if (!string.IsNullOrWhiteSpace(instructions))
        {
            reader._system.Add(instructions);
        }

        return reader;
    }

    public RelayError? Error => _fields.Error;

    public void Add(JsonElement message, string field) => ReadMessage(message, field);

    /// <summary>Reads the next call of a tool, an item like <c>{"call_id":"…","name":"…","arguments":"{…}"}</c>.</summary>
    public void AddCall(JsonElement item, string field) => _read.Add(new ChatMessage(ChatRole.Assistant, _tools.ReadCallItem(item, field)));

    /// <summary>Reads the next result of a tool, an item like <c>{"call_id":"…","output":"…"}</c>.</summary>
    public void AddResult(JsonElement item, string field)
    {
        if (_tools.ReadResultItem(item, field, (content, at) => ReadBlocks(content, at, mayBeEmpty: true)) is { } result)
        {
            _read.Add(new ChatMessage(ChatRole.User, [result]));
        }
    }

    public Result<(Conversation Conversation, PromptText? System)> Finish() => WithSystem(_fields.Error is { } error ? error : Converse());

    private Result<(Conversation Conversation, PromptText? System)> ReadWithSystem(JsonElement messages) => WithSystem(Read(messages));

    private Result<(Conversation Conversation, PromptText? System)> WithSystem(Result<Conversation> read)
    {
        var conversation = _fields.Take(read);
        var prompt = _system.Count == 0 ? null : _fields.Take(PromptText.Create(_list, string.Join("\n\n", _system)));
        return _fields.Error is { } error ? error : (conversation!, prompt);
    }

    private Result<Conversation> Read(JsonElement messages)
    {
        if (messages.ValueKind != JsonValueKind.Array)
        {
            return RelayError.Invalid(Messages, "'messages' takes a list: [{\"role\":\"user\",\"content\":\"…\"}].");
        }

        if (messages.GetArrayLength() > MaxListed)
        {
            return RelayError.Invalid(Messages, $"'messages' takes 1 to {Conversation.MaxMessages} messages.");
        }

        var index = 0;
        foreach (var message in messages.EnumerateArray())
        {
            ReadMessage(message, $"{Messages}[{index++}]");
            if (_fields.Error is not null)
            {
                return _fields.Error;
            }
        }

        return Converse();
    }

    private Result<Conversation> Converse() =>
        _read is [.., { Role: ChatRole.Assistant }]
            ? RelayError.Invalid(
                _list,
                $"'{_list}' ends with a message of the assistant: the beginning of an answer (prefill). The relay can't go on with "
                    + $"it. End with a message of the user."
            )
            : Conversation.Create(_list, _read);

    private void ReadMessage(JsonElement message, string field)
    {
        if (message.ValueKind != JsonValueKind.Object)
        {
            _fields.Refuse(field, $"'{field}' is not an object.");
            return;
        }

        switch (_fields.Text(message, "role", field))
        {
            case "user":
                ReadTurn(ChatRole.User, message, field);
                break;
            case "assistant":
                ReadTurn(ChatRole.Assistant, message, field);
                break;
            case "system" or "developer" when !_isStrict:
                if (message.TryGetProperty("content", out var content))
                {
                    ReadInstructions(content, $"{field}.content");
                }

                break;
            case ("tool" or "function") and var role when !_hasToolBlocks:
                if (
                    _tools.ReadResultMessage(
                        message,
                        field,
                        role == "function",
                        (content, at) => ReadBlocks(content, at, mayBeEmpty: true)
                    ) is
                    { } result
                )
                {
                    _read.Add(new ChatMessage(ChatRole.User, [result]));
                }

                break;
            case "tool" or "function":
                _fields.Refuse(
                    $"{field}.role",
                    $"'{field}.role': put results of tools into a message of the user, as blocks of the type tool_result."
                );
                break;
            case "system" or "developer":
                _fields.Refuse($"{field}.role", $"'{field}.role': put instructions of the system into 'system'.");
                break;
            default:
                _fields.Refuse($"{field}.role", $"'{field}.role' takes \"user\" or \"assistant\".");
                break;
        }
    }

    private void ReadTurn(ChatRole side, JsonElement message, string field)
    {
        if (_isStrict && !_fields.IsObject(message, field, "role", "content"))
        {
            return;
        }

        var isAnswer = side == ChatRole.Assistant;
        var content =
            message.TryGetProperty("content", out var given) && !(isAnswer && given.ValueKind == JsonValueKind.Null)
                ? ReadBlocks(given, $"{field}.content", mayBeEmpty: isAnswer)
                : [];
        if (isAnswer && !_hasToolBlocks)
        {
            content.AddRange(_tools.ReadCalls(message, field));
        }

        if (isAnswer && content.Exists(block => block is not (TextBlock or ToolCallBlock)))
        {
            _fields.Refuse($"{field}.content", $"'{field}.content': only the user can show pictures, documents and results of tools.");
        }
        else if (!isAnswer && content.Exists(block => block is ToolCallBlock))
        {
            _fields.Refuse($"{field}.content", $"'{field}.content': only the assistant can call tools.");
        }
        else if (content.Count == 0)
        {
            if (!isAnswer)
            {
                _fields.Refuse($"{field}.content", $"'{field}.content' is missing or blank: a text, or a list of blocks.");
            }
        }
        else if (isAnswer && !_isStrict && _read.Count == 0 && content.TrueForAll(block => block is TextBlock))
        {
            // Claude Code begins with the user's side, so the model is told a greeting before the first question.
            _system.Add(
                "You have begun this conversation with these words:\n\n"
                    + string.Join("\n\n", content.OfType<TextBlock>().Select(block => block.Text.Reveal()))
            );
        }
        else
        {
            _read.Add(new ChatMessage(side, content));
        }
    }

    private void ReadInstructions(JsonElement content, string field)
    {
        if (content.ValueKind == JsonValueKind.Null)
        {
            return;
        }

        var blocks = ReadBlocks(content, field, mayBeEmpty: true);
        _system.AddRange(blocks.OfType<TextBlock>().Select(block => block.Text.Reveal()));
        if (blocks.Exists(block => block is not TextBlock))
        {
            _fields.Refuse(field, $"'{field}': instructions are text; put a picture or a document into a message of the user's.");
        }
    }

    private List<ContentBlock> ReadBlocks(JsonElement content, string field, bool mayBeEmpty)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            return [.. ReadWords(_fields.Text(content, field), field, mayBeEmpty)];
        }

        if (content.ValueKind == JsonValueKind.Array)
        {
            // Before any block is read: skipped blocks take memory, too.
            if (
                content.GetArrayLength() > Conversation.MaxBlocksPerMessage
                || (_blocks += content.GetArrayLength()) > Conversation.MaxBlocks
            )
            {
                _fields.Refuse(Conversation.TooManyBlocks(field));
                return [];
            }

            return
            [
                .. content.EnumerateArray().SelectMany((block, index) => ReadBlock(block, $"{field}[{index}]", mayBeEmpty || !_isStrict)),
            ];
        }

        _fields.Refuse(field, $"'{field}' takes a text, or a list of blocks such as {{\"type\":\"text\",\"text\":\"…\"}}.");
        return [];
    }

    private IEnumerable<ContentBlock> ReadBlock(JsonElement block, string field, bool mayBeEmpty)
    {
        if (block.ValueKind != JsonValueKind.Object)
        {
            _fields.Refuse(field, $"'{field}' is not an object.");
            return [];
        }

        var type = _fields.Text(block, "type", field);
        if (type == "text" || (!_isStrict && type is "input_text" or "output_text"))
        {
            // Claude Code decides what Anthropic caches, and the cache changes no answer.
            return !_isStrict || _fields.IsObject(block, field, "type", "text", "cache_control")
                ? ReadWords(_fields.Text(block, "text", field), $"{field}.text", mayBeEmpty)
                : [];
        }

        if (_hasToolBlocks && type == "tool_use")
        {
            return _tools.ReadCall(block, field, _isStrict) is { } call ? [call] : [];
        }

        if (_hasToolBlocks && type == "tool_result")
        {
            return _tools.ReadResult(block, field, _isStrict, (content, at) => ReadBlocks(content, at, mayBeEmpty: true)) is { } result
                ? [result]
                : [];
        }

        if (type is "thinking" or "redacted_thinking" || (!_isStrict && type is "reasoning" or "refusal"))
        {
            return [];
        }

        if (type is not null && _readAttachment(_fields, block, type, field, out var attachment))
        {
            return attachment is null ? [] : [attachment];
        }

        _fields.Refuse(
            field,
            $"'{field}' is of a type that the relay does not read. Text, pictures, documents, calls of tools and their "
                + $"results are read; sound is not."
        );
        return [];
    }

    private IEnumerable<ContentBlock> ReadWords(string? words, string field, bool mayBeEmpty) =>
        _fields.Error is not null || (mayBeEmpty && string.IsNullOrWhiteSpace(words)) ? []
        : _fields.Take(PromptText.Create(field, words)) is { } text ? [new TextBlock(text)]
        : [];
}
