using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>A job in its process.</summary>
internal sealed record CompletionRun(CompletionJob Job, ClaimedProcess Claimed, CompletionTurn Turn, long StartedAt, long ClaimedAt)
{
    private readonly List<Guid> _frames = [];
    private long? _firstTokenAt;

    public ClaudeProcess Process => Claimed.Process;

    /// <summary>The turn at the gate; null where there is no gate.</summary>
    public GateTurn? Gate { get; private set; }

    public ExtraBody Extra { get; set; } = ExtraBody.None;

    public TurnNews News { get; private set; } = null!;

    public bool IsModelToldYet { get; set; } = true;

    public bool IsAnswered { get; set; }

    public void Begin(TurnExpectation expectation)
    {
        Gate = Process.Ticket?.Begin(expectation, expectation.Schema is null ? 1 : ClaudeLockdown.SchemaAttempts);
        News = new TurnNews(Process, Gate);
    }

    /// <summary>
    /// The id of the next user frame. Claude Code takes no turn back from a frame that holds results of calls: that frame goes with the
    /// turn before.
    /// </summary>
    public Guid NewFrame(ChatMessage turn)
    {
        var id = Guid.NewGuid();
        if (!turn.Content.Any(block => block is ToolResultBlock))
        {
            _frames.Add(id);
        }

        return id;
    }

    /// <summary>The gate's unread news. The caller disposes of them.</summary>
    public List<TurnSignal> TakeUnread()
    {
        var unread = new List<TurnSignal>();
        while (Gate?.Signals.TryRead(out var signal) == true)
        {
            unread.Add(signal);
        }

        return unread;
    }

    /// <summary>The turn to take back; null for a process that may not serve again.</summary>
    public FinishedTurn? Finish(Task writing)
    {
        Gate?.Close();
        if (Gate is not null && IsAnswered && Turn.Messages.EndedCleanly && writing.IsCompletedSuccessfully)
        {
            return new FinishedTurn(_frames, News.Reading, Turn.HasResult);
        }

        // A call that is being forwarded ends now.
        Process.Ticket?.End();
        return null;
    }

    /// <summary>Notes the facts of the turn so far.</summary>
    /// <returns>The outcome as it was given.</returns>
    public TurnOutcome? Note(TurnOutcome? outcome, TimeProvider clock)
    {
        NoteSpending(outcome);
        if (Turn.Messages.HasCalledApi)
        {
            Claimed.Opened();
        }

        if (Turn.Messages.HasFirstToken)
        {
            _firstTokenAt ??= clock.GetTimestamp();
        }

        return outcome;
    }

    /// <summary>
    /// Counts the part of an answer that the API had sent when its caller left, or its time ended, before everything was read.
    /// </summary>
    public void CountUnread(List<TurnSignal> unread)
    {
        foreach (var signal in unread)
        {
            using var taken = signal;
            if (!Job.Spending.IsFinal)
            {
                NoteSpending(Turn.Accept(signal));
            }
        }
    }

    public CompletionTimings TimingsOf(long answeredAt, Task<long> writing, TimeProvider clock)
    {
        // An answer can be whole before the whole prompt is written. Then neither the rest of the prompt nor a failure to write it
        // matters.
        var writtenAt = writing.IsCompletedSuccessfully ? writing.Result : answeredAt;
        var firstTokenAt = Math.Max(_firstTokenAt ?? answeredAt, writtenAt);
        return new CompletionTimings(
            Claimed.Origin,
            clock.GetElapsedTime(StartedAt, ClaimedAt),
            clock.GetElapsedTime(ClaimedAt, writtenAt),
            clock.GetElapsedTime(writtenAt, firstTokenAt),
            clock.GetElapsedTime(firstTokenAt, answeredAt)
        );
    }

    /// <summary>
    /// Notes the turn's cost as far as it is known. A turn that is left after its beginning may have called the API, so in doubt it
    /// counts. A turn that failed before it called does not.
    /// </summary>
    private void NoteSpending(TurnOutcome? outcome)
    {
        var (spending, turn) = (Job.Spending, Turn);
        spending.ReachedApi = turn.Messages.HasCalledApi || (!turn.IsGated && turn.HasStarted && outcome is null);
        spending.IsFinal = outcome is not null;
        spending.Usage = turn.Messages.Usage;
        spending.HitLimit = turn.HitLimit;
        spending.UpstreamRequestId = turn.UpstreamRequestId;
    }
}
