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

        using var deadline = new CancellationTokenSource(options.Value.RequestTimeout, clock);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        var preparation = Preparation.Of(request);
        var job = new Job(keyId, model, request, sink, generation, spending, cancellationToken);
        try
        {
            var started = clock.GetTimestamp();
            var (completion, usedUp) = await RunInAsync(() => pool.ClaimAsync(generation, ProfileId.Of(keyId, model, preparation), preparation, ended.Token), job, started, ended.Token);
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
        catch (Exception exception) when (exception is Win32Exception or IOException or UnauthorizedAccessException)
        {
            logger.LogError(exception, "Claude Code could not be started");
            return new RelayError(ErrorCode.ClaudeMissing, "Claude Code could not be started on the relay's host. Tell the relay's operator.");
        }
    }

    /// <summary>Gets a process and runs the job in it, in the sight of who measures.</summary>
    /// <returns>As <see cref="RunAsync"/>.</returns>
    private async Task<(Result<Completion> Completion, bool UsedUp)> RunInAsync(Func<Task<ClaimedProcess>> claim, Job job, long startedAt, CancellationToken cancellationToken)
    {
        using var processSpan = RelayTracing.Source.StartActivity("claude_code.process");
        var claimed = await claim();
        metrics.ProcessClaimed(claimed.Origin);
        processSpan?.SetTag("relay.process.origin", claimed.Origin switch { ProcessOrigin.Blank => "blank", ProcessOrigin.Prepared => "prepared", _ => "cold" });
        var (request, askedAt) = (job.Request, clock.GetTimestamp());
        var turn = new CompletionTurn(job.Generation.Version, environment.Retries + 2, clock) { HasSchema = request.Schema is not null, Stop = request.Stop, PendingHistory = request.Conversation.Turns.Count / 2 };
        using var modelSpan = ModelSpan.Start(job.Model);
        var usedUp = true;
        string? error = ErrorCode.InternalError.WireName(), stopReason = null;
        try
        {
            (var completion, usedUp) = await RunAsync(job, claimed, turn, startedAt, cancellationToken);
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

    /// <summary>Runs the job in a process, which is gone soon after.</summary>
    /// <returns>The answer, and whether the process was used up: false when it failed before its turn.</returns>
    private async Task<(Result<Completion> Completion, bool UsedUp)> RunAsync(Job job, ClaimedProcess claimed, CompletionTurn turn, long startedAt, CancellationToken cancellationToken)
    {
        var (process, origin) = claimed;
        var (opening, asked) = (true, false);
        var request = job.Request;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var idle = new CancellationTokenSource(Timeout.InfiniteTimeSpan, clock);
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(idle.Token, cancellationToken);
        using var historyTaken = new SemaphoreSlim(0);
        var claimedAt = clock.GetTimestamp();
        var writing = Task.FromResult(claimedAt);
        long? firstTokenAt = null;
        try
        {
            if (request.Schema is { } schema && !process.IsPrepared)
            {
                // Whether it is a schema shows in the init frame, which must come before the model is asked.
                var found = await process.PrepareAsync(request.System, schema, cancellationToken);
                if (found.Violation is { } unlocked)
                {
                    processes.ReportViolation(process, job.KeyId, unlocked);
                    return (EngineState.Violation, true);
                }

                if (!found.AcceptsSchema)
                {
                    return (RelayError.Invalid(
                        schema.Field,
                        $"'{schema.Field}' is no JSON schema: the validator inside Claude Code does not take it. Check its types, references and patterns; references to other documents are not followed."), true);
                }
            }

            asked = true;
            idle.CancelAfter(options.Value.IdleTimeout);
            writing = WriteAsync(job, process, turn, historyTaken, over.Token);
            while (true)
            {
                var reading = process.ReadAsync(silence.Token);
                if (!reading.IsCompleted && job.Sink is not null && turn.TakeWords() is { } words)
                {
                    job.Sink.TakeModel(turn.ResponseModel ?? job.Model);
                    // Only now: what had come already goes in one piece, and a reader that is slower than the model loses nothing by it.
                    await job.Sink.WriteAsync(words, cancellationToken);
                    idle.CancelAfter(options.Value.IdleTimeout); // The reader's time is not the model's silence.
                }

                if (await reading is not { } frame)
                {
                    break;
                }

                idle.CancelAfter(options.Value.IdleTimeout);
                TurnOutcome? outcome;
                using (frame)
                {
                    var history = turn.PendingHistory;
                    outcome = turn.Accept(frame);
                    if (turn.PendingHistory < history)
                    {
                        historyTaken.Release();
                    }

                    Note(job.Spending, turn, outcome);
                    if (opening && turn.HasCalledApi)
                    {
                        opening = false;
                        pool.Opened();
                    }
                }

                if (outcome is not null and not TurnOutcome.Answered { Usage.CostUsd: not null })
                {
                    // The CLI believes its turn goes on, and would call the API again within milliseconds.
                    process.Kill();
                }

                if (turn.HasFirstToken)
                {
                    firstTokenAt ??= clock.GetTimestamp();
                }

                switch (outcome)
                {
                    case TurnOutcome.Answered answer:
                        var answeredAt = clock.GetTimestamp();
                        var answeredBy = turn.ResponseModel ?? job.Model;
                        if (job.Sink is not null && turn.TakeRest(answer.Text) is { } rest)
                        {
                            job.Sink.TakeModel(answeredBy);
                            await job.Sink.WriteAsync(rest, cancellationToken);
                        }

                        var writtenAt = await writing;
                        var timings = new CompletionTimings(
                            origin,
                            clock.GetElapsedTime(startedAt, claimedAt),
                            clock.GetElapsedTime(claimedAt, writtenAt),
                            clock.GetElapsedTime(writtenAt, firstTokenAt ?? answeredAt),
                            clock.GetElapsedTime(firstTokenAt ?? answeredAt, answeredAt));
                        return (new Completion(answeredBy, answer.Text, answer.StopReason, answer.Usage, timings) { StopSequence = answer.StopSequence, IsStructured = turn.HasSchema }, true);
                    case TurnOutcome.Failed failure:
                        return (failure.Error, true);
                    case TurnOutcome.Violated violation:
                        processes.ReportViolation(process, job.KeyId, violation.Detail);
                        return (EngineState.Violation, true);
                }
            }

            logger.LogWarning("A {Origin} Claude Code process ended {When} its turn had begun", origin, turn.HasStarted ? "after" : "before");
            return (ClaudeFailures.Broken, UsedUp: turn.HasStarted);
        }
        catch (ClaudeProtocolException exception)
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
            processes.End(process);
            if (opening)
            {
                pool.Opened();
            }

            // Fails or is cancelled with the process, whose end has been told above.
            await over.CancelAsync();
            await writing.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
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

    private sealed record Job(string KeyId, ModelName Model, CompletionRequest Request, ICompletionSink? Sink, EngineGeneration Generation, Spending Spending, CancellationToken Left);
}
