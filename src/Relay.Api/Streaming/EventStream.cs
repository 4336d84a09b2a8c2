using System.Buffers;
using System.Text;
using System.Text.Json;
using Relay.Api.Http;
using Relay.Application.Serving;
using Relay.Domain;

namespace Relay.Api.Streaming;

/// <summary>
/// An answer of server-sent events, written as they come. Until the first it can still become an ordinary answer with a status
/// of its own; after it, whatever goes wrong is an event and a connection that is cut. Silence is broken by comments, and a
/// reader that takes nothing is cut off: what it holds back at most is Kestrel's buffer.
/// </summary>
internal sealed class EventStream : IAsyncDisposable
{
    /// <summary>Between the last event and the cut: a reset may overtake on the way, and take with it, what was sent just before.</summary>
    private static readonly TimeSpan CutDelay = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// Words that follow this soon after others go together with them: a write of its own for each costs more than all else that
    /// is done for it. Models write slower than that; what a cache or a schema brings at once is faster.
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

    /// <param name="context">Of the request.</param>
    /// <param name="options">How long silences may be.</param>
    /// <param name="clock">The time.</param>
    /// <param name="heartbeat">Breaks a silence; a comment where the API has no event for it.</param>
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

    /// <summary>Whether something was sent, be it a comment: the status is gone, then.</summary>
    public bool HasStarted => _context.Response.HasStarted;

    /// <summary>Sends events: at once, or with those that follow within milliseconds.</summary>
    /// <exception cref="OperationCanceledException">The reader has left, or took nothing for <c>WRITE_TIMEOUT</c>.</exception>
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
            // Whoever writes next waits for this, and so learns from the reader how fast it may go.
            await SendAsync(static _ => { }, mayGather: false, Ended);
        }
        catch (OperationCanceledException)
        {
            return; // The reader is gone, which whoever writes next finds out by itself.
        }
    }

    /// <summary>Sends the last events of a whole answer: who leaves after them has it.</summary>
    public async Task CloseAsync(Action<EventBuffer> write, CancellationToken cancellationToken)
    {
        await SendAsync(write, mayGather: false, cancellationToken);
        _context.Log().IsOver = true;
    }

    /// <summary>
    /// Ends a stream that has started and failed: with an event that says so, and a connection that does not end as a whole answer's does.
    /// </summary>
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

    /// <inheritdoc/>
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

                // On its way it is not called off: Kestrel resets a connection whose flush is cancelled, and with it the answer that
                // follows.
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
            response.Headers["X-Accel-Buffering"] = "no"; // nginx would collect the answer first.
        }

        response.BodyWriter.Write(_buffer.Written);
        _buffer.Clear();
        var flush = response.BodyWriter.FlushAsync(cancellationToken);
        if (!flush.IsCompleted)
        {
            var flushing = flush.AsTask();
            // Unlike a delay beside it, this leaves no timer behind when the flush is done.
            await ((Task)flushing)
                .WaitAsync(_options.WriteTimeout, _clock, cancellationToken)
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

    /// <summary>Ends everything that is done for this reader.</summary>
    private async Task CutOffAsync()
    {
        _context.Abort();
        await _ended.CancelAsync();
        // Told to the request by another thread.
        await Task.Delay(Timeout.InfiniteTimeSpan, _clock, _context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        throw new OperationCanceledException(_ended.Token);
    }
}

/// <summary>Events on their way: each a line for its name, if it has one, a line for its data, and an empty line.</summary>
internal sealed class EventBuffer : IDisposable
{
    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JsonContract.Options.Encoder };

    private readonly ArrayBufferWriter<byte> _bytes = new(1024);
    private readonly Utf8JsonWriter _json;

    public EventBuffer() => _json = new Utf8JsonWriter(_bytes, WriterOptions);

    /// <summary>All that was added since <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    /// <summary>An event.</summary>
    /// <param name="name">Its name; null for none.</param>
    /// <param name="data">Written as JSON on one line.</param>
    /// <param name="json">How, where it is not the relay's own way.</param>
    public void Add<T>(string? name, T data, JsonSerializerOptions? json = null)
    {
        if (name is not null)
        {
            AddLine("event: ", name);
        }

        _bytes.Write("data: "u8);
        _json.Reset();
        JsonSerializer.Serialize(_json, data, json ?? JsonContract.Options);
        _bytes.Write("\n\n"u8);
    }

    /// <summary>An event whose data is no JSON.</summary>
    public void AddText(string data)
    {
        AddLine("data: ", data);
        _bytes.Write("\n"u8);
    }

    /// <summary>
    /// A line that no reader takes for an event. Without an empty line after it, which some readers take for the end of one.
    /// </summary>
    public void AddComment(string text) => AddLine(": ", text);

    /// <inheritdoc/>
    public void Dispose() => _json.Dispose();

    /// <summary>Begins anew.</summary>
    public void Clear() => _bytes.ResetWrittenCount();

    private void AddLine(string prefix, string text)
    {
        Encoding.UTF8.GetBytes(prefix, _bytes);
        Encoding.UTF8.GetBytes(text, _bytes);
        _bytes.Write("\n"u8);
    }
}
