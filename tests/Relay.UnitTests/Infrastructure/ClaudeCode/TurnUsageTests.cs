using System.Text.Json;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

/// <summary>The tokens and the cost of a turn, also of one that nobody has summed up.</summary>
public sealed class TurnUsageTests : CompletionTurnTestBase
{
    [Fact]
    public void Tokens_that_are_cached_for_an_hour_cost_what_the_list_says()
    {
        var turn = NewTurn(new TurnTerms { Gated = Any.Model() });
        foreach (
            var item in (string[])
                [
                    """{"type":"message_start","message":{"id":"msg_1","model":"claude-opus-5-5","usage":{"input_tokens":0,"output_tokens":0,"""
                        + """ "cache_creation_input_tokens":1000000,"cache_creation":{"ephemeral_5m_input_tokens":400000,"ephemeral_1h_input_tokens":600000}}}}""",
                    """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""",
                    """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}""",
                    """{"type":"content_block_stop","index":0}""",
                    """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":0}}""",
                ]
        )
        {
            Tell(turn, item).Should().BeNull();
        }

        var price = ModelPrice.Of(Any.Model());
        Tell(turn, """{"type":"message_stop"}""")
            .Should()
            .BeOfType<TurnOutcome.Answered>()
            .Which.Usage.CostUsd.Should()
            .Be((0.4m * 1.25m * price.Input) + (0.6m * 2 * price.Input));
    }

    [Fact]
    public void A_turn_that_ends_early_costs_what_the_list_says_of_the_model_that_answered()
    {
        var turn = NewTurn(new TurnTerms { Gated = Any.Model() });
        foreach (
            var item in (string[])
                [
                    """{"type":"message_start","message":{"id":"msg_1","model":"claude-haiku-4-5","usage":{"input_tokens":0,"output_tokens":0,"""
                        + """ "cache_creation_input_tokens":1000000,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":1000000}}}}""",
                    """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""",
                    """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}""",
                ]
        )
        {
            Tell(turn, item).Should().BeNull();
        }

        var price = ModelPrice.Of(ModelName.Create("haiku").Value);
        turn.Messages.Usage!.CostUsd.Should().Be((2 * price.Input) + (turn.Messages.Usage.OutputTokens * price.Output / 1_000_000));
    }

    [Fact]
    public void Thoughts_and_what_is_handed_in_count_while_nobody_has_counted_them()
    {
        Play(Frames.Init, Frames.MessageStart, Frames.BlockDelta(new { type = "thinking_delta", thinking = new string('t', 300) }));
        Turn.Messages.Usage!.OutputTokens.Should().Be(101);
        Play(Frames.Delta(new string('w', 30)));
        Turn.Messages.Usage!.OutputTokens.Should().Be(111);

        var turn = WithSchema();
        Accept(
            turn,
            [
                SchemaInit,
                Frames.MessageStart,
                SchemaUse,
                Frames.BlockDelta(new { type = "input_json_delta", partial_json = new string('j', 60) }),
            ]
        );
        turn.Messages.Usage!.OutputTokens.Should().Be(21);
    }

    [Fact]
    public void Thoughts_that_are_not_shown_count_by_their_signature()
    {
        var start = Frames.BlockStart("thinking");
        var signature = Frames.BlockDelta(new { type = "signature_delta", signature = new string('s', 300) });

        Play(Frames.Init, Frames.MessageStart, start, signature);
        Turn.Messages.Usage!.OutputTokens.Should().Be(101);

        Play(start, Frames.BlockDelta(new { type = "thinking_delta", thinking = new string('t', 30) }), signature);
        Turn.Messages.Usage!.OutputTokens.Should().Be(111, "of shown thoughts the signature is no second copy");
    }

    [Fact]
    public void Earlier_messages_of_the_turn_count_with_the_last()
    {
        var turn = WithSchema();

        Accept(
            turn,
            [
                SchemaInit,
                Frames.MessageStart,
                SchemaUse,
                Frames.Stop("tool_use", outputTokens: 1000),
                Frames.MessageStop,
                Frames.MessageStart,
            ]
        );

        turn.Messages.Usage.Should().Be(new TokenUsage(20, 1001, 40, 60, null));
    }

    [Fact]
    public void A_failed_result_that_counts_nothing_does_not_make_counted_messages_free()
    {
        Play(Frames.Init, Frames.MessageStart, Frames.Delta("Once upon"), Frames.With(Frames.Failure(500), "total_cost_usd", "0"))
            .Should()
            .BeOfType<TurnOutcome.Failed>();

        Turn.Messages.Usage.Should().Be(new TokenUsage(10, 4, 20, 30, null));
    }

    [Fact]
    public void A_message_without_stream_events_counts_as_a_call()
    {
        Play(Frames.Init, Unstreamed("msg_1")).Should().BeNull();

        Turn.Messages.HasCalledApi.Should().BeTrue();
        (Turn.Messages.Usage!.InputTokens, Turn.Messages.Usage.OutputTokens, Turn.Messages.ResponseModel!.Value)
            .Should()
            .Be((7, 50, "claude-opus-5-5"));
        Play(Unstreamed("msg_1")).Should().BeNull("a message of two blocks comes in two frames");
        Play(Frames.Success("x")).Should().BeOfType<TurnOutcome.Answered>();
    }

    [Fact]
    public void A_second_message_without_stream_events_ends_the_turn() =>
        Play(Frames.Init, Unstreamed("msg_1"), Unstreamed("msg_2")).Should().BeOfType<TurnOutcome.Failed>();

    [Fact]
    public void A_message_that_Claude_Code_made_up_is_no_call()
    {
        Play(Frames.Init, Unstreamed("msg_1", "<synthetic>"), Unstreamed("msg_2", "<synthetic>")).Should().BeNull();

        Turn.Messages.HasCalledApi.Should().BeFalse();
    }

    private static TurnOutcome? Tell(CompletionTurn turn, string apiEvent)
    {
        using var signal = new TurnSignal.ApiEvent(JsonDocument.Parse(apiEvent));
        return turn.Accept(signal);
    }

    private static string Unstreamed(string id, string model = "claude-opus-5-5") =>
        JsonSerializer.Serialize(
            new
            {
                type = "assistant",
                message = new
                {
                    id,
                    model,
                    content = new[] { new { type = "text", text = "x" } },
                    usage = new { input_tokens = 7, output_tokens = 50 },
                },
            }
        );
}
