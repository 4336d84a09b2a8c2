using System.ComponentModel;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
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
    IOptions<CompletionOptions> options,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<ClaudeEngine> logger) : ICompletionEngine
{
    private static readonly RelayError ShuttingDown = new(
        ErrorCode.ShuttingDown, "The relay is stopping. Try again when it is back.", RetryAfter: TimeSpan.FromSeconds(5));

    /// <inheritdoc/>
    public async Task<Result<Completion>> CompleteAsync(string keyId, ModelName model, CompletionRequest request, Spending spending, CancellationToken cancellationToken)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return ShuttingDown;
        }

        if (state.Current is not { } generation)
        {
            return state.Problem ?? EngineState.Violation;
        }

        using var deadline = new CancellationTokenSource(options.Value.RequestTimeout, clock);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        var job = new Job(keyId, model, request, generation, ProfileId.Of(keyId, model, request.System), spending);
        try
        {
            var started = clock.GetTimestamp();
            var claimed = await pool.ClaimAsync(generation, job.Profile, request.System, ended.Token);
            var (completion, usedUp) = await RunAsync(job, claimed, started, ended.Token);
            if (usedUp)
            {
                return completion;
            }

            // The spare had died between its last check and now: nothing was sent to the API, so a new one may take over.
            claimed = await pool.StartColdAsync(generation, model.Value, ended.Token);
            return (await RunAsync(job, claimed, started, ended.Token)).Completion;
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

    /// <summary>Runs the job in a process, which is gone soon after.</summary>
    /// <returns>The answer, and whether the process was used up: false when a spare turned out to be dead.</returns>
    private async Task<(Result<Completion> Completion, bool UsedUp)> RunAsync(Job job, ClaimedProcess claimed, long startedAt, CancellationToken cancellationToken)
    {
        var (process, origin) = claimed;
        var opening = true;
        var turn = new CompletionTurn(job.Generation.Version, environment.Retries + 2, clock);
        using var idle = new CancellationTokenSource(options.Value.IdleTimeout, clock);
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(idle.Token, cancellationToken);
        var claimedAt = clock.GetTimestamp();
        var writing = WriteAsync(job, process, turn, cancellationToken);
        long? firstTokenAt = null;
        try
        {
            while (await process.ReadAsync(silence.Token) is { } frame)
            {
                idle.CancelAfter(options.Value.IdleTimeout);
                TurnOutcome? outcome;
                using (frame)
                {
                    outcome = turn.Accept(frame);
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
                        var writtenAt = await writing;
                        var timings = new CompletionTimings(
                            origin,
                            clock.GetElapsedTime(startedAt, claimedAt),
                            clock.GetElapsedTime(claimedAt, writtenAt),
                            clock.GetElapsedTime(writtenAt, firstTokenAt ?? answeredAt),
                            clock.GetElapsedTime(firstTokenAt ?? answeredAt, answeredAt));
                        return (new Completion(job.Model, answer.Text, answer.StopReason, answer.Usage, timings), true);
                    case TurnOutcome.Failed failure:
                        return (failure.Error, true);
                    case TurnOutcome.Violated violation:
                        processes.ReportViolation(process, job.KeyId, violation.Detail);
                        return (EngineState.Violation, true);
                }
            }

            return (ClaudeFailures.Broken, UsedUp: origin == ProcessOrigin.Cold || turn.HasStarted);
        }
        catch (ClaudeProtocolException exception)
        {
            logger.LogWarning("A completion broke off: {Problem}", exception.Message);
            return (ClaudeFailures.Broken, true);
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

    /// <summary>Everything at once, while the frames are read: nobody waits for the other.</summary>
    /// <returns>When the last byte was in the pipe.</returns>
    private async Task<long> WriteAsync(Job job, ClaudeProcess process, CompletionTurn turn, CancellationToken cancellationToken)
    {
        var input = new ClaudeInput();
        if (!process.IsPrepared)
        {
            input.Initialize(job.Request.System);
            turn.PendingControls++;
        }

        if (process.Model != job.Model.Value)
        {
            input.SetModel(job.Model.Value);
            turn.PendingControls++;
        }

        await process.WriteAsync(input.Prompt(job.Request.Prompt), holdsCallersData: true, cancellationToken);
        return clock.GetTimestamp();
    }

    private sealed record Job(string KeyId, ModelName Model, CompletionRequest Request, EngineGeneration Generation, ProfileId Profile, Spending Spending);
}
