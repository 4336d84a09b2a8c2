using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Relay.Infrastructure.ClaudeCode;

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
