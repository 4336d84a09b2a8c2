using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Writes to Claude Code's stdin, the only way for a caller's words. Each line is one JSON object. Separators that a line splitter could
/// take for a newline (such as U+2028) are escaped.
/// </summary>
internal sealed class ClaudeInput
{
    /// <summary>
    /// An answer of these words, with or without blanks around them, which Claude Code leaves out as empty (measured on 2.1.330). Split
    /// into two blocks it is delivered.
    /// </summary>
    private const string NoContent = "(no content)";

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.Create(UnicodeRanges.All) };

    private readonly ArrayBufferWriter<byte> _buffer = new();

    public ReadOnlyMemory<byte> Bytes => _buffer.WrittenMemory;

    /// <summary>Sets the system prompt. Only the first one of a process counts. Without it Claude Code's own long prompt applies.</summary>
    public ClaudeInput Initialize(PromptText? system, OutputSchema? schema = null) =>
        Line(writer =>
        {
            writer.WriteString("type", "control_request");
            writer.WriteString("request_id", InitializeId);
            writer.WriteStartObject("request");
            writer.WriteString("subtype", "initialize");
            writer.WriteStartArray("systemPrompt");
            if (system is not null)
            {
                writer.WriteStringValue(system.Reveal());
            }

            writer.WriteEndArray();
            if (schema is not null)
            {
                writer.WritePropertyName("jsonSchema");
                writer.WriteRawValue(schema.Reveal());
            }

            writer.WriteEndObject();
        });

    public ClaudeInput SetModel(string model) =>
        Line(writer =>
        {
            writer.WriteString("type", "control_request");
            writer.WriteString("request_id", SetModelId);
            writer.WriteStartObject("request");
            writer.WriteString("subtype", "set_model");
            writer.WriteString("model", model);
            writer.WriteEndObject();
        });

    /// <summary>Sets everything of the caller for a turn besides words. Each setting stays, so all are written each time.</summary>
    public ClaudeInput ApplySettings(TurnSettings settings) =>
        Line(writer =>
        {
            writer.WriteString("type", "control_request");
            writer.WriteString("request_id", ApplySettingsId);
            writer.WriteStartObject("request");
            writer.WriteString("subtype", "apply_flag_settings");
            writer.WriteStartObject("settings");
            writer.WriteString("effortLevel", settings.Effort?.WireName());
            writer.WriteStartObject("env");
            writer.WriteString("CLAUDE_CODE_MAX_OUTPUT_TOKENS", settings.MaxOutputTokens.ToString(CultureInfo.InvariantCulture));
            writer.WriteString("CLAUDE_CODE_EXTRA_BODY", settings.ExtraBody);
            writer.WriteEndObject();
            writer.WriteEndObject();
            writer.WriteEndObject();
        });

    /// <summary>Asks for an <c>init</c> frame without a call to the API. Never before <see cref="Initialize"/>.</summary>
    public ClaudeInput AskForInit() =>
        Line(writer =>
        {
            writer.WriteString("type", "user");
            writer.WriteBoolean("shouldQuery", false);
            writer.WriteStartObject("message");
            writer.WriteString("role", "user");
            writer.WriteStartArray("content");
            writer.WriteEndArray();
            writer.WriteEndObject();
        });

    /// <summary>
    /// The turn to answer; <c>client_composed</c> has it delivered as written, without <c>@path</c> or <c>/command</c>. A frame with an id
    /// that the process has seen before is silently ignored. Results are written as lists for older models: there Claude Code adds its note
    /// to the last result, and trims the blanks around a result that is not a list.
    /// </summary>
    public ClaudeInput Prompt(ChatMessage turn, Guid id, bool listsResults = false) => UserTurn(turn, id, query: true, listsResults);

    /// <summary>An earlier turn of the caller's side. Its empty result must have come before the next line is written.</summary>
    public ClaudeInput PastPrompt(ChatMessage turn, Guid id) => UserTurn(turn, id, query: false);

    /// <summary>Takes a user's turn back, with everything after it.</summary>
    public ClaudeInput Rewind(Guid id) =>
        Line(writer =>
        {
            writer.WriteString("type", "control_request");
            writer.WriteString("request_id", RewindId);
            writer.WriteStartObject("request");
            writer.WriteString("subtype", "rewind_conversation");
            writer.WriteString("target_message_uuid", id);
            writer.WriteEndObject();
        });

    public ClaudeInput PastAnswer(ChatMessage turn) =>
        Line(writer =>
        {
            writer.WriteString("type", "assistant");
            writer.WriteStartObject("message");
            writer.WriteString("role", "assistant");
            if (SplitNoContent(turn) is { } parts)
            {
                WriteTexts(writer, parts);
            }
            else
            {
                WriteBlocks(writer, turn.Content, listsResults: false);
            }

            writer.WriteEndObject();
            writer.WriteString("uuid", Guid.NewGuid());
            writer.WriteString("session_id", string.Empty);
            writer.WriteNull("parent_tool_use_id");
        });

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
        Line(writer =>
        {
            writer.WriteString("type", "user");
            writer.WriteString("uuid", id);
            writer.WriteBoolean("client_composed", true);
            if (!query)
            {
                writer.WriteBoolean("shouldQuery", false);
            }

            writer.WriteStartObject("message");
            writer.WriteString("role", "user");
            if (turn.Content is [TextBlock only])
            {
                writer.WriteString("content", only.Text.Reveal());
            }
            else
            {
                WriteBlocks(writer, turn.Content, listsResults);
            }

            writer.WriteEndObject();
        });

    private static void WriteTexts(Utf8JsonWriter writer, IReadOnlyList<string> texts)
    {
        writer.WriteStartArray("content");
        foreach (var part in texts)
        {
            writer.WriteStartObject();
            writer.WriteString("type", "text");
            writer.WriteString("text", part);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteBlocks(Utf8JsonWriter writer, IReadOnlyList<ContentBlock> blocks, bool listsResults)
    {
        writer.WriteStartArray("content");
        foreach (var block in blocks)
        {
            writer.WriteStartObject();
            switch (block)
            {
                case TextBlock words:
                    writer.WriteString("type", "text");
                    writer.WriteString("text", words.Text.Reveal());
                    break;
                case ImageBlock image:
                    writer.WriteString("type", "image");
                    writer.WriteStartObject("source");
                    writer.WriteString("type", "base64");
                    writer.WriteString("media_type", image.MediaType);
                    writer.WriteString("data", image.Reveal());
                    writer.WriteEndObject();
                    break;
                case ImageLink link:
                    writer.WriteString("type", "image");
                    writer.WriteStartObject("source");
                    writer.WriteString("type", "url");
                    writer.WriteString("url", link.Reveal());
                    writer.WriteEndObject();
                    break;
                case DocumentBlock document:
                    WriteDocument(writer, document);
                    break;
                case ToolCallBlock { Call: var call }:
                    writer.WriteString("type", "tool_use");
                    writer.WriteString("id", call.Id);
                    writer.WriteString("name", call.Name);
                    writer.WritePropertyName("input");
                    writer.WriteRawValue(call.RevealInput());
                    break;
                case ToolResultBlock result:
                    WriteResult(writer, result, listsResults);
                    break;
                default:
                    throw new ArgumentException($"A {block.GetType().Name} can't be sent.", nameof(blocks));
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteDocument(Utf8JsonWriter writer, DocumentBlock document)
    {
        writer.WriteString("type", "document");
        writer.WriteStartObject("source");
        switch (document.Source)
        {
            case PdfSource pdf:
                writer.WriteString("type", "base64");
                writer.WriteString("media_type", "application/pdf");
                writer.WriteString("data", pdf.Reveal());
                break;
            case TextSource text:
                writer.WriteString("type", "text");
                writer.WriteString("media_type", "text/plain");
                writer.WriteString("data", text.Text.Reveal());
                break;
            case PartsSource parts:
                writer.WriteString("type", "content");
                WriteTexts(writer, [.. parts.Parts.Select(part => part.Reveal())]);
                break;
            default:
                throw new ArgumentException($"A {document.Source.GetType().Name} can't be sent.", nameof(document));
        }

        writer.WriteEndObject();
        if (document.Title is { } title)
        {
            writer.WriteString("title", title.Reveal());
        }

        if (document.Context is { } context)
        {
            writer.WriteString("context", context.Reveal());
        }

        if (document.HasCitations)
        {
            writer.WriteStartObject("citations");
            writer.WriteBoolean("enabled", true);
            writer.WriteEndObject();
        }
    }

    /// <summary>With <paramref name="isList"/> a single text is written as a list, too.</summary>
    private static void WriteResult(Utf8JsonWriter writer, ToolResultBlock result, bool isList)
    {
        writer.WriteString("type", "tool_result");
        writer.WriteString("tool_use_id", result.CallId);
        if (result.Content is [TextBlock only] && !isList)
        {
            writer.WriteString("content", only.Text.Reveal());
        }
        else if (result.Content.Count > 0)
        {
            WriteBlocks(writer, result.Content, listsResults: false);
        }

        if (result.IsError is { } isError)
        {
            writer.WriteBoolean("is_error", isError);
        }
    }

    private ClaudeInput Line(Action<Utf8JsonWriter> write)
    {
        using (var writer = new Utf8JsonWriter(_buffer, Options))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        _buffer.Write("\n"u8);
        return this;
    }
}
