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
        return new KeySecret(body + Checksum(body));
    }

    /// <summary>Null unless the text has the shape and the checksum of a secret.</summary>
    public static KeySecret? Parse(string? text)
    {
        if (text is null || text.Length != Length || !text.StartsWith(Scheme, StringComparison.Ordinal))
        {
            return null;
        }

        var expected = Checksum(text[..^ChecksumLength]);
        return string.Equals(text[^ChecksumLength..], expected, StringComparison.Ordinal) ? new KeySecret(text) : null;
    }

    /// <summary>The secret itself, for the one time it is shown to the operator.</summary>
    public string Reveal() => _text;

    /// <inheritdoc/>
    public override string ToString() => "***";

    private static string Checksum(string body) =>
        Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(body)))[..ChecksumLength];
}
