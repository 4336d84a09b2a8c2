using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Relay.Domain.Keys;

/// <summary>SHA-256 of a secret, the only form in which secrets are stored: <c>sha256:</c> and 64 lower-case hex digits.</summary>
public sealed record KeyHash
{
    private const string Scheme = "sha256:";
    private const int HexLength = 64;

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    private KeyHash(string value) => Value = value;

    /// <summary>The stored form.</summary>
    public string Value { get; }

    /// <summary>Hashes a secret's text.</summary>
    public static KeyHash Of(string secret) => new(Scheme + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret))));

    /// <summary>Reads the stored form; null for any other text.</summary>
    public static KeyHash? Parse(string? text) =>
        text is { Length: 7 + HexLength }
        && text.StartsWith(Scheme, StringComparison.Ordinal)
        && !text.AsSpan(Scheme.Length).ContainsAnyExcept(HexDigits)
            ? new KeyHash(text)
            : null;

    /// <summary>Compares in a time that does not depend on the place of the first difference.</summary>
    public bool FixedTimeEquals(KeyHash other) =>
        CryptographicOperations.FixedTimeEquals(MemoryMarshal.AsBytes(Value.AsSpan()), MemoryMarshal.AsBytes(other.Value.AsSpan()));
}
