using System.Buffers.Text;
using System.Security.Cryptography;

namespace Relay.Infrastructure.ApiGate;

/// <summary>The way of one process to the gate. Prints <c>***</c>: it holds the ticket.</summary>
/// <param name="BaseUrl">The value of <c>ANTHROPIC_BASE_URL</c>, with the ticket as its path.</param>
/// <param name="SocketPath">The value of <c>ANTHROPIC_UNIX_SOCKET</c>, as the process sees it; null over TCP.</param>
internal sealed record GateAccess(string BaseUrl, string? SocketPath)
{
    /// <inheritdoc/>
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

    /// <summary>A new ticket, which only the gate makes.</summary>
    public GateTicket(GateListener gate)
    {
        _gate = gate;
        Value = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
    }

    /// <summary>The ticket itself, for the process's environment alone.</summary>
    public string Value { get; }

    /// <summary>The way to the gate with this ticket.</summary>
    public GateAccess Access => new($"http://{_gate.Authority}/{Value}", _gate.SocketPath);

    /// <summary>The turn that runs in the process; null between turns.</summary>
    public GateTurn? Turn => _turn;

    /// <summary>Whether the process may not serve again.</summary>
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
    /// <param name="userId">The device and the session in its metadata.</param>
    /// <param name="sessionId">The session in its header; empty for none.</param>
    public bool IsOfProcess(string userId, string sessionId) =>
        (Interlocked.CompareExchange(ref _ids, $"{userId} {sessionId}", null) ?? $"{userId} {sessionId}") == $"{userId} {sessionId}"
        && (sessionId.Length == 0 || userId.Contains(sessionId, StringComparison.Ordinal));

    /// <summary>Keeps the process from serving again.</summary>
    public void Spoil() => _isSpoilt = true;

    /// <summary>Ends the ticket with all of its connections.</summary>
    public void Dispose()
    {
        End();
        _gate.Forget(this);
    }

    /// <inheritdoc/>
    public override string ToString() => "***";
}
