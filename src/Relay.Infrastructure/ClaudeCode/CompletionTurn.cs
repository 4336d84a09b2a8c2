using System.Text.Json;
using Relay.Domain.Quotas;
using Relay.Infrastructure.ApiGate;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Follows one turn by the gate's news and Claude Code's frames. No frame counts as an answer before the <c>init</c> frame has passed. A
/// result is an answer only when it says <c>success</c> and <c>is_error: false</c>, because Claude Code puts the text of its errors into
/// results.
/// </summary>
internal sealed class CompletionTurn
{
    /// <summary>A pause longer than any of Claude Code's own doubling.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(12);

    private readonly Version _version;
    private readonly TurnTerms _terms;
    private readonly TurnFailures _failures;

    private bool _initPassed;
    private string? _assistantError;

    /// <summary>A turn that has not begun.</summary>
    /// <param name="version">The version that the self-test found.</param>
    /// <param name="maxApiCalls">Calls of the API that Claude Code's own retries can explain.</param>
    /// <param name="terms">The facts of the request.</param>
    /// <param name="clock">The clock, for the reset time of a rate limit.</param>
    public CompletionTurn(Version version, int maxApiCalls, TurnTerms terms, TimeProvider clock)
    {
        (_version, _terms, _failures) = (version, terms, new TurnFailures(clock));
        Messages = new TurnMessages(terms, maxApiCalls, _failures);
    }

    /// <summary>The messages of the API so far.</summary>
    public TurnMessages Messages { get; }

    /// <summary>Whether the API's answer comes through the gate.</summary>
    public bool IsGated => _terms.Gated is not null;

    /// <summary>
    /// The number of control requests whose answers are still to come. If Claude Code began the turn before them, it would answer under
    /// another system prompt or as another model.
    /// </summary>
    public int PendingControls { get; set; }

    /// <summary>The number of earlier turns whose empty results are still to come. None of them may reach the API.</summary>
    public int PendingHistory { get; set; }

    /// <summary>The names of the parameters that the caller set. A refusal of the API may name them.</summary>
    public IReadOnlyCollection<string> Parameters { get; set; } = [];

    /// <summary>Whether Claude Code has begun the turn: from then on the API may have been called.</summary>
    public bool HasStarted { get; private set; }

    /// <summary>The number of repeated calls of the API, as Claude Code reports it.</summary>
    public int Retries { get; private set; }

    /// <summary>The id that the API gave its last request; null before it gave one.</summary>
    public string? UpstreamRequestId { get; private set; }

    /// <summary>Whether Anthropic refuses the login.</summary>
    public bool LoginRefused => _failures.LoginRefused;

    /// <summary>The account's limit that the turn ran into; null for none.</summary>
    public UpstreamLimit? HitLimit => _failures.HitLimit;

    /// <summary>Whether the <c>init</c> frame of the turn to be answered has passed.</summary>
    public bool IsLockedDown => _initPassed;

    /// <summary>Whether Claude Code has told the result of the turn.</summary>
    public bool HasResult { get; private set; }

    /// <summary>Takes the gate's next news; returns null while the turn goes on.</summary>
    public TurnOutcome? Accept(TurnSignal signal)
    {
        switch (signal)
        {
            case TurnSignal.Forwarded forwarded:
                Messages.HasCalledApi = true;
                Retries += forwarded.Attempt > 1 ? 1 : 0;
                return null;
            case TurnSignal.Responded responded:
                UpstreamRequestId = responded.RequestId ?? UpstreamRequestId;
                return null;
            case TurnSignal.ApiEvent { Event: var document }:
                return Messages.Accept(document.RootElement);
            case TurnSignal.ApiFailed { MayRepeat: false, Failure: var failure }:
                return ApiRefusal.Of(failure, Parameters, _terms.HasDocuments) is { } refused
                    ? new TurnOutcome.Failed(refused)
                    : _failures.Fail(failure);
            case TurnSignal.AnswerBroke:
                return TurnErrors.BrokenOff;
            case TurnSignal.Refused { Refusal: var refusal, Detail: var detail }:
                return refusal.Effect() == RefusalEffect.Recheck
                    ? new TurnOutcome.Violated($"the gate: {detail}") { IsOfGate = true }
                    : TurnErrors.NotForwarded;
            default:
                return null;
        }
    }

    /// <summary>Takes the next frame; returns null while the turn goes on.</summary>
    public TurnOutcome? Accept(ClaudeFrame frame)
    {
        Messages.HasCalledApi |= _terms.Gated is null && (frame.Type, frame.Subtype) is ("system", "status") or ("stream_event", _);
        switch (frame.Type, frame.Subtype)
        {
            case ("stream_event", _) when _terms.Gated is not null:
                return null;
            case ("assistant", _) when _terms.Gated is not null:
                // Its words are not needed, because the gate has seen the API's.
                _assistantError = frame.Json.Text("error") ?? _assistantError;
                return null;
            case ("control_response", _):
                PendingControls--;
                return ClaudeProcess.RefusedControl(frame.Json) ? TurnErrors.NotTaken : null;
            case ("system", "init") when PendingControls > 0:
                return TurnErrors.NotTaken;
            case ("system", "init"):
                return AcceptInit(frame.Json);
            case ("result", _) when PendingHistory > 0:
                PendingHistory--;
                return IsSuccess(frame.Json) ? null : new TurnOutcome.Failed(ClaudeFailures.Broken);
            case ("system", "api_retry"):
                Retries += _terms.Gated is null ? 1 : 0;
                // Claude Code retries a refused login for minutes, and no retry helps.
                return frame.Json.Number("error_status") == 401
                    ? _failures.Fail(new ClaudeFailure(null, 401, null, null, null))
                    : AcceptRetry(frame.Json);
            case ("rate_limit_event", _):
                _failures.NoteRateLimit(frame.Json);
                return null;
            case ("stream_event", _) when !_initPassed:
                // The process called the API before it had shown its abilities. Claude Code writes the init frame before it looks at a
                // turn's content, so that no caller's words cause this, and the API answers only to a call.
                return new TurnOutcome.Violated("an answer of the API before the init frame");
            case ("assistant", _) when !_initPassed:
            case ("result", _) when !_initPassed && IsSuccess(frame.Json):
                // These are Claude Code's own words, with which it might answer some content. The caller never gets them.
                return new TurnOutcome.Failed(ClaudeFailures.Broken);
            case ("stream_event", _):
                return frame.Json.Member("event") is { } streamEvent ? Messages.Accept(streamEvent) : null;
            case ("assistant", _):
                _assistantError = frame.Json.Text("error") ?? _assistantError;
                if (Messages.CountUnstreamed(frame.Json.Member("message") ?? default) is { } overrun)
                {
                    return overrun;
                }

                return
                    frame.Json.Member("message")?.Member("content") is { ValueKind: JsonValueKind.Array } blocks
                    && blocks.EnumerateArray().Any(_terms.IsAction)
                    ? TurnErrors.ToolUse
                    : null;
            case ("result", _):
                return AcceptResult(frame.Json);
            default:
                return null;
        }
    }

    private TurnOutcome? AcceptInit(JsonElement init)
    {
        // A violation puts the engine out of service. That is safe: the frame's lists depend on the constant arguments, on the
        // environment, and on whether there is a schema, never on a caller's words.
        var violation = ClaudeLockdown.FindViolation(init, _version, _terms.HasSchema);
        // The init frame of an earlier turn does not count for the one to be answered.
        _initPassed = violation is null && PendingHistory == 0;
        HasStarted |= PendingHistory == 0;
        return violation is not null ? new TurnOutcome.Violated(violation)
            : _terms.HasSchema && !ClaudeLockdown.HasSchemaTool(init) ? TurnErrors.NoSchemaTool
            : null;
    }

    /// <summary>Ends a turn for which the API asked for a pause. The caller waits for it, not a place in the relay.</summary>
    private TurnOutcome.Failed? AcceptRetry(JsonElement frame)
    {
        var pause = TimeSpan.FromMilliseconds(frame.Number("retry_delay_ms") ?? 0);
        return pause <= LongestPause
            ? null
            : _failures.Fail(
                new ClaudeFailure(null, frame.Number("error_status"), frame.Text("error"), null, _failures.RetryAfter ?? pause)
            );
    }

    private TurnOutcome AcceptResult(JsonElement result)
    {
        HasResult = true;
        if (Messages.AcceptResult(result, IsSuccess(result)) is { } outcome)
        {
            return outcome;
        }

        var failure = new ClaudeFailure(
            result.Text("subtype"),
            result.Number("api_error_status"),
            _assistantError,
            result.Text("terminal_reason"),
            _failures.RetryAfter
        );
        if (_terms.Gated is null && failure.WasNotSent && Retries == 0)
        {
            Messages.NoteUnsent();
        }

        return _failures.Fail(failure);
    }

    /// <summary>
    /// Whether a result is an answer. It must say so twice, because Claude Code puts the text of its errors into results.
    /// </summary>
    private static bool IsSuccess(JsonElement result) =>
        result.Text("subtype") == "success" && result.Member("is_error")?.ValueKind == JsonValueKind.False;
}
