using System.Text.Json;
using System.Text.Json.Serialization;

namespace Relay.AnthropicSimulator;

/// <summary>A duration as a JSON number of milliseconds, at most what a timer can wait (about 24 days).</summary>
internal sealed class MillisecondsConverter : JsonConverter<TimeSpan>
{
    public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Number && reader.GetDouble() is >= 0 and <= int.MaxValue and var milliseconds
            ? TimeSpan.FromMilliseconds(milliseconds)
            : throw new JsonException($"must be a number of milliseconds from 0 to {int.MaxValue}");

    public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) =>
        writer.WriteNumberValue(value.TotalMilliseconds);
}
