using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

/// <summary>An answer that must fit a schema is handed in as a call of one tool.</summary>
public sealed class TurnSchemaTests : CompletionTurnTestBase
{
    [Fact]
    public void With_a_schema_the_answer_is_what_was_handed_in_and_earlier_attempts_are_not()
    {
        var turn = WithSchema();

        string[] attempt = [Frames.MessageStart, SchemaUse, Frames.Stop("tool_use"), Frames.MessageStop];
        var outcome = Accept(
            turn,
            [SchemaInit, .. attempt, .. attempt, Frames.With(Frames.Success("{}"), "structured_output", """{"a":[1,"ä"]}""")]
        );

        outcome
            .Should()
            .BeOfType<TurnOutcome.Answered>()
            .Which.Should()
            .Match<TurnOutcome.Answered>(answer => answer.Text == """{"a":[1,"ä"]}""" && answer.StopReason == "end_turn");
        turn.TakeWords().Should().BeNull();
    }

    [Theory]
    [InlineData("{\"a\":\"\\ud800\"}")]
    [InlineData("{\"\\udc00\":1}")]
    public void With_a_schema_an_answer_that_is_no_Unicode_is_a_failure_that_costs(string output)
    {
        var turn = WithSchema();
        // Put in as text, for nothing that knows JSON would write it.
        var result = Frames
            .With(Frames.Success("{}"), "structured_output", "\"here\"")
            .Replace("\"here\"", output, StringComparison.Ordinal);

        Accept(turn, [SchemaInit, result]).Should().BeOfType<TurnOutcome.Failed>().Which.Error.Code.Should().Be(ErrorCode.UpstreamError);
        turn.Messages.Usage!.CostUsd.Should().NotBeNull();
    }

    [Fact]
    public void With_a_schema_a_fourth_call_ends_the_attempts()
    {
        string[] attempt = [Frames.MessageStart, SchemaUse, Frames.Stop("tool_use"), Frames.MessageStop];

        Accept(WithSchema(), [SchemaInit, .. attempt, .. attempt, .. attempt, Frames.MessageStart])
            .Should()
            .BeOfType<TurnOutcome.Failed>()
            .Which.Error.Code.Should()
            .Be(ErrorCode.SchemaNotSatisfied);
    }

    [Fact]
    public void With_a_schema_text_alone_does_not_satisfy_it_nor_does_running_out_of_attempts()
    {
        Accept(WithSchema(), [SchemaInit, Frames.Success("just words")])
            .Should()
            .BeOfType<TurnOutcome.Failed>()
            .Which.Error.Code.Should()
            .Be(ErrorCode.SchemaNotSatisfied);
        Accept(WithSchema(), [SchemaInit, Frames.With(Frames.Failure(), "subtype", "\"error_max_turns\"")])
            .Should()
            .BeOfType<TurnOutcome.Failed>()
            .Which.Error.Code.Should()
            .Be(ErrorCode.SchemaNotSatisfied);
        Accept(WithSchema(), [SchemaInit, Frames.MessageStart, Frames.Stop("max_tokens")])
            .Should()
            .BeOfType<TurnOutcome.Failed>()
            .Which.Error.Code.Should()
            .Be(ErrorCode.SchemaNotSatisfied);
    }

    [Theory]
    [InlineData("""["Bash"]""")]
    [InlineData("""["StructuredOutput","Bash"]""")]
    [InlineData("""["StructuredOutput","StructuredOutput"]""")]
    [InlineData("[1]")]
    public void With_a_schema_there_is_exactly_the_one_tool(string tools) =>
        Accept(WithSchema(), [Frames.With(Frames.Init, "tools", tools)]).Should().BeOfType<TurnOutcome.Violated>();

    [Fact]
    public void With_a_schema_an_init_without_its_tool_fails_the_request_and_is_no_violation() =>
        Accept(WithSchema(), [Frames.Init]).Should().BeOfType<TurnOutcome.Failed>();

    [Fact]
    public void With_a_schema_another_tool_is_still_an_attempt_to_act() =>
        ShouldBeToolUse(Accept(WithSchema(), [SchemaInit, Frames.MessageStart, Frames.BlockStart("tool_use", "Bash")]));

    [Fact]
    public void A_refusal_of_a_schema_is_an_answer_and_no_object() =>
        Accept(WithSchema(), [SchemaInit, Frames.MessageStart, Frames.Delta("I"), Frames.Stop("refusal", outputTokens: 7)])
            .Should()
            .Be(new TurnOutcome.Answered("I", "refusal", new TokenUsage(10, 7, 20, 30, null)));

    [Fact]
    public void With_a_schema_an_answer_without_visible_text_is_an_attempt() =>
        Accept(WithSchema(), [SchemaInit, Frames.MessageStart, Frames.Stop("end_turn"), Frames.MessageStop, Frames.MessageStart])
            .Should()
            .BeNull();
}
