using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Infrastructure.Processes;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// One real completion outside of any relay: a locked-down process of its own, the default model and a fixed prompt. Costs one
/// request of the Claude account, and counts for no key.
/// </summary>
internal sealed class TrialCompletion(ProcessStarter starter, ClaudeSandbox sandbox, ClaudeEnvironment environment, IOptions<CompletionOptions> options, TimeProvider clock)
{
    /// <summary>Makes it.</summary>
    /// <returns>How long it took and what it cost, or what a caller would have been told.</returns>
    public async Task<Result<Trial>> RunAsync(EngineGeneration generation, CancellationToken cancellationToken)
    {
        var startedAt = clock.GetTimestamp();
        var model = options.Value.DefaultModel;
        using var limit = new CancellationTokenSource(options.Value.RequestTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await using var process = await ClaudeProcess.StartAsync(starter, sandbox, generation, model, takesSchema: false, clock, either.Token);
            var turn = new CompletionTurn(generation.Version, environment.Retries + 2, clock) { PendingControls = 1 };
            var input = new ClaudeInput().Initialize(PromptText.Create("system", "Do as you are told, in one word.").Value).Prompt(ChatMessage.Of(ChatRole.User, PromptText.Create("prompt", "Say OK.").Value));
            await process.WriteAsync(input, holdsCallersData: false, either.Token);
            while (await process.ReadAsync(either.Token) is { } frame)
            {
                using (frame)
                {
                    switch (turn.Accept(frame))
                    {
                        case TurnOutcome.Answered answer:
                            return new Trial(model, clock.GetElapsedTime(startedAt), answer.Usage);
                        case TurnOutcome.Failed failure:
                            return failure.Error;
                        case TurnOutcome.Violated violation:
                            return new RelayError(ErrorCode.LockdownViolation, $"Claude Code is not locked down: {violation.Detail}.");
                    }
                }
            }

            return ClaudeFailures.Broken;
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
}

/// <summary>How a trial went.</summary>
internal sealed record Trial(string Model, TimeSpan Time, TokenUsage Usage);
