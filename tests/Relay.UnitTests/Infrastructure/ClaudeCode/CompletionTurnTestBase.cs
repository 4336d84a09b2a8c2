using Microsoft.Extensions.Time.Testing;
using Relay.Domain;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

/// <summary>A turn that is told frames and events.</summary>
public abstract class CompletionTurnTestBase
{
    private protected const int MaxApiCalls = 3;

    private protected CompletionTurnTestBase() => Turn = NewTurn(new TurnTerms());

    private protected FakeTimeProvider Clock { get; } = new(Any.Time);

    private protected CompletionTurn Turn { get; }

    /// <summary>The <c>init</c> frame of a process that was told a schema.</summary>
    private protected static string SchemaInit => Frames.With(Frames.Init, "tools", """["StructuredOutput"]""");

    private protected static string SchemaUse => Frames.BlockStart("tool_use", "StructuredOutput");

    private protected CompletionTurn NewTurn(TurnTerms terms) => new(Frames.Version, MaxApiCalls, terms, Clock);

    private protected CompletionTurn WithSchema() => NewTurn(new TurnTerms { HasSchema = true });

    /// <summary>The first outcome, as the engine would see it.</summary>
    private protected TurnOutcome? Play(params string[] lines) => Accept(Turn, lines);

    private protected static TurnOutcome? Accept(CompletionTurn turn, params string[] lines)
    {
        foreach (var line in lines)
        {
            using var frame = Frames.Parse(line);
            if (turn.Accept(frame) is { } outcome)
            {
                return outcome;
            }
        }

        return null;
    }

    private protected static void ShouldBeToolUse(TurnOutcome? outcome) =>
        outcome
            .Should()
            .BeOfType<TurnOutcome.Failed>()
            .Which.Error.Should()
            .Match<RelayError>(error => error.Code == ErrorCode.UpstreamError && error.Message.Contains("tool"));
}
