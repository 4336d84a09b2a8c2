using System.Buffers;
using Relay.Application.Serving;
using Relay.Domain;

namespace Relay.Api.Streaming;

/// <summary>
/// An answer of server-sent events, written as they come. Before the first event it can still become an ordinary answer with its own
/// status. After it, every failure is an event and a cut connection. Comments break a silence. A reader that takes nothing is cut off,
/// and holds back at most Kestrel's buffer.
/// </summary>
internal sealed class EventStream : IAsyncDisposable
{
    /// <summary>A reader who leaves a piece unread for this long is cut off.</summary>
    private static readonly TimeSpan LongestWrite = TimeSpan.FromSeconds(10);

    /// <summary>The time between the last event and the cut. A reset may overtake the bytes sent just before, and discard them.</summary>
    private static readonly TimeSpan CutDelay = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// The time in which words join the words before them: a separate write for each costs more than all other work on it. Models write
    /// slower than that. A cache or a schema is faster.
    /// </summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(1);

    private readonly HttpContext _context;
    private readonly ServerOptions _options;
    private readonly TimeProvider _clock;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly CancellationTokenSource _ended;
    private readonly CancellationTokenSource _quiet = new();
    private readonly EventBuffer _buffer = new();
    private readonly Action<EventBuffer> _beat;
    private readonly Task _heartbeat;
    private readonly ITimer _gathered;
    private Task _flushing = Task.CompletedTask;
    private bool _isGathering;
    private long _lastWriteAt;

    /// <summary>The heartbeat breaks a silence. Without one, a comment does.</summary>
    public EventStream(HttpContext context, ServerOptions options, TimeProvider clock, Action<EventBuffer>? heartbeat = null)
    {
        (_context, _options, _clock) = (context, options, clock);
        _beat = heartbeat ?? (static events => events.AddComment("still working"));
        _ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        _lastWriteAt = clock.GetTimestamp();
        _gathered = clock.CreateTimer(
            static state => ((EventStream)state!).FlushGathered(),
            this,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan
        );
        _heartbeat = options.HeartbeatAfter > TimeSpan.Zero ? BeatAsync() : Task.CompletedTask;
    }

    /// <summary>Cancelled when the reader has left, takes nothing, or may no longer read.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>Whether anything was sent, even a comment: then the status can't change any more.</summary>
    public bool HasStarted => _context.Response.HasStarted;

    /// <summary>Sends events at once, or together with those that follow within milliseconds.</summary>
    /// <exception cref="OperationCanceledException">The reader has left, or took nothing for ten seconds.</exception>
    public ValueTask SendAsync(Action<EventBuffer> write, CancellationToken cancellationToken) =>
        SendAsync(write, mayGather: true, cancellationToken);

    private async ValueTask SendAsync(Action<EventBuffer> write, bool mayGather, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            write(_buffer);
            if (mayGather && HasStarted && _clock.GetElapsedTime(_lastWriteAt) is var since && since < Gathering)
            {
                if (!_isGathering)
                {
                    _isGathering = true;
                    _gathered.Change(Gathering - since, Timeout.InfiniteTimeSpan);
                }

                return;
            }

            await FlushAsync(cancellationToken);
        }
        finally
        {
            _writing.Release();
        }
    }

    private void FlushGathered() => _flushing = FlushGatheredAsync();

    private async Task FlushGatheredAsync()
    {
        try
        {
            // The next write waits for this one, and so follows the speed of the reader.
            await SendAsync(static _ => { }, mayGather: false, Ended);
        }
        catch (OperationCanceledException)
        {
            return; // The reader is gone. The next write finds out by itself.
        }
    }

    /// <summary>Sends the last events of a whole answer. A reader that leaves after them has the answer.</summary>
    public async Task CloseAsync(Action<EventBuffer> write, CancellationToken cancellationToken)
    {
        await SendAsync(write, mayGather: false, cancellationToken);
        _context.Log().IsOver = true;
    }

    /// <summary>Ends a stream that has started and failed, with an event that says so, and without the end of a whole answer.</summary>
    public async Task FailAsync(RelayError error, Action<EventBuffer> write, CancellationToken cancellationToken)
    {
        _context.Log().Error = error.WireName;
        _context.Log().IsOver = true;
        await SendAsync(write, mayGather: false, cancellationToken);
        await Task.Delay(CutDelay, _clock, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _context.Abort();
    }

    /// <summary>Sends no more comments, and waits for one that is on its way.</summary>
    public async Task QuietAsync(CancellationToken cancellationToken)
    {
        await _quiet.CancelAsync();
        await _heartbeat.WaitAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await QuietAsync(CancellationToken.None);
        await _gathered.DisposeAsync();
        await _flushing;
        _quiet.Dispose();
        _ended.Dispose();
        _writing.Dispose();
        _buffer.Dispose();
    }

    private async Task BeatAsync()
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_quiet.Token, Ended);
        try
        {
            while (!_quiet.IsCancellationRequested)
            {
                var silence = _clock.GetElapsedTime(Volatile.Read(ref _lastWriteAt));
                if (silence < _options.HeartbeatAfter)
                {
                    await Task.Delay(_options.HeartbeatAfter - silence, _clock, either.Token);
                    continue;
                }

                // A comment on its way is not cancelled: Kestrel resets a connection whose flush is cancelled, and the answer behind it
                // would be lost.
                await SendAsync(_beat, mayGather: false, Ended);
            }
        }
        catch (OperationCanceledException)
        {
            return; // The stream is over.
        }
    }

    private async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        _isGathering = false;
        var response = _context.Response;
        if (!response.HasStarted)
        {
            response.ContentType = "text/event-stream; charset=utf-8";
            response.Headers.CacheControl = "no-store";
            response.Headers["X-Accel-Buffering"] = "no"; // nginx would collect the whole answer first.
        }

        response.BodyWriter.Write(_buffer.Written);
        _buffer.Clear();
        var flush = response.BodyWriter.FlushAsync(cancellationToken);
        if (!flush.IsCompleted)
        {
            var flushing = flush.AsTask();
            // Unlike a separate delay, this leaves no timer behind when the flush is done.
            await ((Task)flushing)
                .WaitAsync(LongestWrite, _clock, cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!flushing.IsCompleted)
            {
                await CutOffAsync();
            }

            await flushing;
        }
        else if ((await flush).IsCompleted)
        {
            await CutOffAsync();
        }

        Volatile.Write(ref _lastWriteAt, _clock.GetTimestamp());
    }

    private async Task CutOffAsync()
    {
        _context.Abort();
        await _ended.CancelAsync();
        // Another thread tells the request.
        await Task.Delay(Timeout.InfiniteTimeSpan, _clock, _context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        throw new OperationCanceledException(_ended.Token);
    }
}
