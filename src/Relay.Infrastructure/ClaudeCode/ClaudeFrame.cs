using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
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

/// <summary>Reads JSON whose shape another program decides.</summary>
internal static class JsonElementReading
{
    /// <summary>A property of an object; null when the value is not an object or has no such property.</summary>
    public static JsonElement? Member(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value : null;

    /// <summary>A string property, or null. Half a surrogate pair is kept: an API writes it, System.Text.Json refuses it.</summary>
    public static string? Text(this JsonElement element, string name)
    {
        if (element.Member(name) is not { ValueKind: JsonValueKind.String } value)
        {
            return null;
        }

        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return Unescape(Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(value)));
        }
    }

    /// <summary>A whole number; null when it is missing or is not a whole number.</summary>
    public static long? Number(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) ? number : null;

    /// <param name="json">A string of valid JSON, with its quotes.</param>
    private static string Unescape(string json)
    {
        var text = new StringBuilder(json.Length);
        for (var index = 1; index < json.Length - 1; index++)
        {
            if (json[index] != '\\')
            {
                text.Append(json[index]);
                continue;
            }

            index++;
            text.Append(
                json[index] switch
                {
                    'b' => '\b',
                    'f' => '\f',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => (char)ushort.Parse(json.AsSpan(index + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture),
                    var itself => itself,
                }
            );
            index += json[index] == 'u' ? 4 : 0;
        }

        return text.ToString();
    }
}
