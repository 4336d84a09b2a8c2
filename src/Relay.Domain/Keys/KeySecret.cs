using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Relay.Domain.Keys;

/// <summary>
/// A key's secret: <c>crk_</c>, 43 characters of base64url (256 random bits) and 6 checksum characters, so that a
/// mistyped or foreign token is refused without a look-up and secret scanners can find ours. Prints <c>***</c>.
/// </summary>
public sealed class KeySecret
{
    /// <summary>What every secret begins with.</summary>
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

    /// <summary>What is stored and looked up: SHA-256 of the whole secret. Fast on purpose, for 256 random bits can't be guessed.</summary>
    public KeyHash Hash => KeyHash.Of(_text);

    /// <summary>A new one from the system's random source.</summary>
    public static KeySecret Generate()
    {
        var body = Scheme + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));
        Span<char> checksum = stackalloc char[ChecksumLength];
        TryWriteChecksum(body, checksum);
        return new KeySecret(string.Concat(body, checksum));
    }

    /// <summary>Null unless the text has the shape and the checksum of a secret.</summary>
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

    /// <inheritdoc/>
    public override string ToString() => "***";

    /// <summary>
    /// The first characters of the body's hash; false for a body that is not ASCII. On every request's way, so without the heap.
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
