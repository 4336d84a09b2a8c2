using System.Buffers.Text;
using System.Security.Cryptography;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// The way of one process to the gate: base URL with the ticket as its path, and the socket as the process sees it; null over TCP. Prints
/// <c>***</c>.
/// </summary>
internal sealed record GateAccess(string BaseUrl, string? SocketPath)
{
    public override string ToString() => "***";
}

/// <summary>
/// A process's right to call the Messages API through the gate: 256 random bits in its base URL. It ends with the process. Prints
/// <c>***</c>.
/// </summary>
internal sealed class GateTicket : IDisposable
{
    private readonly GateListener _gate;
    private volatile GateTurn? _turn;

    private volatile bool _isSpoilt;
    private string? _ids;

    public GateTicket(GateListener gate)
    {
        _gate = gate;
        Value = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
    }

    /// <summary>The ticket itself, for the process's environment alone.</summary>
    public string Value { get; }

    public GateAccess Access => new($"http://{_gate.Authority}/{Value}", _gate.SocketPath);

    public GateTurn? Turn => _turn;

    public bool IsSpoilt => _isSpoilt;

    /// <summary>Begins a turn: requests are compared with its expectation from now on.</summary>
    public GateTurn Begin(TurnExpectation expectation, int maxAttempts = 1, bool isRehearsal = false)
    {
        if (_turn is not null)
        {
            throw new InvalidOperationException("A turn runs already.");
        }

        return _turn = new GateTurn(expectation, maxAttempts) { IsRehearsal = isRehearsal };
    }

    /// <summary>Ends the turn: none of its requests is forwarded any more.</summary>
    public void End()
    {
        _turn?.Dispose();
        _turn = null;
    }

    /// <summary>Whether a request has the ids of the requests before it. The first one's ids are the process's.</summary>
    public bool IsOfProcess(string userId, string sessionId) =>
        (Interlocked.CompareExchange(ref _ids, $"{userId} {sessionId}", null) ?? $"{userId} {sessionId}") == $"{userId} {sessionId}"
        && (sessionId.Length == 0 || userId.Contains(sessionId, StringComparison.Ordinal));

    public void Spoil() => _isSpoilt = true;

    public void Dispose()
    {
        End();
        _gate.Forget(this);
    }

    public override string ToString() => "***";
}
