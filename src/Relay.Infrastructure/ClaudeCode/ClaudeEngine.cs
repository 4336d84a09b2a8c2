using System.Collections.Frozen;
using System.ComponentModel;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Application.Telemetry;
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
    AcceptedShapes shapes,
    ClaudeEnvironment environment,
    LoginHealth login,
    IOptions<CompletionOptions> options,
    RelayMetrics metrics,
    TimeProvider clock,
    ILogger<ClaudeEngine> logger
) : ICompletionEngine
{
    /// <inheritdoc/>
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
            var (completion, usedUp) = await RunInAsync(
                () => pool.ClaimAsync(generation, profile, preparation, ended.Token),
                job,
                started,
                ended.Token
            );
            if (usedUp)
            {
                return completion;
            }

            // It failed before its turn, as spares may that die between their last check and now: nothing was sent to the API, so a new one
            // takes over, once.
            return (
                await RunInAsync(() => pool.StartColdAsync(generation, profile, preparation, ended.Token), job, started, ended.Token)
            ).Completion;
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return new RelayError(
                ErrorCode.Timeout,
                $"The completion did not end within {options.Value.RequestTimeout.TotalSeconds:0.###} s."
            );
        }
    }

    /// <summary>Gets a process and runs the job in it, in the sight of who measures.</summary>
    /// <returns>The answer, and whether the process was used up: false when it failed before its turn.</returns>
    private async Task<(Result<Completion> Completion, bool UsedUp)> RunInAsync(
        Func<Task<ClaimedProcess>> claim,
        Job job,
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
        var (request, askedAt) = (job.Request, clock.GetTimestamp());
        var turn = new CompletionTurn(job.Generation.Version, environment.Retries + 2, clock)
        {
            Gated = claimed.Process.Ticket is null ? null : job.Model,
            HasSchema = request.Schema is not null,
            Tools = request.Tools?.Tools.Select(tool => tool.Name).ToFrozenSet(StringComparer.Ordinal) ?? FrozenSet<string>.Empty,
            ShowsThoughts = request.Parameters.ShowsThoughts || request.WantsThoughts,
            HasCitations = request.Conversation.HasCitations,
            Stop = claimed.Process.Ticket is null ? request.Stop : request.Stop?.Blank,
            PendingHistory = request.Conversation.Turns.Count / 2,
        };
        using var modelSpan = ModelSpan.Start(job.Model);
        var usedUp = true;
        string? error = ErrorCode.InternalError.WireName(),
            stopReason = null;
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

    /// <summary>Runs the job in a process, and gives the process back.</summary>
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
            run.Begin(Expect(run));
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

            // Fails or is cancelled with the process, whose end has been told above.
            await over.CancelAsync();
            await writing.ContinueWith(
                _ => { },
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default
            );
            CountUnread(run, unread);
            run.Job.Spending.ReachedApi |= run.Gate?.HasCalledApi == true;
        }
    }

    /// <summary>Counts what the API had sent of an answer when its caller left, or its time ended, before all of it was read.</summary>
    private static void CountUnread(Run run, List<TurnSignal> unread)
    {
        foreach (var signal in unread)
        {
            using var taken = signal;
            if (!run.Job.Spending.IsFinal)
            {
                Note(run.Job.Spending, run.Turn, run.Turn.Accept(signal));
            }
        }
    }

    /// <inheritdoc/>
    public bool TakesParameters => environment.UsesGate;

    /// <summary>The caller's part of the request that is to leave.</summary>
    private TurnExpectation Expect(Run run)
    {
        var request = run.Job.Request;
        var shape = shapes.Find(run.Process);
        if (shape is not null)
        {
            run.Extra = ExtraBody.Of(request, shape);
            run.Turn.Parameters = [.. run.Extra.Names, .. request.Effort is null ? Array.Empty<string>() : ["effort"]];
        }

        return new TurnExpectation(run.Job.Model.Value, request.System, request.Conversation, CapOf(request))
        {
            Effort = request.Effort,
            Schema = request.Schema,
            Shape = shape,
            Extra = run.Extra,
            MaxRepeats = environment.Retries,
        };
    }

    /// <summary>The caller's cap where it is below the relay's, and the relay's otherwise.</summary>
    private int CapOf(CompletionRequest request) => Math.Min(request.MaxOutputTokens ?? int.MaxValue, options.Value.MaxOutputTokens);

    /// <summary>
    /// Prepares the process where something must be known before the model is asked: whether a schema is one, and the shape of the
    /// requests of a model that was not asked before.
    /// </summary>
    /// <returns>Null when the model can be asked; otherwise as <see cref="RunInAsync"/>.</returns>
    private async Task<(Result<Completion> Completion, bool UsedUp)?> PrepareAsync(Run run, CancellationToken cancellationToken)
    {
        var (job, process) = (run.Job, run.Process);
        if (process.Model != job.Model.Value)
        {
            (process.Model, run.IsModelToldYet) = (job.Model.Value, false);
        }

        var isShapeMissing = process.Ticket is not null && shapes.Find(process) is null;
        if (!isShapeMissing && (job.Request.Schema is null || process.IsPrepared))
        {
            return null;
        }

        var schema = job.Request.Schema;
        try
        {
            if (!run.IsModelToldYet)
            {
                await process.SetModelAsync(job.Model.Value, cancellationToken);
                run.IsModelToldYet = true;
            }

            if (!process.IsPrepared)
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
                    return (NoSchema(schema!), true);
                }
            }

            if (isShapeMissing)
            {
                var rehearsal = TurnExpectation.Rehearsal(process.Model, Preparation.Of(job.Request), options.Value.MaxOutputTokens);
                shapes.Accept(process, await process.RehearseAsync(rehearsal, cancellationToken));
            }

            return null;
        }
        catch (ClaudeProtocolException exception) when (exception.WasTooMuch && schema is not null)
        {
            // The schema's own doing, in all likelihood: tried again it would take as much again.
            logger.LogWarning("A schema was too much for Claude Code: {Problem}", exception.Message);
            pool.NeverPrepare(job.Profile, refusedBy: null);
            CountAsRequest(job.Spending);
            return (
                new RelayError(
                    ErrorCode.Timeout,
                    $"Claude Code did not get through the schema in '{schema.Field}'. Make it smaller, or let it refer less to itself."
                ),
                true
            );
        }
        catch (OperationCanceledException) when (schema is not null)
        {
            if (!job.Left.IsCancellationRequested)
            {
                // The request's own time is over: as above.
                pool.NeverPrepare(job.Profile, refusedBy: null);
            }

            CountAsRequest(job.Spending);
            throw;
        }
    }

    /// <summary>A schema's preparation can take as much as a request does, and costs no money.</summary>
    private static void CountAsRequest(Spending spending) => (spending.ReachedApi, spending.IsFinal) = (true, true);

    /// <summary>Reads frames to the end of the turn, and hands the words on as they come.</summary>
    /// <returns>As <see cref="RunInAsync"/>.</returns>
    private async Task<(Result<Completion> Completion, bool UsedUp)> FollowAsync(
        Run run,
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
            if (!run.News.IsReady(silence) && job.Sink is not null && turn.TakePiece() is { } piece)
            {
                // Only now: what had come already goes in one piece, and a reader that is slower than the model loses nothing by it.
                // The reader's time is not the model's silence.
                idle.CancelAfter(Timeout.InfiniteTimeSpan);
                job.Sink.TakeModel(turn.ResponseModel ?? job.Model);
                for (AnswerPiece? next = piece; next is not null; next = turn.TakePiece())
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

    /// <summary>Takes a frame, and notes what it tells.</summary>
    /// <returns>Null while the turn goes on.</returns>
    private TurnOutcome? Take(Run run, ClaudeFrame frame, SemaphoreSlim historyTaken)
    {
        using var taken = frame;
        var turn = run.Turn;
        var history = turn.PendingHistory;
        var outcome = turn.Accept(frame);
        if (turn.Gated is null && outcome is not null and not TurnOutcome.Answered { Usage.CostUsd: not null })
        {
            // The CLI believes its turn goes on, and would call the API again within milliseconds.
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

        return Note(run, outcome);
    }

    /// <summary>Takes the gate's news, and notes what it tells.</summary>
    /// <returns>Null while the turn goes on.</returns>
    private TurnOutcome? Take(Run run, TurnSignal signal)
    {
        using var taken = signal;
        return Note(run, run.Turn.Accept(signal));
    }

    private TurnOutcome? Note(Run run, TurnOutcome? outcome)
    {
        var turn = run.Turn;
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
                run.IsAnswered = true;
                var answeredAt = clock.GetTimestamp();
                var answeredBy = run.Turn.ResponseModel ?? run.Job.Model;
                if (run.Job.Sink is { } sink)
                {
                    foreach (var piece in run.Turn.TakeRest(answer.Text))
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
                    TimingsOf(run, answeredAt, writing)
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
            clock.GetElapsedTime(firstTokenAt, answeredAt)
        );
    }

    /// <summary>
    /// What is known of the turn's cost by now. A turn that is left after it began may have called the API: it counts, in
    /// doubt. One that failed before it called counts for nothing.
    /// </summary>
    private static void Note(Spending spending, CompletionTurn turn, TurnOutcome? outcome)
    {
        spending.ReachedApi = turn.HasCalledApi || (turn.Gated is null && turn.HasStarted && outcome is null);
        spending.IsFinal = outcome is not null;
        spending.Usage = turn.Usage;
        spending.HitLimit = turn.HitLimit;
        spending.UpstreamRequestId = turn.UpstreamRequestId;
    }

    /// <summary>
    /// Everything at once, while the frames are read: nobody waits for the other. Only after each turn of the caller's side that
    /// was answered long ago the CLI's own result is waited for: sent in one go, those turns would be merged into the last.
    /// </summary>
    /// <returns>When the last byte was in the pipe.</returns>
    private async Task<long> WriteAsync(Run run, SemaphoreSlim historyTaken, CancellationToken cancellationToken)
    {
        var (job, process, turn) = (run.Job, run.Process, run.Turn);
        var (request, input) = (job.Request, new ClaudeInput());
        if (!run.IsModelToldYet)
        {
            // Before the system prompt: told afterwards, Claude Code tells the model that it is both.
            input.SetModel(job.Model.Value);
            turn.PendingControls++;
        }

        if (!process.IsPrepared)
        {
            input.Initialize(request.System);
            turn.PendingControls++;
        }

        var settings = new TurnSettings(request.Effort, CapOf(request), run.Extra.ToJson());
        if (settings != (process.Settings ?? new TurnSettings(null, options.Value.MaxOutputTokens, ExtraBody: string.Empty)))
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

    private static RelayError NoSchema(OutputSchema schema) =>
        RelayError.Invalid(
            schema.Field,
            $"'{schema.Field}' is no JSON schema: the validator inside Claude Code does not take it. Check its types, references and "
                + $"patterns; references to other documents are not followed."
        );

    private sealed record Job(
        string KeyId,
        ModelName Model,
        CompletionRequest Request,
        ICompletionSink? Sink,
        EngineGeneration Generation,
        ProfileId Profile,
        Spending Spending,
        CancellationToken Left
    );

    /// <summary>A job in its process.</summary>
    private sealed record Run(Job Job, ClaimedProcess Claimed, CompletionTurn Turn, long StartedAt, long ClaimedAt)
    {
        private readonly List<Guid> _frames = [];

        public ClaudeProcess Process => Claimed.Process;

        /// <summary>The turn at the gate; null where there is no gate.</summary>
        public GateTurn? Gate { get; private set; }

        /// <summary>The fields that the process lays over its request's body.</summary>
        public ExtraBody Extra { get; set; } = ExtraBody.None;

        public TurnNews News { get; private set; } = null!;

        public long? FirstTokenAt { get; set; }

        /// <summary>Whether the process knows the model that is to answer.</summary>
        public bool IsModelToldYet { get; set; } = true;

        public bool IsAnswered { get; set; }

        public void Begin(TurnExpectation expectation)
        {
            Gate = Process.Ticket?.Begin(expectation, expectation.Schema is null ? 1 : ClaudeLockdown.SchemaAttempts);
            News = new TurnNews(Process, Gate);
        }

        /// <summary>
        /// The id of the next user frame. Claude Code takes no turn back from a frame that holds results of calls: it goes with the turn
        /// before.
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

        /// <summary>The gate's news that nobody has read yet, to be disposed of by the caller.</summary>
        public List<TurnSignal> TakeUnread()
        {
            var unread = new List<TurnSignal>();
            while (Gate?.Signals.TryRead(out var signal) == true)
            {
                unread.Add(signal);
            }

            return unread;
        }

        /// <summary>The turn to take back; null where the process may not serve again.</summary>
        public FinishedTurn? Finish(Task writing)
        {
            Gate?.Close();
            if (Gate is not null && IsAnswered && Turn.EndedCleanly && writing.IsCompletedSuccessfully)
            {
                return new FinishedTurn(_frames, News.Reading, Turn.HasResult);
            }

            // A call that is being forwarded ends now.
            Process.Ticket?.End();
            return null;
        }
    }
}
