using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;

namespace Relay.UnitTests.Infrastructure.ApiGate;

public sealed class GateTurnTests
{
    private static readonly byte[] Request = "the request"u8.ToArray();

    [Fact]
    public void A_second_request_meanwhile_is_refused()
    {
        using var turn = Turn();

        turn.Enter().Should().BeNull();
        turn.Enter().Should().Be(GateRefusal.Concurrent);
    }

    [Fact]
    public void Nothing_is_forwarded_after_a_whole_message()
    {
        using var turn = Turn();
        turn.Enter();

        turn.Complete([]);

        turn.Enter().Should().Be(GateRefusal.FollowUp);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(404)]
    [InlineData(429)]
    public void Nothing_is_forwarded_after_a_refusal_of_the_api(int status)
    {
        using var turn = Turn();
        turn.Enter();

        turn.Fail(status).Should().BeFalse();

        turn.Enter().Should().Be(GateRefusal.AfterRefusal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(500)]
    [InlineData(529)]
    public async Task The_same_request_may_be_repeated_after_a_failure_of_the_api_within_the_bound(int? status)
    {
        using var turn = Turn(maxRepeats: 2);
        for (var repeat = 0; repeat < 2; repeat++)
        {
            turn.Enter().Should().BeNull();
            turn.Pass(Request);
            await turn.ForwardAsync(CancellationToken.None);
            turn.Fail(status).Should().BeTrue();
        }

        turn.Enter().Should().BeNull();
        turn.IsRepeat.Should().BeTrue();
        turn.IsSame(Request).Should().BeTrue();
        turn.IsSame("another"u8).Should().BeFalse();
        turn.Pass(Request);
        await turn.ForwardAsync(CancellationToken.None);
        turn.Fail(status).Should().BeFalse();
        turn.Enter().Should().Be(GateRefusal.TooManyRepeats);
    }

    [Fact]
    public void Nothing_is_forwarded_after_part_of_an_answer()
    {
        using var turn = Turn();
        turn.Enter();

        turn.Break(hasBegun: true);

        turn.Enter().Should().Be(GateRefusal.AfterBrokenAnswer);
    }

    [Fact]
    public void A_turn_with_a_schema_takes_several_attempts_and_no_more()
    {
        using var turn = new GateTurn(Expectation(0), maxAttempts: 3);
        for (var attempt = 0; attempt < 3; attempt++)
        {
            turn.Enter().Should().BeNull();
            turn.Complete([]);
        }

        turn.Enter().Should().Be(GateRefusal.FollowUp);
    }

    [Fact]
    public void Nothing_is_forwarded_once_the_turn_has_ended()
    {
        var turn = Turn();

        turn.Dispose();

        turn.Enter().Should().Be(GateRefusal.NoTurn);
        turn.Ended.IsCancellationRequested.Should().BeTrue();
        turn.LockedDown.IsCanceled.Should().BeTrue();
    }

    [Fact]
    public void Every_refusal_has_an_effect() => Enum.GetValues<GateRefusal>().Select(refusal => refusal.Effect()).Should().NotBeEmpty();

    private static GateTurn Turn(int maxRepeats = 0) => new(Expectation(maxRepeats), maxAttempts: 1);

    private static TurnExpectation Expectation(int maxRepeats) =>
        new("opus", null, Conversation.Of(PromptText.Create("prompt", "Hi").Value!), 100) { MaxRepeats = maxRepeats };
}
