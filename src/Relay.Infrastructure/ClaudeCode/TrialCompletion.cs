using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Application.Timing;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.Processes;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// One real completion outside of any relay: its own locked-down process, the default model and a fixed prompt. It costs one request of
/// the Claude account, and counts for no key.
/// </summary>
internal sealed class TrialCompletion(
    ProcessStarter starter,
    ClaudeSandbox sandbox,
    GateListener gate,
    AcceptedShapes shapes,
    ClaudeEnvironment environment,
    IOptions<CompletionOptions> options,
    TimeProvider clock
)
{
    public async Task<Result<Trial>> RunAsync(EngineGeneration generation, CancellationToken cancellationToken)
    {
        var startedAt = clock.GetTimestamp();
        var model = options.Value.DefaultModel;
        using var deadline = new Deadline(options.Value.RequestTimeout, clock, cancellationToken);
        try
        {
            await gate.StartAsync(deadline.Token);
            await using var process = await ClaudeProcess.StartAsync(
                starter,
                sandbox,
                gate,
                generation,
                model,
                takesSchema: false,
                clock,
                deadline.Token
            );
            var system = PromptText.Create("system", "Do as you are told, in one word.").Value;
            var question = PromptText.Create("prompt", "Say OK.").Value!;
            var terms = new TurnTerms { Gated = gate.IsInForce ? ModelName.Create(model).Value : null };
            var turn = new CompletionTurn(generation.Version, environment.Retries + 2, terms, clock) { PendingControls = 1 };
            var expectation = new TurnExpectation(model, system, Conversation.Of(question), options.Value.MaxOutputTokens)
            {
                Shape = shapes.Find(process),
                MaxRepeats = environment.Retries,
            };
            var gated = process.Ticket?.Begin(expectation);
            await process.WriteAsync(
                new ClaudeInput().Initialize(system).Prompt(ChatMessage.Of(ChatRole.User, question), Guid.NewGuid()),
                holdsCallersData: false,
                deadline.Token
            );
            return await FollowAsync(turn, new TurnNews(process, gated), gated, deadline.Token) switch
            {
                TurnOutcome.Answered answer => new Trial(model, clock.GetElapsedTime(startedAt), answer.Usage),
                TurnOutcome.Failed failure => failure.Error,
                TurnOutcome.Violated violation => new RelayError(
                    ErrorCode.LockdownViolation,
                    $"Claude Code is not locked down: {violation.Detail}."
                ),
                _ => ClaudeFailures.Broken,
            };
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new RelayError(ErrorCode.Timeout, $"There was no answer within {options.Value.RequestTimeout.TotalSeconds:0.###} s.");
        }
        catch (Exception exception) when (exception is ClaudeProtocolException or IOException)
        {
            return new RelayError(ErrorCode.UpstreamError, exception.Message);
        }
    }

    private static async Task<TurnOutcome?> FollowAsync(
        CompletionTurn turn,
        TurnNews news,
        GateTurn? gated,
        CancellationToken cancellationToken
    )
    {
        while (true)
        {
            var (signal, frame) = await news.NextAsync(cancellationToken);
            using (signal)
            using (frame)
            {
                if ((signal, frame) is (null, null))
                {
                    return null;
                }

                var outcome = signal is not null ? turn.Accept(signal) : turn.Accept(frame!);
                if (turn.IsLockedDown)
                {
                    gated?.PassLockdown();
                }

                if (outcome is not null)
                {
                    return outcome;
                }
            }
        }
    }
}

internal sealed record Trial(string Model, TimeSpan Time, TokenUsage Usage);
