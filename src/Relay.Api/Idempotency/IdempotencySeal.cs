using System.Security.Cryptography;
using System.Text;
using Relay.Domain.Keys;

namespace Relay.Api.Idempotency;

/// <summary>
/// What makes records worthless to whoever has only the database: every name, fingerprint and answer depends on the caller's
/// secret, which the relay stores nowhere. Two secrets of one key, during a rotation, are two callers here.
/// </summary>
internal sealed class IdempotencySeal : IDisposable
{
    private const int TagBytes = 16;
    private const int NonceBytes = 12;

    private readonly byte[] _namingKey;
    private readonly AesGcm _cipher;

    /// <summary>The seal of a caller.</summary>
    public IdempotencySeal(KeySecret secret)
    {
        var material = Encoding.ASCII.GetBytes(secret.Reveal());
        _namingKey = HKDF.DeriveKey(HashAlgorithmName.SHA256, material, 32, info: "claude-relay idempotency names"u8.ToArray());
        var sealingKey = HKDF.DeriveKey(HashAlgorithmName.SHA256, material, 32, info: "claude-relay idempotency answers"u8.ToArray());
        _cipher = new AesGcm(sealingKey, TagBytes);
        CryptographicOperations.ZeroMemory(material);
        CryptographicOperations.ZeroMemory(sealingKey);
    }

    /// <summary>The name of a record.</summary>
    /// <param name="route">The route template: a key counts for one route.</param>
    /// <param name="idempotencyKey">As the caller wrote it.</param>
    public string NameOf(string route, string idempotencyKey) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(_namingKey, Encoding.UTF8.GetBytes($"{route}\n{idempotencyKey}")));

    /// <summary>The fingerprint of a request's body: a plain hash would let short prompts be guessed.</summary>
    public string FingerprintOf(ReadOnlySpan<byte> body) => Convert.ToHexStringLower(HMACSHA256.HashData(_namingKey, body));

    /// <summary>Seals an answer to its name.</summary>
    public byte[] Seal(string name, ReadOnlySpan<byte> answer)
    {
        var sealedAnswer = new byte[NonceBytes + TagBytes + answer.Length];
        var nonce = sealedAnswer.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        _cipher.Encrypt(
            nonce,
            answer,
            sealedAnswer.AsSpan(NonceBytes + TagBytes),
            sealedAnswer.AsSpan(NonceBytes, TagBytes),
            Encoding.ASCII.GetBytes(name)
        );
        return sealedAnswer;
    }

    /// <summary>Opens it again; null for what was not sealed with this secret for this name.</summary>
    public byte[]? Open(string name, ReadOnlySpan<byte> sealedAnswer)
    {
        if (sealedAnswer.Length < NonceBytes + TagBytes)
        {
            return null;
        }

        var answer = new byte[sealedAnswer.Length - NonceBytes - TagBytes];
        try
        {
            _cipher.Decrypt(
                sealedAnswer[..NonceBytes],
                sealedAnswer[(NonceBytes + TagBytes)..],
                sealedAnswer.Slice(NonceBytes, TagBytes),
                answer,
                Encoding.ASCII.GetBytes(name)
            );
            return answer;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _cipher.Dispose();
        CryptographicOperations.ZeroMemory(_namingKey);
    }
}
