using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Relay.Infrastructure.Pdf;

/// <summary>
/// One line that the reading process writes. The first line has the file's number of pages and its title, or an error. Then comes one line
/// for each page; a page whose content is broken is not readable. The last line tells whether all pages were read. A process that breaks
/// off writes no last line.
/// </summary>
internal sealed record PdfFrame(
    int? Count = null,
    string? Title = null,
    PdfProblem? Error = null,
    IReadOnlyList<string>? Paragraphs = null,
    bool? IsReadable = null,
    bool IsEnd = false,
    bool IsWhole = false
)
{
    /// <summary>The line, without its line feed. It is JSON of ASCII letters, so that no text can begin a new line.</summary>
    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, PdfFrameContext.Default.PdfFrame);

    /// <exception cref="JsonException">The line has another form.</exception>
    public static PdfFrame Read(ReadOnlySequence<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        return JsonSerializer.Deserialize(ref reader, PdfFrameContext.Default.PdfFrame) ?? throw new JsonException("The line is null.");
    }
}

/// <summary>The reason why a file is not read.</summary>
internal enum PdfProblem
{
    Encrypted,

    /// <summary>The file is not a PDF, or is broken beyond reading.</summary>
    Broken,
}

/// <summary>Compiled with the program: the short-lived process has no time for reflection.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(PdfFrame))]
internal sealed partial class PdfFrameContext : JsonSerializerContext;
