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

    /// <summary><c>init</c>, <c>api_retry</c>, … where the type has one.</summary>
    public string? Subtype { get; }

    /// <summary>The whole object.</summary>
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

    /// <inheritdoc/>
    public void Dispose() => _document.Dispose();
}

/// <summary>Reading JSON whose shape another program decides.</summary>
internal static class JsonElementReading
{
    /// <summary>A property of an object; null when this is no object or has none of that name.</summary>
    public static JsonElement? Member(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value : null;

    /// <summary>A string property; null when it is missing, something else, or no valid Unicode.</summary>
    public static string? Text(this JsonElement element, string name)
    {
        try
        {
            return element.Member(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null; // Half a surrogate pair, or bytes that are not UTF-8.
        }
    }

    /// <summary>A whole number; null when it is missing or something else.</summary>
    public static long? Number(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) ? number : null;
}
