using System.Security.Cryptography;
using System.Text;
using Relay.Domain.Keys;

namespace Relay.Api.Authentication;

/// <summary>
/// Encrypts for one caller. The key comes from the caller's secret, which the relay does not store. Two secrets of one key, during a
/// rotation, are two callers here.
/// </summary>
internal sealed class CallerSeal : IDisposable
{
    private const int TagBytes = 16;
    private const int NonceBytes = 12;

    private readonly AesGcm _cipher;

    /// <summary>The seal of a caller. The purpose keeps seals for different uses apart.</summary>
    public CallerSeal(KeySecret secret, string purpose)
    {
        var key = DeriveKey(secret, purpose);
        _cipher = new AesGcm(key, TagBytes);
        CryptographicOperations.ZeroMemory(key);
    }

    /// <summary>A key of 32 bytes for one purpose.</summary>
    public static byte[] DeriveKey(KeySecret secret, string purpose)
    {
        var material = Encoding.ASCII.GetBytes(secret.Reveal());
        var key = HKDF.DeriveKey(HashAlgorithmName.SHA256, material, 32, info: Encoding.ASCII.GetBytes(purpose));
        CryptographicOperations.ZeroMemory(material);
        return key;
    }

    public byte[] Seal(string name, ReadOnlySpan<byte> bytes)
    {
        var sealedBytes = new byte[NonceBytes + TagBytes + bytes.Length];
        var nonce = sealedBytes.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        _cipher.Encrypt(
            nonce,
            bytes,
            sealedBytes.AsSpan(NonceBytes + TagBytes),
            sealedBytes.AsSpan(NonceBytes, TagBytes),
            Encoding.ASCII.GetBytes(name)
        );
        return sealedBytes;
    }

    /// <summary>Opens sealed bytes; null for bytes that were not sealed with this secret for this name.</summary>
    public byte[]? Open(string name, ReadOnlySpan<byte> sealedBytes)
    {
        if (sealedBytes.Length < NonceBytes + TagBytes)
        {
            return null;
        }

        var bytes = new byte[sealedBytes.Length - NonceBytes - TagBytes];
        try
        {
            _cipher.Decrypt(
                sealedBytes[..NonceBytes],
                sealedBytes[(NonceBytes + TagBytes)..],
                sealedBytes.Slice(NonceBytes, TagBytes),
                bytes,
                Encoding.ASCII.GetBytes(name)
            );
            return bytes;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    public void Dispose() => _cipher.Dispose();
}
