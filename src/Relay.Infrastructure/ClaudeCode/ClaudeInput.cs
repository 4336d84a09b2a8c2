using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Writes to Claude Code's stdin, the only way for a caller's words. Each line is one JSON object.
/// </summary>
internal sealed class ClaudeInput
{
    /// <summary>
    /// An answer of these words, with or without blanks around them, which Claude Code leaves out as empty (measured on 2.1.330). Split
    /// into two blocks it is delivered.
    /// </summary>
    private const string NoContent = "(no content)";

    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = ClaudeJson.Encoder };

    private readonly ArrayBufferWriter<byte> _buffer = new();

    public ReadOnlyMemory<byte> Bytes => _buffer.WrittenMemory;

    /// <summary>Sets the system prompt. Only the first one of a process counts. Without it Claude Code's own long prompt applies.</summary>
    public ClaudeInput Initialize(PromptText? system, OutputSchema? schema = null) =>
        Control(
            InitializeId,
            new
            {
                subtype = "initialize",
                systemPrompt = system is null ? Array.Empty<string>() : [system.Reveal()],
                jsonSchema = schema is null ? null : new RawJson(schema.Reveal()),
            }
        );

    public ClaudeInput SetModel(string model) => Control(SetModelId, new { subtype = "set_model", model });

    /// <summary>Sets everything of the caller for a turn besides words. Each setting stays, so all are written each time.</summary>
    public ClaudeInput ApplySettings(TurnSettings settings) =>
        Control(
            ApplySettingsId,
            new
            {
                subtype = "apply_flag_settings",
                settings = new Dictionary<string, object?>(StringComparer.Ordinal)
                {
                    ["effortLevel"] = settings.Effort?.WireName(),
                    ["env"] = new
                    {
                        CLAUDE_CODE_MAX_OUTPUT_TOKENS = settings.MaxOutputTokens.ToString(CultureInfo.InvariantCulture),
                        CLAUDE_CODE_EXTRA_BODY = settings.ExtraBody,
                    },
                },
            }
        );

    /// <summary>Asks for an <c>init</c> frame without a call to the API. Never before <see cref="Initialize"/>.</summary>
    public ClaudeInput AskForInit() =>
        Line(
            new
            {
                type = "user",
                shouldQuery = false,
                message = new { role = "user", content = Array.Empty<object>() },
            }
        );

    /// <summary>
    /// The turn to answer; <c>client_composed</c> has it delivered as written, without <c>@path</c> or <c>/command</c>. A frame with an id
    /// that the process has seen before is silently ignored. Results are written as lists for older models: there Claude Code adds its note
    /// to the last result, and trims the blanks around a result that is not a list.
    /// </summary>
    public ClaudeInput Prompt(ChatMessage turn, Guid id, bool listsResults = false) => UserTurn(turn, id, query: true, listsResults);

    /// <summary>An earlier turn of the caller's side. Its empty result must have come before the next line is written.</summary>
    public ClaudeInput PastPrompt(ChatMessage turn, Guid id) => UserTurn(turn, id, query: false);

    /// <summary>Takes a user's turn back, with everything after it.</summary>
    public ClaudeInput Rewind(Guid id) => Control(RewindId, new { subtype = "rewind_conversation", target_message_uuid = id });

    public ClaudeInput PastAnswer(ChatMessage turn) =>
        Line(
            new Dictionary<string, object?>(StringComparer.Ordinal)
            {
                ["type"] = "assistant",
                ["message"] = new
                {
                    role = "assistant",
                    content = SplitNoContent(turn) is { } parts ? parts.Select(Text) : Blocks(turn.Content, listsResults: false),
                },
                ["uuid"] = Guid.NewGuid(),
                ["session_id"] = string.Empty,
                ["parent_tool_use_id"] = null,
            }
        );

    /// <summary>The blocks of an earlier answer that Claude Code would drop if it came in one; null for any other answer.</summary>
    public static IReadOnlyList<string>? SplitNoContent(ChatMessage turn)
    {
        if (
            turn is not { Role: ChatRole.Assistant, Content: [TextBlock only] }
            || only.Text.Reveal() is not { } words
            || !words.AsSpan().Trim().SequenceEqual(NoContent)
        )
        {
            return null;
        }

        var at = words.IndexOf(NoContent, StringComparison.Ordinal) + 1;
        return [words[..at], words[at..]];
    }

    public const string RewindId = "rewind";

    public const string InitializeId = "initialize";

    public const string SetModelId = "set_model";

    public const string ApplySettingsId = "apply_settings";

    private ClaudeInput UserTurn(ChatMessage turn, Guid id, bool query, bool listsResults = false) =>
        Line(
            new
            {
                type = "user",
                uuid = id,
                client_composed = true,
                shouldQuery = query ? (bool?)null : false,
                message = new { role = "user", content = Content(turn.Content, listsResults) },
            }
        );

    /// <summary>A single text as it is, everything else as a list.</summary>
    private static object Content(IReadOnlyList<ContentBlock> blocks, bool listsResults) =>
        blocks is [TextBlock only] ? only.Text.Reveal() : Blocks(blocks, listsResults);

    private static IEnumerable<object> Blocks(IReadOnlyList<ContentBlock> blocks, bool listsResults) =>
        blocks.Select(block =>
            block switch
            {
                TextBlock words => Text(words.Text.Reveal()),
                ImageBlock image => new { type = "image", source = Base64(image.MediaType, image.Reveal()) },
                ImageLink link => new { type = "image", source = new { type = "url", url = link.Reveal() } },
                DocumentBlock document => Document(document),
                ToolCallBlock { Call: var call } => new
                {
                    type = "tool_use",
                    id = call.Id,
                    name = call.Name,
                    input = new RawJson(call.RevealInput()),
                },
                ToolResultBlock result => Result(result, listsResults),
                _ => throw new ArgumentException($"A {block.GetType().Name} can't be sent.", nameof(blocks)),
            }
        );

    private static object Text(string text) => new { type = "text", text };

    private static object Base64(string mediaType, string data) =>
        new
        {
            type = "base64",
            media_type = mediaType,
            data,
        };

    private static object Document(DocumentBlock document) =>
        new
        {
            type = "document",
            source = document.Source switch
            {
                PdfSource pdf => Base64("application/pdf", pdf.Reveal()),
                TextSource text => new
                {
                    type = "text",
                    media_type = "text/plain",
                    data = text.Text.Reveal(),
                },
                PartsSource parts => new { type = "content", content = parts.Parts.Select(part => Text(part.Reveal())) },
                _ => throw new ArgumentException($"A {document.Source.GetType().Name} can't be sent.", nameof(document)),
            },
            title = document.Title?.Reveal(),
            context = document.Context?.Reveal(),
            citations = document.HasCitations ? new { enabled = true } : null,
        };

    /// <summary>With <paramref name="isList"/> a single text is written as a list, too.</summary>
    private static object Result(ToolResultBlock result, bool isList) =>
        new
        {
            type = "tool_result",
            tool_use_id = result.CallId,
            content = result.Content.Count == 0 ? null
            : isList ? Blocks(result.Content, listsResults: false)
            : Content(result.Content, listsResults: false),
            is_error = result.IsError,
        };

    private ClaudeInput Control(string id, object request) =>
        Line(
            new
            {
                type = "control_request",
                request_id = id,
                request,
            }
        );

    private ClaudeInput Line(object frame)
    {
        using (var writer = new Utf8JsonWriter(_buffer, WriterOptions))
        {
            JsonSerializer.Serialize(writer, frame, ClaudeJson.Options);
        }

        _buffer.Write("\n"u8);
        return this;
    }
}
