using Relay.Domain;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

/// <summary>Nothing counts before an <c>init</c> frame that passes, and a tool ends the turn.</summary>
public sealed class TurnLockdownTests : CompletionTurnTestBase
{
    [Fact]
    public void The_results_of_turns_of_long_ago_are_no_answers_and_their_init_frames_are_checked()
    {
        Turn.PendingHistory = 2;

        Play(Frames.Init, Frames.Success(""), Frames.Init).Should().BeNull();
        (Turn.PendingHistory, Turn.HasStarted).Should().Be((1, false));
        Play(Frames.Success("")).Should().BeNull();
        Play(Frames.Success("early")).Should().BeOfType<TurnOutcome.Failed>("the turn itself has shown no init frame yet");
        Play(Frames.Init, Frames.Success("Four.")).Should().BeOfType<TurnOutcome.Answered>().Which.Text.Should().Be("Four.");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_turn_of_long_ago_that_is_answered_or_refused_ends_everything(bool answered)
    {
        Turn.PendingHistory = 1;

        var outcome = Play(Frames.Init, answered ? Frames.MessageStart : Frames.Failure());

        (outcome is TurnOutcome.Violated).Should().Be(answered);
        outcome.Should().NotBeNull();
    }

    [Fact]
    public void A_tool_in_the_init_of_a_turn_of_long_ago_is_a_violation()
    {
        Turn.PendingHistory = 1;

        Play(Frames.With(Frames.Init, "tools", "[\"Bash\"]")).Should().BeOfType<TurnOutcome.Violated>();
    }

    [Fact]
    public void Without_a_schema_its_tool_is_a_violation() => Play(SchemaInit).Should().BeOfType<TurnOutcome.Violated>();

    public static TheoryData<string> AnswerFrames =>
        [Frames.MessageStart, Frames.Delta("x"), Frames.Assistant("text"), Frames.Success("x"), Frames.Failure()];

    [Theory]
    [MemberData(nameof(AnswerFrames))]
    public void Nothing_counts_before_the_init_frame(string frame) =>
        Play(frame).Should().NotBeNull().And.NotBeOfType<TurnOutcome.Answered>();

    [Fact]
    public void Words_of_the_API_before_the_init_frame_are_a_violation_and_Claude_Codes_own_are_none()
    {
        Play(Frames.MessageStart).Should().BeOfType<TurnOutcome.Violated>().Which.Detail.Should().Contain("before the init frame");
        Play(Frames.Assistant("text")).Should().BeOfType<TurnOutcome.Failed>();
        Play(Frames.Success("x")).Should().BeOfType<TurnOutcome.Failed>();
        Play(Frames.Failure(429)).Should().BeOfType<TurnOutcome.Failed>().Which.Error.Code.Should().Be(ErrorCode.UpstreamRateLimited);
    }

    [Fact]
    public void An_init_frame_after_the_first_words_comes_too_late() =>
        Play(Frames.Assistant("text"), Frames.Init, Frames.Success("x")).Should().BeOfType<TurnOutcome.Failed>();

    [Fact]
    public void An_init_frame_with_a_tool_ends_the_turn() =>
        Play(Frames.With(Frames.Init, "tools", "[\"Bash\"]"))
            .Should()
            .BeOfType<TurnOutcome.Violated>()
            .Which.Detail.Should()
            .Contain("tools");

    [Fact]
    public void A_second_init_frame_is_checked_too() =>
        Play(Frames.Init, Frames.MessageStart, Frames.With(Frames.Init, "permissionMode", "\"bypassPermissions\""))
            .Should()
            .BeOfType<TurnOutcome.Violated>();

    [Fact]
    public void After_a_bad_init_frame_nothing_counts_either()
    {
        Play(Frames.With(Frames.Init, "tools", "[\"Bash\"]"));

        Play(Frames.Success("x")).Should().BeOfType<TurnOutcome.Failed>();
    }

    [Theory]
    [InlineData("tool_use")]
    [InlineData("server_tool_use")]
    [InlineData("mcp_tool_use")]
    [InlineData("something_new")]
    public void A_tool_in_the_stream_ends_the_turn(string block) =>
        ShouldBeToolUse(Play(Frames.Init, Frames.MessageStart, Frames.BlockStart(block, "Bash")));

    [Theory]
    [InlineData("tool_use")]
    [InlineData("server_tool_use")]
    [InlineData("something_new")]
    public void A_tool_in_the_whole_message_ends_the_turn(string block) => ShouldBeToolUse(Play(Frames.Init, Frames.Assistant(block)));

    [Fact]
    public void A_message_that_stops_for_a_tool_ends_the_turn() =>
        ShouldBeToolUse(Play(Frames.Init, Frames.MessageStart, Frames.Stop("tool_use")));

    [Theory]
    [InlineData("text")]
    [InlineData("thinking")]
    [InlineData("redacted_thinking")]
    public void Words_and_thoughts_are_no_tools(string block) =>
        Play(Frames.Init, Frames.MessageStart, Frames.BlockStart(block), Frames.Assistant(block)).Should().BeNull();
}
