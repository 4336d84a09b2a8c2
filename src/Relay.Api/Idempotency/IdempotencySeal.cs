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

    public IdempotencySeal(KeySecret secret)
    {
        _namingKey = CallerSeal.DeriveKey(secret, "claude-relay idempotency names");
        _seal = new CallerSeal(secret, "claude-relay idempotency answers");
    }

    /// <summary>The name of a record. An idempotency key counts for one route template.</summary>
    public string NameOf(string route, string idempotencyKey) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(_namingKey, Encoding.UTF8.GetBytes($"{route}\n{idempotencyKey}")));

    /// <summary>The fingerprint of a request's body. It has a key, because a plain hash would let short prompts be guessed.</summary>
    public string FingerprintOf(ReadOnlySpan<byte> body) => Convert.ToHexStringLower(HMACSHA256.HashData(_namingKey, body));

    public byte[] Seal(string name, ReadOnlySpan<byte> answer) => _seal.Seal(name, answer);

    public byte[]? Open(string name, ReadOnlySpan<byte> sealedAnswer) => _seal.Open(name, sealedAnswer);

    public void Dispose()
    {
        _seal.Dispose();
        CryptographicOperations.ZeroMemory(_namingKey);
    }
}
