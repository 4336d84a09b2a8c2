using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Quotas;
using Relay.Infrastructure.ApiGate;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>Makes a process ready for a turn, and tells the gate what the turn's request must hold.</summary>
internal sealed class TurnPreparation(
    WarmPool pool,
    ClaudeProcesses processes,
    AcceptedShapes shapes,
    ClaudeEnvironment environment,
    IOptions<CompletionOptions> options,
    ILogger<TurnPreparation> logger
)
{
    public TurnExpectation Expect(CompletionRun run)
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
            Schema = request.SchemaToHandIn,
            Shape = shape,
            Extra = run.Extra,
            MaxRepeats = environment.Retries,
        };
    }

    private int CapOf(CompletionRequest request) => Math.Min(request.MaxOutputTokens ?? int.MaxValue, options.Value.MaxOutputTokens);

    /// <summary>The settings that the process must be told for this turn; null when it has them already.</summary>
    public TurnSettings? FindChange(CompletionRun run)
    {
        var settings = new TurnSettings(run.Job.Request.Effort, CapOf(run.Job.Request), run.Extra.ToJson());
        var known = run.Process.Settings ?? new TurnSettings(null, options.Value.MaxOutputTokens, ExtraBody: string.Empty);
        return settings == known ? null : settings;
    }

    /// <summary>
    /// Prepares the process where a fact must be known before the model is asked: whether a schema is valid, or the shape of the requests
    /// of a new model.
    /// </summary>
    /// <returns>Null when the model can be asked; otherwise the answer, and whether the process was used up.</returns>
    public async Task<(Result<Completion> Completion, bool UsedUp)?> PrepareAsync(CompletionRun run, CancellationToken cancellationToken)
    {
        var (job, process) = (run.Job, run.Process);
        if (process.Model != job.Model.Value)
        {
            (process.Model, run.IsModelToldYet) = (job.Model.Value, false);
        }

        var isShapeMissing = process.Ticket is not null && shapes.Find(process) is null;
        var schema = job.Request.SchemaToHandIn;
        if (!isShapeMissing && (schema is null || process.IsPrepared))
        {
            return null;
        }

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
            // Probably the schema's fault: a second try would take as much again.
            logger.LogWarning("A schema was too much for Claude Code: {Problem}", exception.Message);
            pool.NeverPrepare(job.Profile, refusedBy: null);
            CountAsRequest(job.Spending);
            return (
                new RelayError(
                    ErrorCode.Timeout,
                    $"The schema in '{schema.Field}' is too much for Claude Code. Make it smaller, or use fewer references."
                ),
                true
            );
        }
        catch (OperationCanceledException) when (schema is not null)
        {
            if (!job.Left.IsCancellationRequested)
            {
                // The request's own time is over, as above.
                pool.NeverPrepare(job.Profile, refusedBy: null);
            }

            CountAsRequest(job.Spending);
            throw;
        }
    }

    /// <summary>Counts the preparation as a request: it can take as much as one does, and costs no money.</summary>
    private static void CountAsRequest(Spending spending) => (spending.ReachedApi, spending.IsFinal) = (true, true);

    public static RelayError NoSchema(OutputSchema schema) =>
        RelayError.Invalid(
            schema.Field,
            $"'{schema.Field}' is not a JSON schema: the validator inside Claude Code refuses it. Check its types, references and "
                + $"patterns; references to other documents are not followed."
        );
}
