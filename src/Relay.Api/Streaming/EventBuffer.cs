using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Relay.Api.Streaming;

/// <summary>Events on their way. Each has a line for its name, if it has one, a line for its data, and an empty line.</summary>
internal sealed class EventBuffer : IDisposable
{
    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JsonContract.Options.Encoder };

    private readonly ArrayBufferWriter<byte> _bytes = new(1024);
    private readonly Utf8JsonWriter _json;

    public EventBuffer() => _json = new Utf8JsonWriter(_bytes, WriterOptions);

    public ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    /// <summary>Adds an event. The data is written as JSON on one line, by the relay's own options unless others are given.</summary>
    public void Add(string? name, object data, JsonSerializerOptions? json = null)
    {
        if (name is not null)
        {
            AddLine("event: ", name);
        }

        _bytes.Write("data: "u8);
        _json.Reset();
        JsonSerializer.Serialize(_json, data, data.GetType(), json ?? JsonContract.Options);
        _bytes.Write("\n\n"u8);
    }

    /// <summary>Adds an event whose data is not JSON.</summary>
    public void AddText(string data)
    {
        AddLine("data: ", data);
        _bytes.Write("\n"u8);
    }

    /// <summary>Adds a line that no reader takes for an event. An empty line behind it would end an event for some readers.</summary>
    public void AddComment(string text) => AddLine(": ", text);

    public void Dispose() => _json.Dispose();

    public void Clear() => _bytes.ResetWrittenCount();

    private void AddLine(string prefix, string text)
    {
        Encoding.UTF8.GetBytes(prefix, _bytes);
        Encoding.UTF8.GetBytes(text, _bytes);
        _bytes.Write("\n"u8);
    }
}
