using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Relay.Domain.Keys;

/// <summary>
/// A key's secret: <c>crk_</c>, 43 characters of base64url (256 random bits) and 6 checksum characters. The checksum refuses a mistyped
/// or foreign token without a look-up, and lets secret scanners find ours. Prints <c>***</c>.
/// </summary>
public sealed class KeySecret
{
    /// <summary>The beginning of every secret.</summary>
    public const string Scheme = "crk_";

    private const int RandomBytes = 32;
    private const int RandomLength = 43;
    private const int ChecksumLength = 6;
    private const int Length = 4 + RandomLength + ChecksumLength;
    private const int PrefixLength = 4 + 6;

    private readonly string _text;

    private KeySecret(string text) => _text = text;

    /// <summary>The first characters, enough to recognise a key by and far too few to guess it.</summary>
    public string Prefix => _text[..PrefixLength];

    /// <summary>
    /// SHA-256 of the whole secret, for storing it and looking it up. A fast hash is enough: 256 random bits can't be guessed.
    /// </summary>
    public KeyHash Hash => KeyHash.Of(_text);

    /// <summary>Makes a secret from the system's random source.</summary>
    public static KeySecret Generate()
    {
        var body = Scheme + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));
        Span<char> checksum = stackalloc char[ChecksumLength];
        TryWriteChecksum(body, checksum);
        return new KeySecret(string.Concat(body, checksum));
    }

    /// <summary>Reads a secret; null for a text without its shape and checksum.</summary>
    public static KeySecret? Parse(string? text)
    {
        if (text is null || text.Length != Length || !text.StartsWith(Scheme, StringComparison.Ordinal))
        {
            return null;
        }

        Span<char> expected = stackalloc char[ChecksumLength];
        return TryWriteChecksum(text.AsSpan(..^ChecksumLength), expected) && text.AsSpan(^ChecksumLength..).SequenceEqual(expected)
            ? new KeySecret(text)
            : null;
    }

    /// <summary>The secret itself, for the one time it is shown to the operator.</summary>
    public string Reveal() => _text;

    public override string ToString() => "***";

    /// <summary>
    /// Writes the first characters of the body's hash; false for a body that is not ASCII. Every request passes here, so it allocates
    /// nothing.
    /// </summary>
    private static bool TryWriteChecksum(ReadOnlySpan<char> body, Span<char> checksum)
    {
        Span<byte> bytes = stackalloc byte[Length];
        if (Ascii.FromUtf16(body, bytes, out var length) != OperationStatus.Done)
        {
            return false;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes[..length], hash);
        Span<char> encoded = stackalloc char[RandomLength];
        Base64Url.EncodeToChars(hash, encoded);
        encoded[..ChecksumLength].CopyTo(checksum);
        return true;
    }
}
