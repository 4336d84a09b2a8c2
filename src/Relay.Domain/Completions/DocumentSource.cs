using System.Text;

namespace Relay.Domain.Completions;

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
