using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Relay.Infrastructure.Pdf;

/// <summary>
/// One line that the reading process writes: first the file's own data or an error, then one line for each page, at last the end.
/// A process that breaks off writes no end.
/// </summary>
/// <param name="Count">Pages of the file; in the first line only.</param>
/// <param name="Title">The file's title; in the first line only.</param>
/// <param name="Error">Why the file is not read; in the first line only.</param>
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
    /// <exception cref="JsonException">It is no such line.</exception>
    public static PdfFrame Read(ReadOnlySequence<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        return JsonSerializer.Deserialize(ref reader, PdfFrameContext.Default.PdfFrame) ?? throw new JsonException("The line is null.");
    }
}

/// <summary>Why a file is not read.</summary>
internal enum PdfProblem
{
    /// <summary>A password is needed.</summary>
    Encrypted,

    /// <summary>The file is no PDF, or broken beyond reading.</summary>
    Broken,
}

/// <summary>Compiled with the program: the short-lived process has no time to find it out.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(PdfFrame))]
internal sealed partial class PdfFrameContext : JsonSerializerContext;
