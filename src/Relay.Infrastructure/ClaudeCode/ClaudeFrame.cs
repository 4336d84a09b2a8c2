using System.Buffers;
using System.Text.Json;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>One line of Claude Code's stream-json output. Dispose it before reading the next.</summary>
internal sealed class ClaudeFrame : IDisposable
{
    private readonly JsonDocument _document;

    private ClaudeFrame(JsonDocument document, string type, string? subtype) => (_document, Type, Subtype) = (document, type, subtype);

    /// <summary><c>system</c>, <c>stream_event</c>, <c>assistant</c>, <c>result</c>, <c>control_response</c>, …</summary>
    public string Type { get; }

    /// <summary><c>init</c>, <c>api_retry</c>, …; null for a type without subtypes.</summary>
    public string? Subtype { get; }

    public JsonElement Json => _document.RootElement;

    /// <summary>Parses a line.</summary>
    /// <exception cref="JsonException">It is not a JSON object with a type.</exception>
    public static ClaudeFrame Parse(ReadOnlySequence<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        var document = JsonDocument.ParseValue(ref reader);
        if (document.RootElement.Text("type") is { } type)
        {
            return new ClaudeFrame(document, type, document.RootElement.Text("subtype"));
        }

        document.Dispose();
        throw new JsonException("A frame has no type.");
    }

    public void Dispose() => _document.Dispose();
}
