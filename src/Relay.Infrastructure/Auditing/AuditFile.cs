using System.Buffers;
using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Relay.Application.Auditing;
using Relay.Application.Health;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.Auditing;

/// <summary>
/// Writes JSON lines in <c>RELAY_HOME/audit</c>, one file a UTC day, 0600. There is one writer, and a bounded buffer between it and the
/// requests. A lock keeps the relay and the operator's commands from writing into each other's lines. While the disk fails, the lines
/// wait, and <c>/health/ready</c> says so.
/// </summary>
internal sealed class AuditFile(RelayHome home, TimeProvider clock, ILogger<AuditFile> logger) : BackgroundService, IAuditLog, IHealthCheck
{
    private const int BufferedEntries = 10_000;
    private const int LinesAtOnce = 5000;
    private const int RepeatedLines = 20;
    private const int LockAttempts = 100;

    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LockRetry = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan TallyInterval = TimeSpan.FromMinutes(1);

    private readonly Channel<(DateTimeOffset At, AuditEntry Entry)> _entries = Channel.CreateBounded<(DateTimeOffset, AuditEntry)>(
        new BoundedChannelOptions(BufferedEntries) { SingleReader = true }
    );

    private readonly ConcurrentDictionary<string, long> _unauthenticated = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<AuditEntry, long> _repeated = new();
    private readonly CancellationTokenSource _giveUp = new();
    private volatile string? _problem;

    public string Part => "audit_log";

    public string? Problem => _problem;

    public void Write(AuditEntry entry)
    {
        if (!_entries.Writer.TryWrite((clock.GetUtcNow(), entry)))
        {
            logger.LogError(
                "The audit log takes no more entries ({Count} are waiting); this entry is only in this log: {Entry}",
                _entries.Reader.Count,
                AuditLine.Text(clock.GetUtcNow(), entry)
            );
        }
    }

    public void WriteRepeated(AuditEntry entry)
    {
        var kind = new AuditEntry(entry.Action)
        {
            KeyId = entry.KeyId,
            KeyLabel = entry.KeyLabel,
            Error = entry.Error,
        };
        if (_repeated.AddOrUpdate(kind, 1, static (_, count) => count + 1) <= RepeatedLines)
        {
            Write(entry);
        }
    }

    public void CountUnauthenticated(string error) => _unauthenticated.AddOrUpdate(error, 1, static (_, count) => count + 1);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        WriteTally();
        // Buffered lines are written before the relay ends, unless the disk still fails at the end of the time to stop.
        _entries.Writer.TryComplete();
        if (ExecuteTask is { } writing)
        {
            await writing.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await _giveUp.CancelAsync();
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        base.Dispose();
        _giveUp.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await using var tally = clock.CreateTimer(_ => WriteTally(), null, TallyInterval, TallyInterval);
        var lines = new List<(DateOnly Day, ReadOnlyMemory<byte> Line)>();
        // Not the stopping token: StopAsync ends the channel, and the remaining lines are still to be written.
        while (await _entries.Reader.WaitToReadAsync(CancellationToken.None))
        {
            while (lines.Count < LinesAtOnce && _entries.Reader.TryRead(out var next))
            {
                lines.Add((DateOnly.FromDateTime(next.At.UtcDateTime), AuditLine.Format(next.At, next.Entry)));
            }

            foreach (var day in lines.GroupBy(line => line.Day))
            {
                await AppendAsync(day.Key, [.. day.Select(line => line.Line)]);
            }

            lines.Clear();
        }
    }

    private void WriteTally()
    {
        foreach (var kind in _repeated.Keys)
        {
            if (_repeated.TryRemove(kind, out var count) && count > RepeatedLines)
            {
                Write(kind with { Count = count - RepeatedLines });
            }
        }

        foreach (var error in _unauthenticated.Keys)
        {
            if (_unauthenticated.TryRemove(error, out var count))
            {
                Write(new AuditEntry("unauthenticated") { Error = error, Count = count });
                logger.LogInformation("{Count} requests without a valid key were refused ({Error}) since the last such line", count, error);
            }
        }
    }

    /// <summary>Writes the lines, and tries again until it succeeds.</summary>
    private async Task AppendAsync(DateOnly day, IReadOnlyList<ReadOnlyMemory<byte>> lines)
    {
        while (true)
        {
            try
            {
                await TryAppendAsync(day, lines);
                _problem = null;
                return;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                if (_problem is null)
                {
                    // In this order: an operator who is told to look into the log must find the line there.
                    logger.LogError(exception, "The audit log can't be written; its lines wait in memory");
                    _problem = "The audit log can't be written; the relay's log says why. Its lines wait in memory.";
                }
            }

            if (_giveUp.IsCancellationRequested)
            {
                logger.LogError("{Count} lines of the audit log are lost: the disk failed until the end", lines.Count);
                return;
            }

            await Task.Delay(Retry, clock, _giveUp.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task TryAppendAsync(DateOnly day, IReadOnlyList<ReadOnlyMemory<byte>> lines)
    {
        RelayHome.CreatePrivateDirectory(home.AuditDirectory);
        await using var writeLock = await LockAsync();
        // Unbuffered, and in one piece: the part that a full disk took must be taken back before the next attempt.
        await using var file = new FileStream(PathOf(day), Unbuffered(FileMode.Append));
        var length = file.Length;
        var bytes = new ArrayBufferWriter<byte>();
        foreach (var line in lines)
        {
            bytes.Write(line.Span);
        }

        try
        {
            await file.WriteAsync(bytes.WrittenMemory);
        }
        catch (IOException)
        {
            file.SetLength(length);
            throw;
        }
    }

    private static FileStreamOptions Unbuffered(FileMode mode)
    {
        var options = RelayHome.PrivateFile(mode, FileAccess.Write, FileShare.ReadWrite);
        options.BufferSize = 0;
        return options;
    }

    /// <summary>Takes the system's lock, which ends with the process that holds it.</summary>
    private async Task<FileStream> LockAsync()
    {
        for (var attempt = 0; ; attempt++)
        {
            if (FileLock.TryTake(Path.Combine(home.AuditDirectory, "write.lock")) is { } taken)
            {
                return taken;
            }

            if (attempt >= LockAttempts)
            {
                throw new IOException("Another process holds the lock of the audit log.");
            }

            await Task.Delay(LockRetry, clock);
        }
    }

    private string PathOf(DateOnly day) => Path.Combine(home.AuditDirectory, $"{day:yyyy-MM-dd}.jsonl");
}
