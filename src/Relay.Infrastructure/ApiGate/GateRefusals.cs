namespace Relay.Infrastructure.ApiGate;

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
