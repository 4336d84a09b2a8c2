namespace Relay.Infrastructure.HttpFetching;

/// <summary>
/// A body as it comes. A compressed stream tells its own end; then a wrong length is not an error, because some servers send the length
/// before compression.
/// </summary>
internal sealed class WireStream(Stream wire, bool isForgiving) : Stream
{
    public bool HasEnded { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

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

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("A body is read asynchronously.");

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            wire.Dispose();
        }

        base.Dispose(disposing);
    }
}
