using Relay.Domain;

namespace Relay.Api.Http;

/// <summary>
/// Bounds the memory of all large answers together that wait to be read. A request's place is free again before its answer is sent, so a
/// slow reader may have as many answers waiting as connections.
/// </summary>
internal sealed class AnswerBudget
{
    /// <summary>The bytes of all answers. The longest page, fully escaped, has some 18 MB: one key may have three unread.</summary>
    private const long Bytes = 256_000_000;

    /// <summary>The bytes of an answer that Kestrel holds before it waits for the reader.</summary>
    internal const int Piece = 64 * 1024;

    private readonly MemoryBudget _room = new(Bytes);

    public static RelayError Full { get; } =
        new(
            ErrorCode.QueueFull,
            "Too many large answers wait to be read already. Read them, and try again.",
            RetryAfter: TimeSpan.FromSeconds(2)
        );

    public bool TryTake(string keyId, long bytes) => _room.TryTake(keyId, bytes);

    public void GiveBack(string keyId, long bytes) => _room.GiveBack(keyId, bytes);

    /// <summary>
    /// Sends a body piece by piece, each after the reader has taken the one before: sent at once, Kestrel would copy the whole body. A
    /// body of one piece is sent whole or not at all, so that a revocation while its headers are made does not leave half of it.
    /// </summary>
    /// <exception cref="OperationCanceledException">The caller left, or the key was revoked, before the answer was whole.</exception>
    public static async Task SendAsync(HttpResponse response, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (body.Length <= Piece)
        {
            await response.Body.WriteAsync(body, CancellationToken.None);
            return;
        }

        for (var sent = 0; sent < body.Length; sent += Piece)
        {
            await response.Body.WriteAsync(body.Slice(sent, Math.Min(Piece, body.Length - sent)), cancellationToken);
        }
    }
}
