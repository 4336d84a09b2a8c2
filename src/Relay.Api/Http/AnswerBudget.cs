using Relay.Domain;

namespace Relay.Api.Http;

/// <summary>
/// Bounds what all large answers that wait to be read take of the memory together. A request's place is free again before its
/// answer is sent, and who reads slowly may have as many answers waiting as connections.
/// </summary>
internal sealed class AnswerBudget
{
    /// <summary>The longest page, all of it escaped, is some 18 MB: one key may have three of them unread.</summary>
    private const long Bytes = 256_000_000;

    /// <summary>As much as Kestrel holds of an answer before it waits for the reader.</summary>
    internal const int Piece = 64 * 1024;

    private readonly MemoryBudget _room = new(Bytes);

    /// <summary>What a request beyond it is told.</summary>
    public static RelayError Full { get; } =
        new(
            ErrorCode.QueueFull,
            "Too many large answers wait to be read already. Read them, and try again.",
            RetryAfter: TimeSpan.FromSeconds(2)
        );

    /// <summary>Takes room; false when there is none, or the key has its share already.</summary>
    public bool TryTake(string keyId, long bytes) => _room.TryTake(keyId, bytes);

    /// <summary>Gives room back.</summary>
    public void GiveBack(string keyId, long bytes) => _room.GiveBack(keyId, bytes);

    /// <summary>
    /// Sends a body piece by piece, each once the reader has taken what came before: at once, Kestrel would make a copy of it all.
    /// A body of one piece is sent whole or not at all: a revocation that comes while its headers are made would leave half of it.
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
