using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Relay.Infrastructure.Pdf;

/// <summary>
/// One line that the reading process writes. The first line has the file's own data or an error, then comes one line for each page, and
/// the last line marks the end. A process that breaks off writes no last line.
/// </summary>
/// <param name="Count">Pages of the file; in the first line only.</param>
/// <param name="Title">The file's title; in the first line only.</param>
/// <param name="Error">The reason why the file is not read; in the first line only.</param>
/// <param name="Paragraphs">The text of a page.</param>
/// <param name="IsReadable">False for a page whose content is broken.</param>
/// <param name="IsEnd">Whether this is the last line.</param>
/// <param name="IsWhole">Whether all pages were read; in the last line only.</param>
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

    /// <summary>Reads a line.</summary>
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
    /// <summary>A password is needed.</summary>
    Encrypted,

    /// <summary>The file is not a PDF, or is broken beyond reading.</summary>
    Broken,
}

/// <summary>Compiled with the program: the short-lived process has no time for reflection.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(PdfFrame))]
internal sealed partial class PdfFrameContext : JsonSerializerContext;
