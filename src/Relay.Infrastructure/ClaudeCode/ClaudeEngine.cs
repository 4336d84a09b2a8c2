using System.ComponentModel;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Application.Telemetry;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>One completion, one process: claim it, write to it, follow its frames to the result, end it.</summary>
internal sealed class ClaudeEngine(
    EngineState state,
    WarmPool pool,
    ClaudeProcesses processes,
    ClaudeEnvironment environment,
    LoginHealth login,
    IOptions<CompletionOptions> options,
    RelayMetrics metrics,
    TimeProvider clock,
    ILogger<ClaudeEngine> logger) : ICompletionEngine
{
    /// <inheritdoc/>
    public async Task<Result<Completion>> CompleteAsync(
        string keyId, ModelName model, CompletionRequest request, ICompletionSink? sink, Spending spending, CancellationToken cancellationToken)
    {
        if (state.Current is not { } generation)
        {
            return state.Problem ?? EngineState.Violation;
        }

        var preparation = Preparation.Of(request);
        var profile = ProfileId.Of(keyId, model, preparation);
        if (request.Schema is { } schema && pool.WasRefused(profile, generation))
        {
            return NoSchema(schema);
        }

        using var deadline = new CancellationTokenSource(options.Value.RequestTimeout, clock);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        var job = new Job(keyId, model, request, sink, generation, profile, spending, cancellationToken);
        try
        {
            var started = clock.GetTimestamp();
            var (completion, usedUp) = await RunInAsync(() => pool.ClaimAsync(generation, profile, preparation, ended.Token), job, started, ended.Token);
            if (usedUp)
            {
                return completion;
            }

            // It failed before its turn, as spares may that die between their last check and now: nothing was sent to the API, so a new one takes over, once.
            return (await RunInAsync(() => pool.StartColdAsync(generation, model.Value, request.Schema is not null, ended.Token), job, started, ended.Token)).Completion;
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return new RelayError(ErrorCode.Timeout, $"The completion did not end within {options.Value.RequestTimeout.TotalSeconds:0.###} s.");
        }
    }

    /// <summary>Gets a process and runs the job in it, in the sight of who measures.</summary>
    /// <returns>The answer, and whether the process was used up: false when it failed before its turn.</returns>
    private async Task<(Result<Completion> Completion, bool UsedUp)> RunInAsync(Func<Task<ClaimedProcess>> claim, Job job, long startedAt, CancellationToken cancellationToken)
    {
        using var processSpan = RelayTracing.Source.StartActivity("claude_code.process");
        if (await ClaimAsync(claim) is not { } claimed)
        {
            return (Missing, true);
        }

        metrics.ProcessClaimed(claimed.Origin);
        processSpan?.SetTag("relay.process.origin", claimed.Origin switch { ProcessOrigin.Blank => "blank", ProcessOrigin.Prepared => "prepared", _ => "cold" });
        var (request, askedAt) = (job.Request, clock.GetTimestamp());
        var turn = new CompletionTurn(job.Generation.Version, environment.Retries + 2, clock) { HasSchema = request.Schema is not null, Stop = request.Stop, PendingHistory = request.Conversation.Turns.Count / 2 };
        using var modelSpan = ModelSpan.Start(job.Model);
        var usedUp = true;
        string? error = ErrorCode.InternalError.WireName(), stopReason = null;
        try
        {
            (var completion, usedUp) = await RunAsync(new Run(job, claimed, turn, startedAt, askedAt), cancellationToken);
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

    /// <summary>Runs the job in a process, which is gone soon after.</summary>
    /// <returns>As <see cref="RunInAsync"/>.</returns>
    private async Task<(Result<Completion> Completion, bool UsedUp)> RunAsync(Run run, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var idle = new CancellationTokenSource(Timeout.InfiniteTimeSpan, clock);
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(idle.Token, cancellationToken);
        using var historyTaken = new SemaphoreSlim(0);
        var asked = false;
        var writing = Task.FromResult(run.ClaimedAt);
        try
        {
            if (await PrepareAsync(run, cancellationToken) is { } unprepared)
            {
                return unprepared;
            }

            asked = true;
            idle.CancelAfter(options.Value.IdleTimeout);
            writing = WriteAsync(run.Job, run.Process, run.Turn, historyTaken, over.Token);
            return await FollowAsync(run, writing, historyTaken, idle, silence.Token, cancellationToken);
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
            processes.End(run.Process);
            run.Claimed.Opened();

            // Fails or is cancelled with the process, whose end has been told above.
            await over.CancelAsync();
            await writing.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    /// <summary>Gives the process the schema, if there is one and it does not have it: whether it is a schema shows before the model is asked.</summary>
    /// <returns>Null when the model can be asked; otherwise as <see cref="RunInAsync"/>.</returns>
    private async Task<(Result<Completion> Completion, bool UsedUp)?> PrepareAsync(Run run, CancellationToken cancellationToken)
    {
        var (job, process) = (run.Job, run.Process);
        if (job.Request.Schema is not { } schema || process.IsPrepared)
        {
            return null;
        }

        try
        {
            var found = await process.PrepareAsync(job.Request.System, schema, cancellationToken);
            if (found.Violation is { } violation)
            {
                processes.ReportViolation(process, job.KeyId, violation);
                return (EngineState.Violation, true);
            }

            if (!found.AcceptsSchema)
            {
                pool.NeverPrepare(job.Profile, job.Generation);
                return (NoSchema(schema), true);
            }

            return null;
        }
        catch (ClaudeProtocolException exception) when (exception.WasTooMuch)
        {
            // The schema's own doing, in all likelihood. Tried again it would take as much again; it counts as a request, for it took as much as one.
            logger.LogWarning("A schema was too much for Claude Code: {Problem}", exception.Message);
            pool.NeverPrepare(job.Profile, refusedBy: null);
            (job.Spending.ReachedApi, job.Spending.IsFinal) = (true, true);
            return (new RelayError(ErrorCode.Timeout, $"Claude Code did not get through the schema in '{schema.Field}'. Make it smaller, or let it refer less to itself."), true);
        }
    }

    /// <summary>Reads frames to the end of the turn, and hands the words on as they come.</summary>
    /// <returns>As <see cref="RunInAsync"/>.</returns>
    private async Task<(Result<Completion> Completion, bool UsedUp)> FollowAsync(
        Run run, Task<long> writing, SemaphoreSlim historyTaken, CancellationTokenSource idle, CancellationToken silence, CancellationToken cancellationToken)
    {
        var (job, process, turn) = (run.Job, run.Process, run.Turn);
        while (true)
        {
            var reading = process.ReadAsync(silence);
            if (!reading.IsCompleted && job.Sink is not null && turn.TakeWords() is { } words)
            {
                // Only now: what had come already goes in one piece, and a reader that is slower than the model loses nothing by it.
                // The reader's time is not the model's silence.
                idle.CancelAfter(Timeout.InfiniteTimeSpan);
                job.Sink.TakeModel(turn.ResponseModel ?? job.Model);
                await job.Sink.WriteAsync(words, cancellationToken);
                idle.CancelAfter(options.Value.IdleTimeout);
            }

            if (await reading is not { } frame)
            {
                if (process.OutgrewMemory)
                {
                    return (ClaudeFailures.TooMuchMemory, UsedUp: true);
                }

                logger.LogWarning("A {Origin} Claude Code process ended {When} its turn had begun", run.Claimed.Origin, turn.HasStarted ? "after" : "before");
                return (ClaudeFailures.Broken, UsedUp: turn.HasStarted);
            }

            idle.CancelAfter(options.Value.IdleTimeout);
            if (Take(run, frame, historyTaken) is { } outcome)
            {
                return (await EndAsync(run, outcome, writing, cancellationToken), true);
            }
        }
    }

    /// <summary>Takes a frame, and notes what it tells.</summary>
    /// <returns>Null while the turn goes on.</returns>
    private TurnOutcome? Take(Run run, ClaudeFrame frame, SemaphoreSlim historyTaken)
    {
        using var taken = frame;
        var turn = run.Turn;
        var history = turn.PendingHistory;
        var outcome = turn.Accept(frame);
        if (outcome is not null and not TurnOutcome.Answered { Usage.CostUsd: not null })
        {
            // The CLI believes its turn goes on, and would call the API again within milliseconds.
            run.Process.Kill();
        }

        if (turn.PendingHistory < history)
        {
            historyTaken.Release();
        }

        Note(run.Job.Spending, turn, outcome);
        if (turn.HasCalledApi)
        {
            run.Claimed.Opened();
        }

        if (turn.HasFirstToken)
        {
            run.FirstTokenAt ??= clock.GetTimestamp();
        }

        return outcome;
    }

    private async Task<Result<Completion>> EndAsync(Run run, TurnOutcome outcome, Task<long> writing, CancellationToken cancellationToken)
    {
        switch (outcome)
        {
            case TurnOutcome.Answered answer:
                var answeredAt = clock.GetTimestamp();
                var answeredBy = run.Turn.ResponseModel ?? run.Job.Model;
                if (run.Job.Sink is { } sink && run.Turn.TakeRest(answer.Text) is { } rest)
                {
                    sink.TakeModel(answeredBy);
                    await sink.WriteAsync(rest, cancellationToken);
                }

                return new Completion(answeredBy, answer.Text, answer.StopReason, answer.Usage, TimingsOf(run, answeredAt, writing))
                {
                    StopSequence = answer.StopSequence,
                    IsStructured = answer.IsStructured,
                };
            case TurnOutcome.Violated violation:
                processes.ReportViolation(run.Process, run.Job.KeyId, violation.Detail);
                return EngineState.Violation;
            default:
                return ((TurnOutcome.Failed)outcome).Error;
        }
    }

    private CompletionTimings TimingsOf(Run run, long answeredAt, Task<long> writing)
    {
        // An answer can be whole before the prompt is: then nothing depends on the rest, nor on whether it can still be written.
        var writtenAt = writing.IsCompletedSuccessfully ? writing.Result : answeredAt;
        var firstTokenAt = Math.Max(run.FirstTokenAt ?? answeredAt, writtenAt);
        return new CompletionTimings(
            run.Claimed.Origin,
            clock.GetElapsedTime(run.StartedAt, run.ClaimedAt),
            clock.GetElapsedTime(run.ClaimedAt, writtenAt),
            clock.GetElapsedTime(writtenAt, firstTokenAt),
            clock.GetElapsedTime(firstTokenAt, answeredAt));
    }

    /// <summary>
    /// What is known of the turn's cost by now. A turn that is left after it began may have called the API: it counts, in
    /// doubt. One that failed before it called counts for nothing.
    /// </summary>
    private static void Note(Spending spending, CompletionTurn turn, TurnOutcome? outcome)
    {
        spending.ReachedApi = turn.HasCalledApi || (turn.HasStarted && outcome is null);
        spending.IsFinal = outcome is not null;
        spending.Usage = turn.Usage;
        spending.HitLimit = turn.HitLimit;
    }

    /// <summary>
    /// Everything at once, while the frames are read: nobody waits for the other. Only after each turn of the caller's side that
    /// was answered long ago the CLI's own result is waited for: sent in one go, those turns would be merged into the last.
    /// </summary>
    /// <returns>When the last byte was in the pipe.</returns>
    private async Task<long> WriteAsync(Job job, ClaudeProcess process, CompletionTurn turn, SemaphoreSlim historyTaken, CancellationToken cancellationToken)
    {
        var (request, input) = (job.Request, new ClaudeInput());
        if (!process.IsPrepared)
        {
            input.Initialize(request.System);
            turn.PendingControls++;
        }

        if (process.Model != job.Model.Value)
        {
            input.SetModel(job.Model.Value);
            turn.PendingControls++;
        }

        var cap = request.MaxOutputTokens < options.Value.MaxOutputTokens ? request.MaxOutputTokens : null;
        if (request.Effort is not null || cap is not null)
        {
            input.ApplySettings(request.Effort, cap);
            turn.PendingControls++;
        }

        foreach (var past in request.Conversation.History)
        {
            if (past.Role == ChatRole.Assistant)
            {
                input.PastAnswer(past);
                continue;
            }

            await process.WriteAsync(input.PastPrompt(past), holdsCallersData: true, cancellationToken);
            await historyTaken.WaitAsync(cancellationToken);
            input = new ClaudeInput();
        }

        await process.WriteAsync(input.Prompt(request.Conversation.Last), holdsCallersData: true, cancellationToken);
        return clock.GetTimestamp();
    }

    private static RelayError Missing { get; } = new(ErrorCode.ClaudeMissing, "Claude Code could not be started on the relay's host. Tell the relay's operator.");

    private static RelayError NoSchema(OutputSchema schema) => RelayError.Invalid(
        schema.Field,
        $"'{schema.Field}' is no JSON schema: the validator inside Claude Code does not take it. Check its types, references and patterns; references to other documents are not followed.");

    private sealed record Job(
        string KeyId, ModelName Model, CompletionRequest Request, ICompletionSink? Sink, EngineGeneration Generation, ProfileId Profile, Spending Spending, CancellationToken Left);

    /// <summary>A job in its process.</summary>
    private sealed record Run(Job Job, ClaimedProcess Claimed, CompletionTurn Turn, long StartedAt, long ClaimedAt)
    {
        public ClaudeProcess Process => Claimed.Process;

        public long? FirstTokenAt { get; set; }
    }
}
