using System.Security.Cryptography;
using System.Text.Json;
using System.Threading.Channels;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// One turn of one process at the gate: the expected request, the requests that were forwarded, and the news. The engine that runs the
/// turn ends it; from then on none of its requests is forwarded.
/// </summary>
internal sealed class GateTurn : IDisposable
{
    /// <summary>Most untold news. With a slow reader the API waits, and memory does not grow.</summary>
    private const int MaxSignals = 64;

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCompletionSource _lockedDown = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<TurnSignal> _signals = Channel.CreateBounded<TurnSignal>(
        new BoundedChannelOptions(MaxSignals) { SingleReader = true },
        static signal => signal.Dispose()
    );
    private readonly List<JsonElement> _handedIn = [];
    private readonly bool _takesAttempts;
    private readonly int _maxAttempts;

    private State _state = State.Waiting;
    private int _repeats;
    private int _attempts;
    private byte[]? _requestHash;

    /// <summary>A turn that has not begun. Attempts are calls that end with a whole message: 1, or more with a schema.</summary>
    public GateTurn(TurnExpectation expectation, int maxAttempts)
    {
        (Expectation, _maxAttempts, _takesAttempts) = (expectation, maxAttempts, maxAttempts > 1);
    }

    private enum State
    {
        Waiting,
        Forwarding,
        Failed,
        Refused,
        Broken,
        Complete,
    }

    public TurnExpectation Expectation { get; }

    /// <summary>In a rehearsal, the request's shape; null before, and when the gate forwards.</summary>
    public RequestShape? Rehearsed { get; private set; }

    public (GateRefusal Refusal, string Detail)? Refusal { get; private set; }

    public bool IsRehearsal { get; init; }

    public ChannelReader<TurnSignal> Signals => _signals.Reader;
    public CancellationToken Ended => _ended.Token;

    public IReadOnlyList<JsonElement> HandedIn => _handedIn;

    public bool HasCalledApi { get; private set; }

    /// <summary>Completes when the process's <c>init</c> frame has passed. Nothing is forwarded before.</summary>
    public Task LockedDown => _lockedDown.Task;

    public void PassLockdown() => _lockedDown.TrySetResult();

    /// <summary>Tells news; waits while too much is untold.</summary>
    public async ValueTask TellAsync(TurnSignal signal, CancellationToken cancellationToken)
    {
        try
        {
            await _signals.Writer.WriteAsync(signal, cancellationToken);
        }
        catch (ChannelClosedException)
        {
            signal.Dispose();
        }
    }

    /// <summary>Takes the next request in, or returns the refusal of it.</summary>
    public GateRefusal? Enter()
    {
        lock (_lock)
        {
            GateRefusal? refusal = _state switch
            {
                State.Forwarding => GateRefusal.Concurrent,
                State.Refused => GateRefusal.AfterRefusal,
                State.Broken => GateRefusal.AfterBrokenAnswer,
                State.Complete when !_takesAttempts || _attempts >= _maxAttempts => GateRefusal.FollowUp,
                State.Failed when _repeats >= Expectation.MaxRepeats => GateRefusal.TooManyRepeats,
                _ => null,
            };
            if (_ended.IsCancellationRequested)
            {
                refusal = GateRefusal.NoTurn;
            }

            if (refusal is null)
            {
                IsRepeat = _state == State.Failed;
                _state = State.Forwarding;
            }

            return refusal;
        }
    }

    public bool IsRepeat { get; private set; }

    public bool IsSame(ReadOnlySpan<byte> body) => _requestHash is not null && SHA256.HashData(body).AsSpan().SequenceEqual(_requestHash);

    public void Rehearse(RequestShape shape) => Rehearsed = shape;

    /// <summary>Takes a request that has passed its proof: only the same may be repeated.</summary>
    public void Pass(ReadOnlySpan<byte> body) => _requestHash = SHA256.HashData(body);

    /// <summary>Sends a proven request out.</summary>
    /// <exception cref="OperationCanceledException">The turn has ended.</exception>
    public ValueTask ForwardAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_state != State.Forwarding || _ended.IsCancellationRequested)
            {
                throw new OperationCanceledException(_ended.Token);
            }

            _repeats += IsRepeat ? 1 : 0;
            HasCalledApi = true;
        }

        return TellAsync(new TurnSignal.Forwarded(_repeats + 1), cancellationToken);
    }

    /// <summary>Ends the message, which is whole. Its content is kept for the proof of a later attempt.</summary>
    public void Complete(IEnumerable<JsonElement> blocks)
    {
        lock (_lock)
        {
            (_state, _attempts) = (_state == State.Refused ? State.Refused : State.Complete, _attempts + 1);
            if (_takesAttempts)
            {
                _handedIn.AddRange(blocks);
            }
        }
    }

    /// <summary>Ends an answer that broke off before its message was whole.</summary>
    public void Break(bool hasBegun)
    {
        lock (_lock)
        {
            if (_state == State.Forwarding)
            {
                _state = hasBegun ? State.Broken : State.Failed;
            }
        }
    }

    /// <summary>Takes an error of the API, or its silence. Returns whether the same request may come again.</summary>
    public bool Fail(int? status)
    {
        lock (_lock)
        {
            _state = _state == State.Refused || status is >= 400 and < 500 ? State.Refused : State.Failed;
            return _state == State.Failed && _repeats < Expectation.MaxRepeats;
        }
    }

    /// <summary>Refuses a request before it leaves, and all later ones of the turn. The detail holds no caller's data.</summary>
    public void Refuse(GateRefusal refusal, string detail)
    {
        lock (_lock)
        {
            (_state, Refusal) = (State.Refused, Refusal ?? (refusal, detail));
        }
    }

    /// <summary>The answer is known: no further request is forwarded. Bytes on their way to Claude Code go on.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _state = State.Refused;
        }

        EndSignals();
    }

    /// <summary>Ends the request that entered. A request that was broken off is not repeated.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            _state = _state == State.Forwarding ? State.Broken : _state;
        }
    }

    /// <summary>Ends the news, when the turn has no listener any more. A whole message on its way to Claude Code goes on.</summary>
    private void EndSignals()
    {
        _signals.Writer.TryComplete();
        while (_signals.Reader.TryRead(out var signal))
        {
            signal.Dispose();
        }
    }

    /// <summary>Ends the turn: a call that is being forwarded is cut off, and no further one is forwarded.</summary>
    public void Dispose()
    {
        _ended.Cancel();
        _lockedDown.TrySetCanceled();
        // News that came before the end can still be read.
        _signals.Writer.TryComplete();
    }
}
