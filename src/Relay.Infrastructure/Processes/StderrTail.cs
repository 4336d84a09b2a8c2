using System.Text;
using System.Text.RegularExpressions;

namespace Relay.Infrastructure.Processes;

/// <summary>
/// Drains a child's stderr so that it never blocks, and keeps the last few KB. Credentials are cut out of the text that is shown. The
/// caller decides whether it may be shown at all, because a child may echo its input.
/// </summary>
internal sealed partial class StderrTail
{
    private const int Capacity = 4 * 1024;

    private readonly byte[] _ring = new byte[Capacity];
    private long _total;

    private StderrTail() { }

    public long TotalBytes => Interlocked.Read(ref _total);

    public static StderrTail Drain(Stream stderr)
    {
        var tail = new StderrTail();
        _ = tail.PumpAsync(stderr);
        return tail;
    }

    /// <summary>The last 4 KB, without credentials and control characters.</summary>
    public string Redacted()
    {
        var total = TotalBytes;
        var text =
            total <= Capacity
                ? Encoding.UTF8.GetString(_ring, 0, (int)total)
                : WholeLines(
                    Encoding.UTF8.GetString([.. _ring.AsSpan((int)(total % Capacity)), .. _ring.AsSpan(0, (int)(total % Capacity))])
                );
        return ControlCharacters().Replace(Credentials().Replace(text, "***"), " ").Trim();
    }

    /// <summary>Removes the line whose beginning is lost: the rest of a cut credential no longer looks like one.</summary>
    private static string WholeLines(string text) =>
        text.IndexOf('\n', StringComparison.Ordinal) is var end and >= 0 ? text[(end + 1)..] : string.Empty;

    private async Task PumpAsync(Stream stderr)
    {
        var buffer = new byte[Capacity];
        try
        {
            int read;
            while ((read = await stderr.ReadAsync(buffer)) > 0)
            {
                for (var index = 0; index < read; index++)
                {
                    _ring[(int)((_total + index) % Capacity)] = buffer[index];
                }

                Interlocked.Add(ref _total, read);
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The child is being disposed of: its output ends here.
        }
    }

    [GeneratedRegex(
        @"sk-[A-Za-z0-9_-]{8,}|crk_[A-Za-z0-9_-]{8,}|(?i:bearer|token|api[-_]?key|authorization|secret)[""']?\s*[:=]?\s*\S{8,}",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Credentials();

    [GeneratedRegex(@"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ControlCharacters();
}
