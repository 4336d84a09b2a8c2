using System.Security.Cryptography;
using System.Text;
using Relay.Api.Authentication;
using Relay.Domain.Keys;

namespace Relay.Api.Idempotency;

/// <summary>
/// Makes records worthless for a reader of the database: every name, fingerprint and answer depends on the caller's secret, which the
/// relay does not store. Two secrets of one key, during a rotation, are two callers here.
/// </summary>
internal sealed class IdempotencySeal : IDisposable
{
    private readonly byte[] _namingKey;
    private readonly CallerSeal _seal;

    /// <summary>The seal of a caller.</summary>
    public IdempotencySeal(KeySecret secret)
    {
        _namingKey = CallerSeal.DeriveKey(secret, "claude-relay idempotency names");
        _seal = new CallerSeal(secret, "claude-relay idempotency answers");
    }

    /// <summary>The name of a record.</summary>
    /// <param name="route">The route template: an idempotency key counts for one route.</param>
    /// <param name="idempotencyKey">The idempotency key as the caller wrote it.</param>
    public string NameOf(string route, string idempotencyKey) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(_namingKey, Encoding.UTF8.GetBytes($"{route}\n{idempotencyKey}")));

    /// <summary>The fingerprint of a request's body. It has a key, because a plain hash would let short prompts be guessed.</summary>
    public string FingerprintOf(ReadOnlySpan<byte> body) => Convert.ToHexStringLower(HMACSHA256.HashData(_namingKey, body));

    /// <summary>Seals an answer to its name.</summary>
    public byte[] Seal(string name, ReadOnlySpan<byte> answer) => _seal.Seal(name, answer);

    /// <summary>Opens a sealed answer; null for bytes that were not sealed with this secret for this name.</summary>
    public byte[]? Open(string name, ReadOnlySpan<byte> sealedAnswer) => _seal.Open(name, sealedAnswer);

    /// <inheritdoc/>
    public void Dispose()
    {
        _seal.Dispose();
        CryptographicOperations.ZeroMemory(_namingKey);
    }
}
