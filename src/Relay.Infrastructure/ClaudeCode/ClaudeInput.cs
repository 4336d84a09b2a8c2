using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Writes what goes to Claude Code's stdin: the only way a caller's words take. One JSON object a line; separators that a
/// line splitter could take for a newline (U+2028 and its like) are escaped.
/// </summary>
internal sealed class ClaudeInput
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.Create(UnicodeRanges.All) };

    private readonly ArrayBufferWriter<byte> _buffer = new();

    /// <summary>The lines written so far.</summary>
    public ReadOnlyMemory<byte> Bytes => _buffer.WrittenMemory;

    /// <summary>Sets the system prompt. Only the first one a process gets counts; without it the CLI's own long one applies.</summary>
    public ClaudeInput Initialize(PromptText? system) => Line(writer =>
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
        writer.WriteEndObject();
    });

    /// <summary>Changes the model a spare was started with.</summary>
    public ClaudeInput SetModel(string model) => Line(writer =>
    {
        writer.WriteString("type", "control_request");
        writer.WriteString("request_id", SetModelId);
        writer.WriteStartObject("request");
        writer.WriteString("subtype", "set_model");
        writer.WriteString("model", model);
        writer.WriteEndObject();
    });

    /// <summary>Asks for an <c>init</c> frame and an empty result without a call to the API. Never before <see cref="Initialize"/>.</summary>
    public ClaudeInput AskForInit() => Line(writer =>
    {
        writer.WriteString("type", "user");
        writer.WriteBoolean("shouldQuery", false);
        writer.WriteStartObject("message");
        writer.WriteString("role", "user");
        writer.WriteStartArray("content");
        writer.WriteEndArray();
        writer.WriteEndObject();
    });

    /// <summary>The prompt; <c>client_composed</c> has it delivered as written, without <c>@path</c> or <c>/command</c>.</summary>
    public ClaudeInput Prompt(PromptText prompt) => Line(writer =>
    {
        writer.WriteString("type", "user");
        writer.WriteBoolean("client_composed", true);
        writer.WriteStartObject("message");
        writer.WriteString("role", "user");
        writer.WriteString("content", prompt.Reveal());
        writer.WriteEndObject();
    });

    /// <summary>Request id of <see cref="Initialize"/>.</summary>
    public const string InitializeId = "initialize";

    /// <summary>Request id of <see cref="SetModel"/>.</summary>
    public const string SetModelId = "set_model";

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
