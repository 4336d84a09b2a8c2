using System.Text.Json;
using Relay.Api.Http;

namespace Relay.Api.Idempotency;

/// <summary>An answer as it was sent: its status, its content type, and its bytes.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="ContentType">The content type as it was sent.</param>
/// <param name="Body">The bytes as they were sent.</param>
internal sealed record RecordedAnswer(int Status, string? ContentType, byte[] Body)
{
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this);

    public static RecordedAnswer FromBytes(ReadOnlySpan<byte> bytes) => JsonSerializer.Deserialize<RecordedAnswer>(bytes)!;

    /// <summary>Sends the answer once more.</summary>
    public async Task ReplayAsync(HttpResponse response, CancellationToken cancellationToken)
    {
        response.StatusCode = Status;
        response.ContentType = ContentType;
        response.ContentLength = Body.Length;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["Idempotent-Replayed"] = "true";
        await AnswerBudget.SendAsync(response, Body, cancellationToken);
    }
}

/// <summary>
/// Passes an answer's bytes on and keeps a copy, up to a size. The last byte of an answer with a length waits for <see
/// cref="FinishAsync"/>, because a caller with the whole answer may repeat the request at once.
/// </summary>
internal sealed class RecordingStream(HttpResponse response, Stream inner, int maxBytes) : Stream
{
    private MemoryStream? _copy = new();
    private long _written;
    private byte[] _held = [];

    /// <summary>The bytes that were written; null when they were too many.</summary>
    public byte[]? Copy => _copy?.ToArray();

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override void Flush() => throw new NotSupportedException("An answer is written without blocking.");

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("An answer is written without blocking.");

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_copy?.Length + buffer.Length > maxBytes)
        {
            _copy = null;
        }

        _copy?.Write(buffer.Span);
        _written += buffer.Length;
        if (_written == response.ContentLength && buffer.Length > 0)
        {
            _held = [buffer.Span[^1]];
            buffer = buffer[..^1];
        }

        return inner.WriteAsync(buffer, cancellationToken);
    }

    /// <summary>Sends the byte that was held back.</summary>
    public async ValueTask FinishAsync(CancellationToken cancellationToken)
    {
        if (_held.Length > 0)
        {
            var held = _held;
            _held = [];
            await inner.WriteAsync(held, cancellationToken);
        }
    }
}
