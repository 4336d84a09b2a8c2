using System.Text;

namespace Relay.Domain.Completions;

/// <summary>A document for the model. Prints <c>***</c>.</summary>
/// <param name="Source">The content.</param>
public sealed record DocumentBlock(DocumentSource Source) : ContentBlock
{
    /// <summary>Longest title, in UTF-16 units: the API's limit.</summary>
    public const int MaxTitle = 500;

    /// <summary>The document's name, shown to the model and in citations; null for none.</summary>
    public PromptText? Title { get; init; }

    /// <summary>Words about the document, shown to the model and never cited; null for none.</summary>
    public PromptText? Context { get; init; }

    /// <summary>Whether the answer is to cite the document.</summary>
    public bool HasCitations { get; init; }

    /// <summary>UTF-8 bytes of all words: title, context, and a text's own. A PDF's bytes are not words.</summary>
    public long TextBytes => (Title?.Utf8Bytes ?? 0) + (Context?.Utf8Bytes ?? 0) + Source.TextBytes;

    /// <summary>Reads a client's file. Its bytes decide whether it is a PDF or a text.</summary>
    /// <param name="field">The wire name used in the error.</param>
    /// <param name="base64">The file, with or without padding, blanks and line breaks.</param>
    /// <param name="name">The file's name, which becomes the title; null for none.</param>
    public static Result<DocumentBlock> FromFile(string field, string? base64, string? name)
    {
        PromptText? title = null;
        if (
            !string.IsNullOrWhiteSpace(name)
            && !PromptText.Create(field, name[..Math.Min(name.Length, MaxTitle)]).TryGet(out title, out var error)
        )
        {
            return error;
        }

        if (!DocumentSource.FromFile(field, base64).TryGet(out var source, out error))
        {
            return error;
        }

        return new DocumentBlock(source) { Title = title };
    }

    public override string ToString() => $"DocumentBlock {{ {Source}, *** }}";
}

/// <summary>The content of a document.</summary>
public abstract record DocumentSource
{
    private protected DocumentSource() { }

    /// <summary>UTF-8 bytes of the words; 0 for a PDF.</summary>
    public virtual long TextBytes => 0;

    /// <summary>Pages of a PDF, estimated; 0 for a text.</summary>
    public virtual int Pages => 0;

    /// <summary>Reads a file: a PDF, or a text in UTF-8.</summary>
    /// <param name="field">The wire name used in the error.</param>
    /// <param name="base64">The file.</param>
    internal static Result<DocumentSource> FromFile(string field, string? base64)
    {
        if (Base64Text.Read(base64) is not var (bytes, canonical))
        {
            return PdfSource.NoBase64(field);
        }

        if (PdfPages.IsPdf(bytes))
        {
            return PdfSource.Of(field, bytes, canonical).TryGet(out var pdf, out var wrong) ? pdf : wrong;
        }

        if (ReadText(bytes) is not { } text)
        {
            return RelayError.Invalid(
                field,
                $"'{field}' is neither a PDF nor a text in UTF-8. Send one of these; convert other files before."
            );
        }

        return PromptText.Create(field, text).TryGet(out var words, out var error) ? new TextSource(words) : error;
    }

    /// <summary>The text; null for bytes that are not UTF-8, or that hold a NUL, which no text has.</summary>
    private static string? ReadText(byte[] bytes)
    {
        try
        {
            return bytes.AsSpan().Contains((byte)0)
                ? null
                : new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}

/// <summary>A PDF, as base64. Anthropic reads its text and looks at its pages. Prints <c>***</c>.</summary>
public sealed record PdfSource : DocumentSource
{
    /// <summary>Largest PDF, in bytes before base64: larger ones do not fit into a request of Anthropic's API (32 MB).</summary>
    public const int MaxBytes = 24 * 1024 * 1024;

    private readonly string _base64;

    private PdfSource(string base64, int pages) => (_base64, Pages) = (base64, pages);

    public override int Pages { get; }

    /// <summary>The PDF, for the model. A method, so that no serialiser and no logger finds it.</summary>
    public string Reveal() => _base64;

    /// <summary>Accepts a PDF.</summary>
    /// <param name="field">The wire name used in the error.</param>
    /// <param name="base64">With or without padding, blanks and line breaks.</param>
    public static Result<PdfSource> Create(string field, string? base64) =>
        Base64Text.Read(base64) is var (bytes, canonical) ? Of(field, bytes, canonical) : NoBase64(field);

    internal static Result<PdfSource> Of(string field, byte[] bytes, string base64) =>
        !PdfPages.IsPdf(bytes)
            ? RelayError.Invalid(field, $"'{field}' is not a PDF. Send a PDF as base64, or a text as a document with the source \"text\".")
        : bytes.Length > MaxBytes
            ? new RelayError(
                ErrorCode.TooLarge,
                $"'{field}' is larger than {MaxBytes} bytes, the most that Anthropic takes of a PDF. Split it.",
                field
            )
        : new PdfSource(base64, PdfPages.Count(bytes));

    internal static RelayError NoBase64(string field) =>
        RelayError.Invalid(field, $"'{field}' is not base64. Send the bytes of the file as base64.");

    /// <summary>Whether two are the same PDF.</summary>
    public bool Equals(PdfSource? other) => other is not null && string.Equals(_base64, other._base64, StringComparison.Ordinal);

    public override int GetHashCode() => _base64.Length;

    public override string ToString() => "PDF ***";
}

/// <summary>A text. Citations name places in it by its letters.</summary>
/// <param name="Text">The words.</param>
public sealed record TextSource(PromptText Text) : DocumentSource
{
    public override long TextBytes => Text.Utf8Bytes;
}

/// <summary>A text in parts. Citations name whole parts.</summary>
/// <param name="Parts">At least one, in order.</param>
public sealed record PartsSource(IReadOnlyList<PromptText> Parts) : DocumentSource
{
    public override long TextBytes => Parts.Sum(part => (long)part.Utf8Bytes);
}
