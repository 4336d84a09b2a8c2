using System.Buffers;
using System.IO.Pipelines;

namespace Relay.Infrastructure.Processes;

/// <summary>A line was longer than allowed.</summary>
internal sealed class LineTooLongException(int maxBytes) : Exception($"A line was longer than {maxBytes} bytes.");

/// <summary>
/// Reads lines from a stream, one at a time, on demand. Lines that are not asked for stay in the pipe and hold the writer back. When
/// lines follow each other within less than a millisecond, they gather for two: waking up for each costs more than all work on it.
/// </summary>
internal sealed class LineReader(Stream stream, int maxLineBytes, TimeProvider clock) : IAsyncDisposable
{
    private const int BurstReads = 8;
    private static readonly TimeSpan BurstInterval = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(2);

    private int _burst;
    private int _linesOfRead;
    private long _readAt;

    private readonly PipeReader _pipe = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 16 * 1024));

    /// <summary>
    /// Parses the next line that is not empty, without its newline; the bytes are only valid during the call. Returns default at the end of
    /// the stream, where an unfinished line counts as nothing.
    /// </summary>
    /// <exception cref="LineTooLongException">More than the allowed bytes came without a newline.</exception>
    public async ValueTask<T?> ReadAsync<T>(Func<ReadOnlySequence<byte>, T> parse, CancellationToken cancellationToken)
        where T : class
    {
        // Searched bytes are not searched again: a line of megabytes comes in hundreds of pieces.
        var searched = 0L;
        while (true)
        {
            if (!_pipe.TryRead(out var read))
            {
                await GatherAsync(cancellationToken);
                read = await _pipe.ReadAsync(cancellationToken);
                (_readAt, _linesOfRead) = (clock.GetTimestamp(), 0);
            }

            var buffer = read.Buffer;
            while (buffer.Slice(searched).PositionOf((byte)'\n') is { } newline)
            {
                var line = buffer.Slice(0, newline);
                var rest = buffer.GetPosition(1, newline);
                if (line.Length > maxLineBytes)
                {
                    throw new LineTooLongException(maxLineBytes);
                }

                if (line.Length > 0)
                {
                    var value = parse(line);
                    _pipe.AdvanceTo(rest);
                    _linesOfRead++;
                    return value;
                }

                (buffer, searched) = (buffer.Slice(rest), 0);
            }

            if (buffer.Length > maxLineBytes)
            {
                throw new LineTooLongException(maxLineBytes);
            }

            searched = buffer.Length;
            _pipe.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted)
            {
                return null;
            }
        }
    }

    private Task GatherAsync(CancellationToken cancellationToken)
    {
        _burst = _linesOfRead > 1 || (_linesOfRead > 0 && clock.GetElapsedTime(_readAt) < BurstInterval) ? _burst + 1 : 0;
        return _burst > BurstReads ? Task.Delay(Gathering, clock, cancellationToken) : Task.CompletedTask;
    }

    public ValueTask DisposeAsync() => _pipe.CompleteAsync();
}
