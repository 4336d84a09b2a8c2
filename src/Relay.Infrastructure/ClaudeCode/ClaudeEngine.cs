using System.ComponentModel;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Application.Telemetry;
using Relay.Application.Timing;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;
using Relay.Infrastructure.ApiGate;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Runs a completion in a process: claims it, tells the gate what to expect, writes to it, follows the API's events and the process's
/// frames to the end of the turn, and gives it back.
/// </summary>
internal sealed class ClaudeEngine(
    EngineState state,
    WarmPool pool,
    ClaudeProcesses processes,
    TurnPreparation preparation,
    ClaudeEnvironment environment,
    LoginHealth login,
    IOptions<CompletionOptions> options,
    RelayMetrics metrics,
    TimeProvider clock,
    ILogger<ClaudeEngine> logger
) : ICompletionEngine
{
    public async Task<Result<Completion>> CompleteAsync(
        string keyId,
        ModelName model,
        CompletionRequest request,
        ICompletionSink? sink,
        Spending spending,
        CancellationToken cancellationToken
    )
    {
        if (state.Current is not { } generation)
        {
            return state.Problem ?? EngineState.Violation;
        }

        if (request.ToolsToSend is not null && !TakesParameters)
        {
            return NoTools;
        }

        var told = Preparation.Of(request);
        var profile = ProfileId.Of(keyId, model, told);
        if (request.SchemaToHandIn is { } schema && pool.WasRefused(profile, generation))
        {
            return TurnPreparation.NoSchema(schema);
        }

        using var deadline = new Deadline(options.Value.RequestTimeout, clock, cancellationToken);
        var job = new CompletionJob(keyId, model, request, sink, generation, profile, spending, cancellationToken);
        try
        {
            var started = clock.GetTimestamp();
            var (completion, usedUp) = await RunInAsync(
                () => pool.ClaimAsync(generation, profile, told, deadline.Token),
                job,
                started,
                deadline.Token
            );
            if (usedUp)
            {
                return completion;
            }

            // The process failed before its turn, as a spare may that dies between its last check and now. Nothing was sent to the API,
            // so a new process takes over, once.
            return (
                await RunInAsync(() => pool.StartColdAsync(generation, profile, told, deadline.Token), job, started, deadline.Token)
            ).Completion;
        }
        catch (OperationCanceledException) when (deadline.HasPassed)
        {
            return new RelayError(
                ErrorCode.Timeout,
                $"The completion did not end within {options.Value.RequestTimeout.TotalSeconds:0.###} s."
            );
        }
    }

    /// <summary>Gets a process and runs the job in it, with metrics and a span.</summary>
    /// <returns>The answer, and whether the process was used up: false when it failed before its turn.</returns>
    private async Task<(Result<Completion> Completion, bool UsedUp)> RunInAsync(
        Func<Task<ClaimedProcess>> claim,
        CompletionJob job,
        long startedAt,
        CancellationToken cancellationToken
    )
    {
        using var processSpan = RelayTracing.Source.StartActivity("claude_code.process");
        if (await ClaimAsync(claim) is not { } claimed)
        {
            return (Missing, true);
        }

        metrics.ProcessClaimed(claimed.Origin);
        processSpan?.SetTag(
            "relay.process.origin",
            claimed.Origin switch
            {
                ProcessOrigin.Blank => "blank",
                ProcessOrigin.Prepared => "prepared",
                _ => "cold",
            }
        );
        var askedAt = clock.GetTimestamp();
        var terms = TurnTerms.Of(job.Request, gated: claimed.Process.Ticket is null ? null : job.Model);
        var turn = new CompletionTurn(job.Generation.Version, environment.Retries + 2, terms, clock)
        {
            PendingHistory = job.Request.Conversation.Turns.Count / 2,
        };
        using var modelSpan = ModelSpan.Start(job.Model);
        var usedUp = true;
        string? error = ErrorCode.InternalError.WireName(),
            stopReason = null;
        try
        {
            (var completion, usedUp) = await RunAsync(new CompletionRun(job, claimed, turn, startedAt, askedAt), cancellationToken);
            error = completion.TryGet(out var answer, out var failure) ? null : failure.WireName;
            stopReason = answer?.StopReason;
            if (answer is not null)
            {
                login.Accepted();
            }
            else if (turn.LoginRefused)
            {
                login.Refused();
            }

            return (completion, usedUp);
        }
        catch (OperationCanceledException)
        {
            error = (job.Left.IsCancellationRequested ? ErrorCode.ClientClosed : ErrorCode.Timeout).WireName();
            throw;
        }
        finally
        {
            ModelSpan.End(modelSpan, turn, stopReason, error);
            if (usedUp)
            {
                metrics.ModelCalled(job.Model, error, turn.Retries, clock.GetElapsedTime(askedAt));
            }
        }
    }

    /// <summary>A process; null when none can be started.</summary>
    private async Task<ClaimedProcess?> ClaimAsync(Func<Task<ClaimedProcess>> claim)
    {
        try
        {
            return await claim();
        }
        catch (Exception exception) when (exception is Win32Exception or IOException or UnauthorizedAccessException)
        {
            logger.LogError(exception, "Claude Code could not be started");
            return null;
        }
    }

    /// <summary>Runs the job in a process, and gives the process back.</summary>
    /// <returns>As <see cref="RunInAsync"/>.</returns>
    private async Task<(Result<Completion> Completion, bool UsedUp)> RunAsync(CompletionRun run, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var idle = new CancellationTokenSource(Timeout.InfiniteTimeSpan, clock);
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(idle.Token, cancellationToken);
        using var historyTaken = new SemaphoreSlim(0);
        var asked = false;
        var writing = Task.FromResult(run.ClaimedAt);
        try
        {
            if (await preparation.PrepareAsync(run, cancellationToken) is { } unprepared)
            {
                return unprepared;
            }

            asked = true;
            run.Begin(preparation.Expect(run));
            idle.CancelAfter(options.Value.IdleTimeout);
            writing = WriteAsync(run, historyTaken, over.Token);
            return await FollowAsync(run, writing, historyTaken, idle, silence.Token, cancellationToken);
        }
        catch (ClaudeProtocolException exception) when (exception.IsDifference)
        {
            processes.ReportDifference(run.Process, run.Job.KeyId, exception.Message);
            return (EngineState.Violation, true);
        }
        catch (Exception exception) when (exception is ClaudeProtocolException or IOException)
        {
            logger.LogWarning("A completion broke off: {Problem}", exception.Message);
            return (ClaudeFailures.Broken, UsedUp: asked);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (new RelayError(ErrorCode.Timeout, $"The model was silent for {options.Value.IdleTimeout.TotalSeconds:0.###} s."), true);
        }
        finally
        {
            var unread = run.TakeUnread();
            var finished = run.Finish(writing);
            pool.GiveBack(run.Claimed, run.Job.Profile, finished);

            // The read fails or is cancelled with the process, whose end was reported above.
            await over.CancelAsync();
            await writing.ContinueWith(
                _ => { },
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default
            );
            run.CountUnread(unread);
            run.Job.Spending.ReachedApi |= run.Gate?.HasCalledApi == true;
        }
    }

    public bool TakesParameters => environment.UsesGate;

    /// <summary>Reads frames to the end of the turn, and hands the words on as they come.</summary>
    /// <returns>As <see cref="RunInAsync"/>.</returns>
    private async Task<(Result<Completion> Completion, bool UsedUp)> FollowAsync(
        CompletionRun run,
        Task<long> writing,
        SemaphoreSlim historyTaken,
        CancellationTokenSource idle,
        CancellationToken silence,
        CancellationToken cancellationToken
    )
    {
        var (job, process, turn) = (run.Job, run.Process, run.Turn);
        while (true)
        {
            if (!run.News.IsReady(silence) && job.Sink is not null && turn.Messages.TakePiece() is { } piece)
            {
                // Only when no news is ready: pieces that have come already go out together, and a slow reader loses nothing. The
                // reader's time does not count as the model's silence.
                idle.CancelAfter(Timeout.InfiniteTimeSpan);
                job.Sink.TakeModel(turn.Messages.ResponseModel ?? job.Model);
                for (AnswerPiece? next = piece; next is not null; next = turn.Messages.TakePiece())
                {
                    await job.Sink.WriteAsync(next, cancellationToken);
                }

                idle.CancelAfter(options.Value.IdleTimeout);
            }

            var (signal, frame) = await run.News.NextAsync(silence);
            if (signal is null && frame is null)
            {
                if (process.OutgrewMemory)
                {
                    return (ClaudeFailures.TooMuchMemory, UsedUp: true);
                }

                logger.LogWarning(
                    "A {Origin} Claude Code process ended {When} its turn had begun",
                    run.Claimed.Origin,
                    turn.HasStarted ? "after" : "before"
                );
                return (ClaudeFailures.Broken, UsedUp: turn.HasStarted);
            }

            idle.CancelAfter(options.Value.IdleTimeout);
            if ((signal is not null ? Take(run, signal) : Take(run, frame!, historyTaken)) is { } outcome)
            {
                return (await EndAsync(run, outcome, writing, cancellationToken), true);
            }
        }
    }

    /// <summary>Takes a frame, and notes its facts.</summary>
    /// <returns>Null while the turn goes on.</returns>
    private TurnOutcome? Take(CompletionRun run, ClaudeFrame frame, SemaphoreSlim historyTaken)
    {
        using var taken = frame;
        var turn = run.Turn;
        var history = turn.PendingHistory;
        var outcome = turn.Accept(frame);
        if (!turn.IsGated && outcome is not null and not TurnOutcome.Answered { Usage.CostUsd: not null })
        {
            // Claude Code believes that its turn goes on, and would call the API again within milliseconds.
            run.Process.Kill();
        }

        if (turn.PendingHistory < history)
        {
            historyTaken.Release();
        }

        if (turn.IsLockedDown)
        {
            run.Gate?.PassLockdown();
        }

        return run.Note(outcome, clock);
    }

    /// <summary>Takes the gate's news, and notes its facts.</summary>
    /// <returns>Null while the turn goes on.</returns>
    private TurnOutcome? Take(CompletionRun run, TurnSignal signal)
    {
        using var taken = signal;
        return run.Note(run.Turn.Accept(signal), clock);
    }

    private async Task<Result<Completion>> EndAsync(
        CompletionRun run,
        TurnOutcome outcome,
        Task<long> writing,
        CancellationToken cancellationToken
    )
    {
        switch (outcome)
        {
            case TurnOutcome.Answered answer:
                run.IsAnswered = true;
                var answeredAt = clock.GetTimestamp();
                var answeredBy = run.Turn.Messages.ResponseModel ?? run.Job.Model;
                if (run.Job.Sink is { } sink)
                {
                    foreach (var piece in run.Turn.Messages.TakeRest(answer.Text))
                    {
                        sink.TakeModel(answeredBy);
                        await sink.WriteAsync(piece, cancellationToken);
                    }
                }

                var completion = new Completion(
                    answeredBy,
                    answer.Text,
                    answer.StopReason,
                    answer.Usage,
                    run.TimingsOf(answeredAt, writing, clock)
                )
                {
                    StopSequence = answer.StopSequence,
                    IsStructured = answer.IsStructured,
                };
                return answer.Content is { } content ? completion with { Content = content } : completion;
            case TurnOutcome.Violated { IsOfGate: true } violation:
                processes.ReportDifference(run.Process, run.Job.KeyId, violation.Detail);
                return EngineState.Violation;
            case TurnOutcome.Violated violation:
                processes.ReportViolation(run.Process, run.Job.KeyId, violation.Detail);
                return EngineState.Violation;
            default:
                return ((TurnOutcome.Failed)outcome).Error;
        }
    }

    /// <returns>The time at which the last byte was in the pipe.</returns>
    private async Task<long> WriteAsync(CompletionRun run, SemaphoreSlim historyTaken, CancellationToken cancellationToken)
    {
        await TurnWriter.WriteAsync(run, preparation.FindChange(run), historyTaken, cancellationToken);
        return clock.GetTimestamp();
    }

    private static RelayError Missing { get; } =
        new(ErrorCode.ClaudeMissing, "Claude Code could not be started on the relay's host. Tell the relay's operator.");

    private static RelayError NoTools { get; } =
        RelayError.Invalid(
            "tools",
            "'tools' can't be sent on by this relay: its Claude Code speaks to Bedrock or Vertex itself. Leave tools out, in the "
                + "conversation too."
        );
}
