using Relay.Infrastructure.ApiGate;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>The frames of a process and the gate's news about its turn. The news is read first, because it came first.</summary>
internal sealed class TurnNews(ClaudeProcess process, GateTurn? turn)
{
    private GateTurn? _turn = turn;
    private Task<bool>? _signalling;

    /// <summary>The frame that is being read; null between frames.</summary>
    public Task<ClaudeFrame?>? Reading { get; private set; }

    public bool IsReady(CancellationToken cancellationToken) =>
        _turn?.Signals.TryPeek(out _) == true || ReadAsync(cancellationToken).IsCompleted;

    /// <summary>The next news or frame, to be disposed of by the caller. Both are null at the end of the process.</summary>
    /// <exception cref="ClaudeProtocolException">The process wrote something that is not a frame.</exception>
    public async ValueTask<(TurnSignal? Signal, ClaudeFrame? Frame)> NextAsync(CancellationToken cancellationToken)
    {
        while (_turn is { Signals: var signals })
        {
            if (signals.TryRead(out var signal))
            {
                return (signal, null);
            }

            _signalling ??= signals.WaitToReadAsync(cancellationToken).AsTask();
            await Task.WhenAny(ReadAsync(cancellationToken), _signalling);
            if (_signalling.IsCompleted)
            {
                // No news comes any more once the turn has ended.
                _turn = await _signalling ? _turn : null;
                _signalling = null;
            }
            else if (!signals.TryPeek(out _))
            {
                break;
            }
        }

        var reading = ReadAsync(cancellationToken);
        var frame = await reading;
        Reading = null;
        return (null, frame);
    }

    private Task<ClaudeFrame?> ReadAsync(CancellationToken cancellationToken) => Reading ??= process.ReadAsync(cancellationToken).AsTask();
}
