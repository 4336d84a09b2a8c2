using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>Writes a turn into its process: controls, history, and the turn that is to be answered.</summary>
internal static class TurnWriter
{
    /// <summary>
    /// Writes all frames at once, while others are read. Only after each user turn of the history it waits for Claude Code's result of that
    /// turn. Without the wait, Claude Code would merge those turns into the last.
    /// </summary>
    public static async Task WriteAsync(
        CompletionRun run,
        TurnSettings? change,
        SemaphoreSlim historyTaken,
        CancellationToken cancellationToken
    )
    {
        var (job, process, turn) = (run.Job, run.Process, run.Turn);
        var (request, input) = (job.Request, new ClaudeInput());
        if (!run.IsModelToldYet)
        {
            // Before the system prompt. After it, Claude Code would tell the model that it is both models.
            input.SetModel(job.Model.Value);
            turn.PendingControls++;
        }

        if (!process.IsPrepared)
        {
            input.Initialize(request.System);
            turn.PendingControls++;
        }

        if (change is { } settings)
        {
            input.ApplySettings(settings);
            turn.PendingControls++;
            process.Settings = settings;
        }

        foreach (var past in request.Conversation.History)
        {
            if (past.Role == ChatRole.Assistant)
            {
                input.PastAnswer(past);
                continue;
            }

            await process.WriteAsync(input.PastPrompt(past, run.NewFrame(past)), holdsCallersData: true, cancellationToken);
            await historyTaken.WaitAsync(cancellationToken);
            input = new ClaudeInput();
        }

        var listsResults = run.Gate?.Expectation.Shape?.Placement == NotePlacement.Reminders;
        await process.WriteAsync(
            input.Prompt(request.Conversation.Last, run.NewFrame(request.Conversation.Last), listsResults),
            holdsCallersData: true,
            cancellationToken
        );
    }
}
