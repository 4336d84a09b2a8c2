using System.Buffers;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Relay.Application.Auditing;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.Auditing;

/// <summary>
/// JSON lines in <c>RELAY_HOME/audit</c>, one file a UTC day, 0600. One writer; a bounded buffer between it and the requests.
/// </summary>
internal sealed class AuditFile(RelayHome home, TimeProvider clock, ILogger<AuditFile> logger) : BackgroundService, IAuditLog
{
    private const int BufferedEntries = 10_000;

    private readonly Channel<(DateTimeOffset At, AuditEntry Entry)> _entries =
        Channel.CreateBounded<(DateTimeOffset, AuditEntry)>(new BoundedChannelOptions(BufferedEntries) { SingleReader = true });

    /// <inheritdoc/>
    public void Write(AuditEntry entry)
    {
        if (!_entries.Writer.TryWrite((clock.GetUtcNow(), entry)))
        {
            logger.LogError("The audit log takes no more entries ({Count} are waiting); this one is only here: {Entry}", _entries.Reader.Count, entry);
        }
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // What is buffered is written before the relay ends.
        _entries.Writer.TryComplete();
        if (ExecuteTask is { } writing)
        {
            await writing.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await base.StopAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        RelayHome.CreatePrivateDirectory(home.AuditDirectory);
        // Not the stopping token: StopAsync ends the channel, and the rest is still to be written.
        await foreach (var (at, entry) in _entries.Reader.ReadAllAsync(CancellationToken.None))
        {
            try
            {
                await AppendAsync(at, entry);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                logger.LogError(exception, "The audit log could not be written; this entry is only here: {Entry}", entry);
            }
        }
    }

    private async Task AppendAsync(DateTimeOffset at, AuditEntry entry)
    {
        var path = Path.Combine(home.AuditDirectory, $"{at:yyyy-MM-dd}.jsonl");
        await using var file = new FileStream(path, RelayHome.PrivateFile(FileMode.Append, FileAccess.Write, FileShare.Read));
        await file.WriteAsync(Format(at, entry));
    }

    private static byte[] Format(DateTimeOffset at, AuditEntry entry)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("time", at);
            writer.WriteString("action", entry.Action);
            Write(writer, "key_id", entry.KeyId);
            Write(writer, "key_label", entry.KeyLabel);
            Write(writer, "error", entry.Error);
            writer.WriteNumber("duration_ms", (long)entry.Duration.TotalMilliseconds);
            Write(writer, "detail", entry.Detail);
            writer.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private static void Write(Utf8JsonWriter writer, string name, string? value)
    {
        if (value is not null)
        {
            writer.WriteString(name, value);
        }
    }
}
