namespace Relay.Api.Idempotency;

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

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Flush() => throw new NotSupportedException("An answer is written without blocking.");

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("An answer is written without blocking.");

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

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
