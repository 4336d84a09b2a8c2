namespace Relay.Domain.Completions;

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
