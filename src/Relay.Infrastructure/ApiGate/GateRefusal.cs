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
