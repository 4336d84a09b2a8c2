using System.Text.Json;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Logging;
using Relay.Application.Fetching;
using Relay.Application.Timing;
using Relay.Domain;
using Relay.Domain.Fetching;
using Relay.Infrastructure.Processes;

namespace Relay.Infrastructure.Pdf;

/// <summary>
/// Has a short-lived process read each file, so that a hostile file fills only that process's memory and time. When a process breaks off,
/// the pages before that are the answer.
/// </summary>
internal sealed class PdfReader : IPdfReader, IDisposable
{
    /// <summary>Files that are read at once; one key has one place fewer.</summary>
    private const int Places = 2;

    private const int MaxWaiting = 32;
    private const int MaxLine = 16 * 1024 * 1024;

    private static readonly TimeSpan DefaultBudget = TimeSpan.FromSeconds(8);

    private static readonly RelayError Busy = new(
        ErrorCode.Overloaded,
        "Too many PDFs are being read already. Try again later.",
        RetryAfter: DefaultBudget
    );
    private static readonly RelayError NoJail = new(
        ErrorCode.UnsupportedContentType,
        "The document is a PDF, and this relay can't read PDFs safely. Ask its operator to run 'relayctl doctor'."
    );
    private static readonly RelayError Encrypted = new(
        ErrorCode.UnsupportedContentType,
        "The PDF needs a password. Ask for a copy without one."
    );
    private static readonly RelayError Broken = new(
        ErrorCode.UnsupportedContentType,
        "The document begins as a PDF and can't be read as one. It is damaged, or too large for this relay."
    );

    private readonly PdfCommand _command;
    private readonly IProcessStarter _starter;
    private readonly ILogger<PdfReader> _logger;
    private readonly TimeProvider _clock;
    private readonly PartitionedRateLimiter<string> _places;
    private readonly SemaphoreSlim _probing = new(1, 1);
    private bool _hasJail;
    private bool _isWarned;

    public PdfReader(PdfCommand command, IProcessStarter starter, ILogger<PdfReader> logger, TimeProvider clock)
    {
        (_command, _starter, _logger, _clock) = (command, starter, logger, clock);
        var ofKey = Make(Places - 1);
        var all = Make(Places);
        _places = PartitionedRateLimiter.CreateChained(
            PartitionedRateLimiter.Create<string, string>(
                caller => RateLimitPartition.GetConcurrencyLimiter(caller, _ => ofKey),
                StringComparer.Ordinal
            ),
            PartitionedRateLimiter.Create<string, string>(
                _ => RateLimitPartition.GetConcurrencyLimiter(string.Empty, _ => all),
                StringComparer.Ordinal
            )
        );
    }

    /// <summary>Time for one file, with the start of its process.</summary>
    public TimeSpan Budget { get; init; } = DefaultBudget;

    public async Task<Result<PdfText>> ReadAsync(ReadOnlyMemory<byte> file, string caller, CancellationToken cancellationToken)
    {
        using var place = await _places.AcquireAsync(caller, 1, cancellationToken);
        if (!place.IsAcquired)
        {
            return Busy;
        }

        var probe = await ProbeAsync(cancellationToken);
        if (!probe.HasJail && _command.MustJail)
        {
            return probe.IsLate ? Busy : NoJail;
        }

        var reading = await RunAsync(file, probe.HasJail, cancellationToken);
        return reading.First switch
        {
            { Error: PdfProblem.Encrypted } => Encrypted,
            { Error: null, Count: > 0 and var count } first when reading.Pages.Count > 0 => new PdfText(
                first.Title,
                count,
                reading.Pages,
                reading.IsWhole
            ),
            _ => Broken,
        };
    }

    /// <summary>The reason why no jail can be made for a process that reads; null where it can, or is not wanted.</summary>
    public async Task<string?> FindJailProblemAsync(CancellationToken cancellationToken) =>
        _command.MayJail ? (await ProbeAsync(cancellationToken)).Problem : null;

    public void Dispose()
    {
        _places.Dispose();
        _probing.Dispose();
    }

    private static ConcurrencyLimiterOptions Make(int places) =>
        new()
        {
            PermitLimit = places,
            QueueLimit = MaxWaiting,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        };

    /// <summary>Tests whether the jail works here, with a file that is not a PDF, until it works once.</summary>
    private async Task<Probe> ProbeAsync(CancellationToken cancellationToken)
    {
        if (!_command.MayJail)
        {
            return new Probe(HasJail: false);
        }

        await _probing.WaitAsync(cancellationToken);
        try
        {
            if (_hasJail)
            {
                return new Probe(HasJail: true);
            }

            // Not the caller's token: a caller who leaves must not decide the outcome.
            var reading = await RunAsync("?"u8.ToArray(), isJailed: true, CancellationToken.None);
            _hasJail = reading.First?.Error == PdfProblem.Broken;
            if (_hasJail)
            {
                return new Probe(HasJail: true);
            }

            var problem = reading.IsLate ? $"no answer within {Budget.TotalSeconds} s" : reading.Errors;
            if (!_isWarned)
            {
                _isWarned = true;
                _logger.LogWarning(
                    "bubblewrap could not make a jail for a process that reads a PDF ({Problem}). {Outcome}",
                    problem,
                    _command.MustJail
                        ? "PDFs are refused until it can"
                        : "PDFs are read without a jail, in a process with bounded memory and time"
                );
            }

            return new Probe(HasJail: false, reading.IsLate, problem);
        }
        finally
        {
            _probing.Release();
        }
    }

    /// <summary>Runs one process to its end, to the end of its budget, or until its output exceeds the bounds.</summary>
    private async Task<Reading> RunAsync(ReadOnlyMemory<byte> file, bool isJailed, CancellationToken cancellationToken)
    {
        using var deadline = new Deadline(Budget, _clock, cancellationToken);
        var reading = new Reading();
        await using var child = await _starter.StartAsync(_command.Make(isJailed), MaxLine, cancellationToken);
        try
        {
            await SendAsync(child, file, deadline.Token);
            while (!reading.IsOver && await child.Stdout.ReadAsync(PdfFrame.Read, deadline.Token) is { } frame)
            {
                reading.Take(frame);
            }

            if (reading.First is null)
            {
                await child.Exited.WaitAsync(deadline.Token);
                reading.Errors = child.Stderr.Redacted();
            }
        }
        catch (Exception exception)
            when (exception is JsonException or LineTooLongException or InvalidDataException or IOException
                || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            )
        {
            // Pages that came before count.
            reading.IsLate = deadline.HasPassed;
            _logger.LogDebug("The process that reads a PDF was ended behind page {Page}: {Reason}", reading.Pages.Count, exception.Message);
        }
        finally
        {
            if (!reading.IsOver)
            {
                child.Kill();
            }
        }

        return reading;
    }

    private static async Task SendAsync(IChildProcess child, ReadOnlyMemory<byte> file, CancellationToken cancellationToken)
    {
        try
        {
            await child.Stdin.WriteAsync(file, cancellationToken);
            await child.Stdin.DisposeAsync();
        }
        catch (IOException)
        {
            // The process ended before it had read the whole file. Its output says why.
        }
    }

    /// <param name="HasJail">Whether the jail works.</param>
    /// <param name="IsLate">Whether the probe did not end in time, as on a busy machine.</param>
    /// <param name="Problem">The reason why the jail does not work; null if it works, or is not wanted.</param>
    private readonly record struct Probe(bool HasJail, bool IsLate = false, string? Problem = null);

    private sealed class Reading
    {
        private long _letters;

        public PdfFrame? First { get; private set; }

        public List<PdfPage> Pages { get; } = [];

        public bool IsWhole { get; private set; }

        public bool IsOver { get; private set; }

        /// <summary>Whether the time was up before the end.</summary>
        public bool IsLate { get; set; }

        /// <summary>The errors of a process that wrote no frame. A file of a caller may speak in them.</summary>
        public string? Errors { get; set; }

        public void Take(PdfFrame frame)
        {
            if (First is null)
            {
                (First, IsOver) = (frame, frame.Error is not null);
            }
            else if (frame.IsEnd)
            {
                (IsWhole, IsOver) = (frame.IsWhole, true);
            }
            else
            {
                var paragraphs = frame.Paragraphs ?? [];
                _letters += paragraphs.Sum(paragraph => (long)paragraph.Length);
                Pages.Add(new PdfPage(paragraphs, frame.IsReadable == true));
                // The process keeps its bounds by itself. A process that a file has taken over does not.
                if (Pages.Count > PdfExtractor.MaxPages || _letters > PdfExtractor.MaxLetters * 2L)
                {
                    throw new InvalidDataException("The process writes more than it may.");
                }
            }
        }
    }
}
