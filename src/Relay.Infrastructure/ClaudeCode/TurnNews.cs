using Relay.Infrastructure.ApiGate;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>The frames of a process and the news of the gate about its turn, one after the other: the gate's first, for they came first.</summary>
internal sealed class TurnNews(ClaudeProcess process, GateTurn? gate)
{
    private Task<bool>? _signalling;

    /// <summary>The frame that is being read; null between frames.</summary>
    public Task<ClaudeFrame?>? Reading { get; private set; }

    /// <summary>Whether the next news is here already.</summary>
    public bool IsReady(CancellationToken cancellationToken) => gate?.Signals.TryPeek(out _) == true || ReadAsync(cancellationToken).IsCompleted;

    /// <summary>The next news, to be disposed of by the caller; neither at the end of the process.</summary>
    /// <exception cref="ClaudeProtocolException">The process wrote something that is not a frame.</exception>
    public async ValueTask<(TurnSignal? Signal, ClaudeFrame? Frame)> NextAsync(CancellationToken cancellationToken)
    {
        while (gate is not null)
        {
            if (gate.Signals.TryRead(out var signal))
            {
                return (signal, null);
            }

            _signalling ??= gate.Signals.WaitToReadAsync(cancellationToken).AsTask();
            await Task.WhenAny(ReadAsync(cancellationToken), _signalling);
            if (_signalling.IsCompleted)
            {
                await _signalling;
                _signalling = null;
                continue;
            }

            break;
        }

        var reading = ReadAsync(cancellationToken);
        var frame = await reading;
        Reading = null;
        return (null, frame);
    }

    private Task<ClaudeFrame?> ReadAsync(CancellationToken cancellationToken) => Reading ??= process.ReadAsync(cancellationToken).AsTask();
}
