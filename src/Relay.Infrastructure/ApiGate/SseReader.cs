using System.Buffers;
using System.Text.Json;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// Reads server-sent events out of bytes that arrive in any pieces. Keeps at most one event. The lines <c>event:</c>, <c>id:</c> and
/// comments are skipped, because the data of each event names its type.
/// </summary>
internal sealed class SseReader
{
    /// <summary>Longest event, in bytes. An answer's largest is one delta; a server may put a whole tool input into one.</summary>
    private const int MaxEventBytes = 8 * 1024 * 1024;

    private readonly ArrayBufferWriter<byte> _line = new();
    private readonly ArrayBufferWriter<byte> _data = new();

    /// <summary>
    /// Takes the next bytes. Returns the events that ended in them, in order. The caller disposes of them. Throws a
    /// <see cref="JsonException"/> for data that is not JSON, an <see cref="InvalidDataException"/> for an event above 8 MB.
    /// </summary>
    public IReadOnlyList<JsonDocument> Read(ReadOnlySpan<byte> bytes)
    {
        List<JsonDocument>? events = null;
        while (!bytes.IsEmpty)
        {
            var end = bytes.IndexOf((byte)'\n');
            _line.Write(end < 0 ? bytes : bytes[..end]);
            if (_line.WrittenCount + _data.WrittenCount > MaxEventBytes)
            {
                throw new InvalidDataException("An event of the API is too long.");
            }

            if (end < 0)
            {
                break;
            }

            bytes = bytes[(end + 1)..];
            if (EndLine() is { } document)
            {
                (events ??= []).Add(document);
            }
        }

        return events ?? [];
    }

    private JsonDocument? EndLine()
    {
        var line = _line.WrittenSpan.TrimEnd((byte)'\r');
        JsonDocument? document = null;
        if (line.IsEmpty)
        {
            if (_data.WrittenCount > 0)
            {
                // A copy: the document keeps its bytes, and the buffer is used again.
                document = JsonDocument.Parse(_data.WrittenSpan.ToArray());
                _data.ResetWrittenCount();
            }
        }
        else if (line.StartsWith("data:"u8))
        {
            if (_data.WrittenCount > 0)
            {
                _data.Write("\n"u8);
            }

            _data.Write(line["data:"u8.Length..].TrimStart((byte)' '));
        }

        _line.ResetWrittenCount();
        return document;
    }
}
