using System.Globalization;

namespace Relay.Domain.Completions;

/// <summary>
/// A picture for the model, as base64: one of the four kinds that Anthropic reads, and no larger than it takes (5 MB and 8,000
/// pixels a side, <c>platform.claude.com/docs/en/build-with-claude/vision</c>). Prints <c>***</c>.
/// </summary>
public sealed record ImageBlock : ContentBlock
{
    /// <summary>Largest picture, in bytes before base64.</summary>
    public const int MaxBytes = 5 * 1024 * 1024;

    /// <summary>Longest side, in pixels.</summary>
    public const int MaxSide = 8000;

    private readonly string _base64;

    private ImageBlock(ImageHeader header, string base64) => (MediaType, Pixels, _base64) = (header.MediaType, header.Pixels, base64);

    /// <summary><c>image/png</c>, <c>image/jpeg</c>, <c>image/gif</c> or <c>image/webp</c>: the kind that the bytes are of.</summary>
    public string MediaType { get; }

    /// <summary>Width times height. Claude Code unpacks a picture before it sends it, and takes about 5 bytes for each pixel.</summary>
    public long Pixels { get; }

    /// <summary>The picture, for the model. A method, so that no serialiser and no logger finds it.</summary>
    public string Reveal() => _base64;

    /// <summary>Accepts a picture. Its bytes decide its kind, not the caller's name for it.</summary>
    /// <param name="field">The wire name used in the error.</param>
    /// <param name="base64">With or without padding, blanks and line breaks.</param>
    public static Result<ImageBlock> Create(string field, string? base64)
    {
        if (Base64Text.Read(base64) is not var (bytes, canonical))
        {
            return RelayError.Invalid(field, $"'{field}' is not base64. Send the bytes of the picture as base64.");
        }

        if (bytes.Length > MaxBytes)
        {
            return new RelayError(
                ErrorCode.TooLarge,
                $"'{field}' is larger than {MaxBytes} bytes, the most that Anthropic takes of one picture. Send a smaller picture.",
                field
            );
        }

        if (ImageHeader.KindOf(bytes) is null)
        {
            return RelayError.Invalid(
                field,
                $"'{field}' is not a picture of a known kind. Send image/png, image/jpeg, image/gif or image/webp."
            );
        }

        if (ImageHeader.Read(bytes) is not { } header)
        {
            return RelayError.Invalid(
                field,
                $"'{field}' is a damaged picture: its width and height can't be read. Save it anew, and send it again."
            );
        }

        return header.Width > MaxSide || header.Height > MaxSide
            ? RelayError.Invalid(
                field,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"'{field}' has {header.Width} x {header.Height} pixels. A side takes at most {MaxSide}. Send a smaller picture."
                )
            )
            : new ImageBlock(header, canonical);
    }

    /// <summary>Whether two are the same picture.</summary>
    public bool Equals(ImageBlock? other) =>
        other is not null && MediaType == other.MediaType && string.Equals(_base64, other._base64, StringComparison.Ordinal);

    public override int GetHashCode() => HashCode.Combine(MediaType, _base64.Length);

    public override string ToString() => $"ImageBlock {{ {MediaType}, *** }}";
}
