namespace Relay.Infrastructure.ApiGate;

/// <summary>Kinds of requests that the gate does not forward. <see cref="GateRefusals"/> tells the possible cause of each.</summary>
internal enum GateRefusal
{
    /// <summary>A path without a ticket, or with a ticket that has ended.</summary>
    UnknownTicket,

    /// <summary>A known ticket, but not <c>POST /v1/messages</c>: Claude Code asks for limits, settings or a model list.</summary>
    OtherCall,

    /// <summary>A call of the Messages API while no turn runs in the process.</summary>
    NoTurn,

    /// <summary>A second request while the first is still being answered.</summary>
    Concurrent,

    /// <summary>Another call after a whole message: Claude Code goes on by itself after an empty, cut or refused answer.</summary>
    FollowUp,

    /// <summary>Another call after the API refused the request (4xx): Claude Code repeats it with fields removed.</summary>
    AfterRefusal,

    /// <summary>A repeat after part of an answer had come.</summary>
    AfterBrokenAnswer,

    /// <summary>A repeat that is not the same request, byte for byte.</summary>
    ChangedRepeat,

    /// <summary>More repeats than Claude Code was allowed.</summary>
    TooManyRepeats,

    /// <summary>The request does not hold exactly the caller's words and parameters.</summary>
    CallersPart,

    /// <summary>A value around the caller's words differs from the rehearsal.</summary>
    Shape,

    /// <summary>A header that is not on the list, or whose value has another form.</summary>
    Header,

    /// <summary>The body is compressed, too long, cut off, or not JSON with unique names.</summary>
    Body,

    /// <summary>The process's <c>init</c> frame did not pass in time.</summary>
    NotLockedDown,
}

/// <summary>The consequence of a refusal.</summary>
internal enum RefusalEffect
{
    /// <summary>Only the process learns of it.</summary>
    None,

    /// <summary>The process ends after its turn. The caller's answer stands.</summary>
    EndsProcess,

    /// <summary>The turn fails, and its process ends.</summary>
    FailsTurn,

    /// <summary>The turn fails, its process ends, and the self-test runs again: no caller, model or API can cause it.</summary>
    Recheck,
}

/// <summary>
/// The possible causes of refusals. A repeated self-test takes nothing from other callers: each of their requests is proven by itself, and
/// the engine leaves service only when the self-test fails.
/// </summary>
internal static class GateRefusals
{
    public static RefusalEffect Effect(this GateRefusal refusal) =>
        refusal switch
        {
            // Another program with access to the socket may try any path.
            GateRefusal.UnknownTicket => RefusalEffect.None,
            // Claude Code asks for its account's limits with some tokens. The answer is always an error.
            GateRefusal.OtherCall => RefusalEffect.None,
            // A model causes it by an answer that is empty or cut. The process can be taken back afterwards (docs/claude-code-wire.md).
            GateRefusal.FollowUp => RefusalEffect.None,
            // A model or the API causes these, by an answer that breaks off or by an error.
            GateRefusal.AfterRefusal or GateRefusal.AfterBrokenAnswer or GateRefusal.NoTurn => RefusalEffect.EndsProcess,
            // Claude Code repeats with other fields after some errors of the API.
            GateRefusal.ChangedRepeat or GateRefusal.TooManyRepeats => RefusalEffect.FailsTurn,
            // A caller's words may be of a kind that Claude Code completes, joins or drops.
            GateRefusal.CallersPart => RefusalEffect.FailsTurn,
            // A machine that is too busy may be late with the frame.
            GateRefusal.NotLockedDown => RefusalEffect.FailsTurn,
            // Claude Code gives a silent API up, and repeats while the first call is still being ended.
            GateRefusal.Concurrent => RefusalEffect.FailsTurn,
            // A model's answer may nest deeper than JSON is read here, and comes back with a schema's next attempt.
            GateRefusal.Body => RefusalEffect.FailsTurn,
            GateRefusal.Shape or GateRefusal.Header => RefusalEffect.Recheck,
            _ => throw new ArgumentOutOfRangeException(nameof(refusal)),
        };
}
