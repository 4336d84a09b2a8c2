using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>A job in its process.</summary>
internal sealed record CompletionRun(CompletionJob Job, ClaimedProcess Claimed, CompletionTurn Turn, long StartedAt, long ClaimedAt)
{
    private readonly List<Guid> _frames = [];

    public ClaudeProcess Process => Claimed.Process;

    /// <summary>The turn at the gate; null where there is no gate.</summary>
    public GateTurn? Gate { get; private set; }

    public ExtraBody Extra { get; set; } = ExtraBody.None;

    public TurnNews News { get; private set; } = null!;

    public long? FirstTokenAt { get; set; }

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
}
