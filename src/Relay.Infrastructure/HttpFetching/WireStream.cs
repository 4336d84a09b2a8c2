namespace Relay.Infrastructure.HttpFetching;

/// <summary>
/// A body as it comes. A compressed stream tells its own end; then a wrong length is not an error, because some servers send the length
/// before compression.
/// </summary>
/// <param name="wire">The body.</param>
/// <param name="isForgiving">Whether a body that ends before its length counts as complete.</param>
internal sealed class WireStream(Stream wire, bool isForgiving) : Stream
{
    /// <summary>Whether the whole body was read.</summary>
    public bool HasEnded { get; private set; }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (HasEnded)
        {
            return 0;
        }

        try
        {
            var read = await wire.ReadAsync(buffer, cancellationToken);
            HasEnded = read == 0 && buffer.Length > 0;
            return read;
        }
        catch (HttpIOException exception) when (isForgiving && exception.HttpRequestError == HttpRequestError.ResponseEnded)
        {
            HasEnded = true;
            return 0;
        }
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("A body is read asynchronously.");

    /// <inheritdoc/>
    public override void Flush() { }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            wire.Dispose();
        }

        base.Dispose(disposing);
    }
}
