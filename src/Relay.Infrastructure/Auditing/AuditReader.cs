using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Relay.Application.Auditing;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.Auditing;

/// <summary>Reads the files of <c>RELAY_HOME/audit</c>, whose names sort by day, and looks four times a second for more.</summary>
internal sealed class AuditReader(RelayHome home, TimeProvider clock) : IAuditReader
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(250);

    public async IAsyncEnumerable<string> Tail(
        int count,
        string? keyLabel,
        bool follow,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        var newest = new Position(string.Empty, 0);
        var last = new List<string>();
        foreach (var file in Days().Reverse())
        {
            var lines = new Queue<string>();
            var end = await ReadAsync(
                new Position(file, 0),
                line =>
                {
                    if (IsOf(line, keyLabel))
                    {
                        lines.Enqueue(line);
                        if (lines.Count > count - last.Count)
                        {
                            lines.Dequeue();
                        }
                    }
                },
                cancellationToken
            );
            newest = newest.File.Length == 0 ? end : newest;
            last.InsertRange(0, lines);
            if (last.Count >= count)
            {
                break;
            }
        }

        foreach (var line in last)
        {
            yield return line;
        }

        while (follow)
        {
            await Task.Delay(LookInterval, clock, cancellationToken);
            var found = new List<string>();
            newest = await ReadOnAsync(newest, found.Add, cancellationToken);
            foreach (var line in found.Where(line => IsOf(line, keyLabel)))
            {
                yield return line;
            }
        }
    }

    /// <summary>Reads on from a position, into later days.</summary>
    private async Task<Position> ReadOnAsync(Position position, Action<string> take, CancellationToken cancellationToken)
    {
        // Listed first: the last line of a day is written before the first line of the next.
        var later = Days().Where(file => string.CompareOrdinal(file, position.File) > 0).ToList();
        if (position.File.Length > 0)
        {
            position = await ReadAsync(position, take, cancellationToken);
        }

        foreach (var file in later)
        {
            position = await ReadAsync(new Position(file, 0), take, cancellationToken);
        }

        return position;
    }

    /// <summary>Reads the whole lines after a position. An unfinished line waits for its end.</summary>
    private static async Task<Position> ReadAsync(Position from, Action<string> take, CancellationToken cancellationToken)
    {
        try
        {
            await using var file = new FileStream(from.File, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            // A writer that ran out of disk takes its unfinished line back.
            var offset = Math.Min(from.Offset, file.Length);
            file.Seek(offset, SeekOrigin.Begin);
            var buffer = new byte[64 * 1024];
            var line = new List<byte>();
            int read;
            while ((read = await file.ReadAsync(buffer, cancellationToken)) > 0)
            {
                var rest = buffer.AsMemory(0, read);
                int newline;
                while ((newline = rest.Span.IndexOf((byte)'\n')) >= 0)
                {
                    line.AddRange(rest.Span[..newline]);
                    offset += line.Count + 1;
                    take(Encoding.UTF8.GetString([.. line]));
                    line.Clear();
                    rest = rest[(newline + 1)..];
                }

                line.AddRange(rest.Span);
            }

            return new Position(from.File, offset);
        }
        catch (FileNotFoundException)
        {
            return from; // The day's file was removed.
        }
    }

    private IEnumerable<string> Days() =>
        Directory.Exists(home.AuditDirectory) ? Directory.EnumerateFiles(home.AuditDirectory, "*.jsonl").Order(StringComparer.Ordinal) : [];

    private static bool IsOf(string line, string? keyLabel)
    {
        if (keyLabel is null)
        {
            return true;
        }

        try
        {
            using var entry = JsonDocument.Parse(line);
            return entry.RootElement is { ValueKind: JsonValueKind.Object } root
                && root.TryGetProperty("key_label", out var label)
                && label.ValueKind == JsonValueKind.String
                && label.ValueEquals(keyLabel);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>The end of the part of a file that has been read.</summary>
    private sealed record Position(string File, long Offset);
}
