using FluentValidation;
using MediatR;
using Relay.Application.Pipeline;
using Relay.Domain;

namespace Relay.Application.Diagnostics;

/// <summary>
/// Waits until the relay of this home is ready. Ends early where waiting can't help: when Claude Code is missing or not logged in. For
/// installers, container engines and scripts.
/// </summary>
/// <param name="Patience">The longest wait; zero asks once.</param>
public sealed record AwaitReadinessQuery(TimeSpan Patience) : IRequest<Result<RunningRelay>>;

/// <summary>A running relay's report of itself, with its problems in its own words.</summary>
public sealed record RunningRelay(Uri Url, bool Answers, bool IsReady, IReadOnlyList<RunningRelayProblem> Problems)
{
    /// <summary>The Claude Code in use; null where the relay does not say.</summary>
    public string? ClaudeVersion { get; init; }

    /// <summary>UTC; the time when its self-test accepted that Claude Code; null where the relay does not say.</summary>
    public DateTimeOffset? VerifiedAt { get; init; }

    /// <summary>Whether only the operator can mend the problems.</summary>
    public bool NeedsItsOperator => Problems.Any(problem => problem.Code is "claude_missing" or "not_logged_in");
}

public sealed record RunningRelayProblem(string Code, string Message);

/// <summary>Asks the relay that listens at the address in the settings.</summary>
public interface IRunningRelay
{
    /// <summary>Asks once; takes a few seconds at most.</summary>
    Task<RunningRelay> AskAsync(CancellationToken cancellationToken);
}

internal sealed class AwaitReadinessValidator : AbstractValidator<AwaitReadinessQuery>
{
    public AwaitReadinessValidator() =>
        RuleFor(query => query.Patience)
            .InclusiveBetween(TimeSpan.Zero, TimeSpan.FromHours(1))
            .WithRelayError(ErrorCode.InvalidRequest, "wait", "The wait goes from 0 to 1h.");
}

internal sealed class AwaitReadinessHandler(IRunningRelay relay, TimeProvider clock)
    : IRequestHandler<AwaitReadinessQuery, Result<RunningRelay>>
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    public async Task<Result<RunningRelay>> Handle(AwaitReadinessQuery query, CancellationToken cancellationToken)
    {
        var start = clock.GetTimestamp();
        while (true)
        {
            var answer = await relay.AskAsync(cancellationToken);
            if (answer.IsReady || answer.NeedsItsOperator || clock.GetElapsedTime(start) >= query.Patience)
            {
                return answer;
            }

            await Task.Delay(Pause, clock, cancellationToken);
        }
    }
}
