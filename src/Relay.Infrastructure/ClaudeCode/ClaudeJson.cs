using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Unicode;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// JSON for Claude Code and for the API behind it. Properties that are null are left out; values of a dictionary are written as null.
/// </summary>
internal static class ClaudeJson
{
    /// <summary>Separators that a line splitter could take for a newline (such as U+2028) are escaped.</summary>
    public static JavaScriptEncoder Encoder { get; } = JavaScriptEncoder.Create(UnicodeRanges.All);

    public static JsonSerializerOptions Options { get; } =
        new()
        {
            Encoder = Encoder,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            Converters = { new RawJsonConverter() },
        };

    private sealed class RawJsonConverter : JsonConverter<RawJson>
    {
        public override RawJson Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("It is only written.");

        public override void Write(Utf8JsonWriter writer, RawJson value, JsonSerializerOptions options) => writer.WriteRawValue(value.Text);
    }
}

/// <summary>A text that is JSON already, and is written as it is.</summary>
internal sealed record RawJson(string Text);
