using System.Buffers.Text;

namespace Relay.Domain.Completions;

/// <summary>
/// A picture for the model, as base64: one of the four kinds that Anthropic reads, and no larger than it takes (5 MB,
/// <c>platform.claude.com/docs/en/build-with-claude/vision</c>). Prints <c>***</c>.
/// </summary>
public sealed record ImageBlock : ContentBlock
{
    /// <summary>Largest picture, in bytes before base64.</summary>
    public const int MaxBytes = 5 * 1024 * 1024;

    private const int SignatureLength = 12;

    private readonly string _base64;

    private ImageBlock(string mediaType, string base64) => (MediaType, _base64) = (mediaType, base64);

    /// <summary><c>image/png</c>, <c>image/jpeg</c>, <c>image/gif</c> or <c>image/webp</c>.</summary>
    public string MediaType { get; }

    /// <summary>The picture, for the model. A method, so that no serialiser and no logger finds it.</summary>
    public string Reveal() => _base64;

    /// <summary>Accepts a picture that is what it says it is.</summary>
    /// <param name="field">The wire name used in the error.</param>
    /// <param name="mediaType">As the caller names it.</param>
    /// <param name="base64">With padding, without blanks and newlines.</param>
    public static Result<ImageBlock> Create(string field, string? mediaType, string? base64)
    {
        if (mediaType is not ("image/png" or "image/jpeg" or "image/gif" or "image/webp"))
        {
            return RelayError.Invalid(field, $"'{field}' is of a kind that is not read here: image/png, image/jpeg, image/gif and image/webp are.");
        }

        if (string.IsNullOrEmpty(base64) || base64.AsSpan().ContainsAny(" \t\r\n") || !Base64.IsValid(base64, out var bytes))
        {
            return RelayError.Invalid(field, $"'{field}' is not base64: it takes the picture's bytes, padded, without blanks and newlines.");
        }

        if (bytes > MaxBytes)
        {
            return new RelayError(ErrorCode.TooLarge, $"'{field}' is larger than {MaxBytes} bytes, the most that Anthropic takes of one picture.", field);
        }

        Span<byte> signature = stackalloc byte[SignatureLength];
        return bytes >= SignatureLength && Convert.TryFromBase64Chars(base64.AsSpan(0, SignatureLength / 3 * 4), signature, out _) && KindOf(signature) == mediaType
            ? new ImageBlock(mediaType, base64)
            : RelayError.Invalid(field, $"'{field}' does not begin like {mediaType}.");
    }

    /// <summary>Whether two are the same picture.</summary>
    public bool Equals(ImageBlock? other) => other is not null && MediaType == other.MediaType && string.Equals(_base64, other._base64, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(MediaType, _base64.Length);

    /// <inheritdoc/>
    public override string ToString() => $"ImageBlock {{ {MediaType}, *** }}";

    private static string? KindOf(ReadOnlySpan<byte> bytes) =>
        bytes[0] == 0x89 && bytes[1..].StartsWith("PNG\r\n"u8) ? "image/png"
        : bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF ? "image/jpeg"
        : bytes.StartsWith("GIF87a"u8) || bytes.StartsWith("GIF89a"u8) ? "image/gif"
        : bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8) ? "image/webp"
        : null;
}
