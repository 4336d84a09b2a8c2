using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

public sealed class CompletionTurnTests
{
    private const int MaxApiCalls = 3;

    private readonly FakeTimeProvider _clock = new(Any.Time);
    private readonly CompletionTurn _turn;

    public CompletionTurnTests() => _turn = new CompletionTurn(Frames.Version, MaxApiCalls, new TurnTerms(), _clock);

    [Fact]
    public void A_normal_turn_ends_with_the_results_text_and_usage()
    {
        var outcome = Play(
            """{"type":"control_response","response":{"subtype":"success","request_id":"initialize"}}""",
            Frames.Init,
            """{"type":"system","subtype":"status","status":"requesting"}""",
            Frames.MessageStart,
            Frames.TextStart,
            Frames.Delta("Fo"),
            Frames.Delta("ur."),
            Frames.Assistant("text"),
            """{"type":"stream_event","event":{"type":"content_block_stop","index":0}}""",
            Frames.Stop("end_turn"),
            """{"type":"stream_event","event":{"type":"message_stop"}}""",
            Frames.Success("Four.")
        );

        outcome.Should().Be(new TurnOutcome.Answered("Four.", "end_turn", new TokenUsage(11, 22, 33, 44, 0.0125m)));
    }

    [Fact]
    public void It_has_started_with_the_init_frame_and_has_words_with_the_first_delta()
    {
        (_turn.HasStarted, _turn.Messages.HasFirstToken).Should().Be((false, false));
        Play(Frames.Init);
        (_turn.HasStarted, _turn.Messages.HasFirstToken).Should().Be((true, false));
        Play(Frames.MessageStart, Frames.TextStart);
        _turn.Messages.HasFirstToken.Should().BeFalse();
        Play(Frames.Delta("F"));
        _turn.Messages.HasFirstToken.Should().BeTrue();
    }

    [Fact]
    public void Words_can_be_taken_as_they_come_and_the_rest_with_the_answer()
    {
        var taken = new List<string?>();
        foreach (var frame in (string[])[Frames.Init, Frames.MessageStart, Frames.TextStart, Frames.Delta("Fo"), Frames.Delta("ur😀")])
        {
            Play(frame);
            taken.Add(_turn.TakeWords());
        }

        taken.Should().Equal(null, null, null, "Fo", "ur😀");
        _turn.Messages.TakeRest("Four😀 and").Should().Equal(new WordsPiece(" and"));
        _turn.Messages.TakeRest("Four😀 and").Should().BeEmpty();
    }

    [Fact]
    public void A_stream_that_begins_anew_after_words_were_taken_can_only_fail()
    {
        Play(Frames.Init, Frames.MessageStart, Frames.TextStart, Frames.Delta("Fo"));
        _turn.TakeWords();

        Play(Frames.MessageStart).Should().BeOfType<TurnOutcome.Failed>().Which.Error.Message.Should().Contain("broke off");
    }

    [Theory]
    [InlineData("Hello STOP more", "Hello ")]
    [InlineData("STOP", "")]
    public void A_stop_sequence_ends_the_turn_before_it_wherever_the_pieces_are_cut(string answer, string text)
    {
        for (var cut = 1; cut <= 4; cut++)
        {
            var turn = new CompletionTurn(
                Frames.Version,
                MaxApiCalls,
                new TurnTerms { Stop = StopSequences.Create("stop", ["STOP"]).Value },
                _clock
            );
            var shown = string.Empty;
            TurnOutcome? outcome = null;
            foreach (
                var frame in (string[])
                    [
                        Frames.Init,
                        Frames.MessageStart,
                        Frames.TextStart,
                        .. answer.Chunk(cut).Select(piece => Frames.Delta(new string(piece))),
                    ]
            )
            {
                outcome = Accept(turn, frame);
                if (outcome is not null)
                {
                    break;
                }

                shown += turn.TakeWords();
            }

            var answered = outcome.Should().BeOfType<TurnOutcome.Answered>().Subject;
            (answered.Text, answered.StopReason, answered.StopSequence).Should().Be((text, "stop_sequence", "STOP"));
            (shown + turn.TakeRestWords(answered.Text)).Should().Be(text);
            answered.Usage.CostUsd.Should().BeNull("nobody has summed it up");
        }
    }

    [Fact]
    public void The_results_of_turns_of_long_ago_are_no_answers_and_their_init_frames_are_checked()
    {
        _turn.PendingHistory = 2;

        Play(Frames.Init, Frames.Success(""), Frames.Init).Should().BeNull();
        (_turn.PendingHistory, _turn.HasStarted).Should().Be((1, false));
        Play(Frames.Success("")).Should().BeNull();
        Play(Frames.Success("early")).Should().BeOfType<TurnOutcome.Failed>("the turn itself has shown no init frame yet");
        Play(Frames.Init, Frames.Success("Four.")).Should().BeOfType<TurnOutcome.Answered>().Which.Text.Should().Be("Four.");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_turn_of_long_ago_that_is_answered_or_refused_ends_everything(bool answered)
    {
        _turn.PendingHistory = 1;

        var outcome = Play(Frames.Init, answered ? Frames.MessageStart : Frames.Failure());

        (outcome is TurnOutcome.Violated).Should().Be(answered);
        outcome.Should().NotBeNull();
    }

    [Fact]
    public void A_tool_in_the_init_of_a_turn_of_long_ago_is_a_violation()
    {
        _turn.PendingHistory = 1;

        Play(Frames.With(Frames.Init, "tools", "[\"Bash\"]")).Should().BeOfType<TurnOutcome.Violated>();
    }

    [Fact]
    public void With_a_schema_the_answer_is_what_was_handed_in_and_earlier_attempts_are_not()
    {
        var turn = WithSchema();

        string[] attempt = [Frames.MessageStart, SchemaUse, Frames.Stop("tool_use"), MessageStop];
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

    [Fact]
    public void Tokens_that_are_cached_for_an_hour_cost_what_the_list_says()
    {
        var turn = new CompletionTurn(Frames.Version, MaxApiCalls, new TurnTerms { Gated = Any.Model() }, _clock);
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
        var turn = new CompletionTurn(Frames.Version, MaxApiCalls, new TurnTerms { Gated = Any.Model() }, _clock);
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
        string[] attempt = [Frames.MessageStart, SchemaUse, Frames.Stop("tool_use"), MessageStop];

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
        ShouldBeToolUse(
            Accept(
                WithSchema(),
                [
                    SchemaInit,
                    Frames.MessageStart,
                    Frames.Event(
                        new
                        {
                            type = "content_block_start",
                            index = 0,
                            content_block = new { type = "tool_use", name = "Bash" },
                        }
                    ),
                ]
            )
        );

    [Fact]
    public void Without_a_schema_its_tool_is_a_violation() => Play(SchemaInit).Should().BeOfType<TurnOutcome.Violated>();

    [Fact]
    public void The_text_of_a_failed_result_is_never_an_answer() =>
        Play(Frames.Init, Frames.Failure(status: 500))
            .Should()
            .BeOfType<TurnOutcome.Failed>()
            .Which.Error.Should()
            .Match<RelayError>(error => error.Code == ErrorCode.UpstreamError && !error.Message.Contains("some words"));

    [Theory]
    [InlineData("is_error", null)]
    [InlineData("is_error", "\"false\"")]
    [InlineData("is_error", "null")]
    [InlineData("is_error", "0")]
    [InlineData("subtype", "\"error_during_execution\"")]
    [InlineData("subtype", null)]
    [InlineData("result", null)]
    [InlineData("result", "null")]
    [InlineData("result", "{}")]
    public void Only_a_result_that_says_success_and_no_error_is_an_answer(string property, string? json) =>
        Play(Frames.Init, Frames.With(Frames.Success("Four."), property, json)).Should().BeOfType<TurnOutcome.Failed>();

    [Fact]
    public void A_result_without_numbers_is_still_an_answer() =>
        Play(Frames.Init, """{"type":"result","subtype":"success","is_error":false,"result":"Four."}""")
            .Should()
            .Be(new TurnOutcome.Answered("Four.", null, new TokenUsage(0, 0, 0, 0, null)));

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
        ShouldBeToolUse(
            Play(
                Frames.Init,
                Frames.MessageStart,
                Frames.Event(
                    new
                    {
                        type = "content_block_start",
                        index = 0,
                        content_block = new { type = block, name = "Bash" },
                    }
                )
            )
        );

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
        Play(
                Frames.Init,
                Frames.MessageStart,
                Frames.Event(
                    new
                    {
                        type = "content_block_start",
                        index = 0,
                        content_block = new { type = block },
                    }
                ),
                Frames.Assistant(block)
            )
            .Should()
            .BeNull();

    [Theory]
    [InlineData("max_tokens")]
    [InlineData("model_context_window_exceeded")]
    public void An_answer_cut_at_the_cap_is_what_was_said_so_far(string reason) =>
        Play(
                Frames.Init,
                Frames.MessageStart,
                Frames.TextStart,
                Frames.Delta("Once upon"),
                Frames.Delta(" a ti"),
                Frames.Stop(reason, outputTokens: 77)
            )
            .Should()
            .Be(new TurnOutcome.Answered("Once upon a ti", reason, new TokenUsage(10, 77, 20, 30, null)));

    [Fact]
    public void Thoughts_are_no_part_of_a_cut_answer() =>
        Play(
                Frames.Init,
                Frames.MessageStart,
                Frames.Event(
                    new
                    {
                        type = "content_block_delta",
                        index = 0,
                        delta = new { type = "thinking_delta", thinking = "hmm" },
                    }
                ),
                Frames.Delta("Well"),
                Frames.Stop("max_tokens")
            )
            .Should()
            .BeOfType<TurnOutcome.Answered>()
            .Which.Text.Should()
            .Be("Well");

    [Fact]
    public void A_broken_stream_that_is_retried_begins_the_words_anew() =>
        Play(
                Frames.Init,
                Frames.MessageStart,
                Frames.Delta("Once upon"),
                Frames.MessageStart,
                Frames.Delta("A tale"),
                Frames.Stop("max_tokens")
            )
            .Should()
            .BeOfType<TurnOutcome.Answered>()
            .Which.Text.Should()
            .Be("A tale");

    [Fact]
    public void A_refusal_is_an_answer_with_the_words_so_far_and_their_cost() =>
        Play(Frames.Init, Frames.MessageStart, Frames.Delta("I"), Frames.Stop("refusal", outputTokens: 7))
            .Should()
            .Be(new TurnOutcome.Answered("I", "refusal", new TokenUsage(10, 7, 20, 30, null)));

    [Fact]
    public void A_refusal_of_a_schema_is_an_answer_and_no_object() =>
        Accept(WithSchema(), [SchemaInit, Frames.MessageStart, Frames.Delta("I"), Frames.Stop("refusal", outputTokens: 7)])
            .Should()
            .Be(new TurnOutcome.Answered("I", "refusal", new TokenUsage(10, 7, 20, 30, null)));

    /// <summary>Claude Code 2.1.330 calls the API again after each of these texts.</summary>
    [Theory]
    [InlineData("")]
    [InlineData(" \t\r\n")]
    [InlineData("\uFEFF")]
    [InlineData("\u00A0")]
    public void An_answer_without_visible_text_ends_the_turn_with_its_message(string text)
    {
        var thought = Frames.Event(
            new
            {
                type = "content_block_delta",
                index = 0,
                delta = new { type = "thinking_delta", thinking = "hmm" },
            }
        );

        var outcome = Play([
            Frames.Init,
            Frames.MessageStart,
            thought,
            .. text.Select(letter => Frames.Delta($"{letter}")),
            Frames.Stop("end_turn", outputTokens: 3),
        ]);

        outcome.Should().Be(new TurnOutcome.Answered(text, "end_turn", new TokenUsage(10, 3, 20, 30, null)));
    }

    [Fact]
    public void Visible_text_waits_for_the_result_and_its_sum() =>
        Play(Frames.Init, Frames.MessageStart, Frames.Delta(" "), Frames.Delta("."), Frames.Stop("end_turn")).Should().BeNull();

    [Fact]
    public void With_a_schema_an_answer_without_visible_text_is_an_attempt() =>
        Accept(WithSchema(), [SchemaInit, Frames.MessageStart, Frames.Stop("end_turn"), MessageStop, Frames.MessageStart])
            .Should()
            .BeNull();

    [Fact]
    public void After_a_complete_message_another_call_of_the_API_changes_nothing_but_the_cost() =>
        Play(
                Frames.Init,
                Frames.MessageStart,
                Frames.Delta("x"),
                Frames.Stop("end_turn", outputTokens: 5),
                Frames.MessageStop,
                Frames.MessageStart
            )
            .Should()
            .Be(new TurnOutcome.Answered("x", "end_turn", new TokenUsage(20, 6, 40, 60, null)));

    [Fact]
    public void Thoughts_and_what_is_handed_in_count_while_nobody_has_counted_them()
    {
        Play(
            Frames.Init,
            Frames.MessageStart,
            Frames.Event(
                new
                {
                    type = "content_block_delta",
                    index = 0,
                    delta = new { type = "thinking_delta", thinking = new string('t', 300) },
                }
            )
        );
        _turn.Messages.Usage!.OutputTokens.Should().Be(101);
        Play(Frames.Delta(new string('w', 30)));
        _turn.Messages.Usage!.OutputTokens.Should().Be(111);

        var turn = WithSchema();
        Accept(
            turn,
            [
                SchemaInit,
                Frames.MessageStart,
                SchemaUse,
                Frames.Event(
                    new
                    {
                        type = "content_block_delta",
                        index = 0,
                        delta = new { type = "input_json_delta", partial_json = new string('j', 60) },
                    }
                ),
            ]
        );
        turn.Messages.Usage!.OutputTokens.Should().Be(21);
    }

    [Fact]
    public void Thoughts_that_are_not_shown_count_by_their_signature()
    {
        string Delta(object delta) =>
            Frames.Event(
                new
                {
                    type = "content_block_delta",
                    index = 0,
                    delta,
                }
            );
        var start = Frames.Event(
            new
            {
                type = "content_block_start",
                index = 0,
                content_block = new { type = "thinking" },
            }
        );
        var signature = Delta(new { type = "signature_delta", signature = new string('s', 300) });

        Play(Frames.Init, Frames.MessageStart, start, signature);
        _turn.Messages.Usage!.OutputTokens.Should().Be(101);

        Play(start, Delta(new { type = "thinking_delta", thinking = new string('t', 30) }), signature);
        _turn.Messages.Usage!.OutputTokens.Should().Be(111, "of shown thoughts the signature is no second copy");
    }

    [Fact]
    public void Earlier_messages_of_the_turn_count_with_the_last()
    {
        var turn = WithSchema();

        Accept(
            turn,
            [SchemaInit, Frames.MessageStart, SchemaUse, Frames.Stop("tool_use", outputTokens: 1000), MessageStop, Frames.MessageStart]
        );

        turn.Messages.Usage.Should().Be(new TokenUsage(20, 1001, 40, 60, null));
    }

    [Fact]
    public void A_failed_result_that_counts_nothing_does_not_make_counted_messages_free()
    {
        Play(Frames.Init, Frames.MessageStart, Frames.Delta("Once upon"), Frames.With(Frames.Failure(500), "total_cost_usd", "0"))
            .Should()
            .BeOfType<TurnOutcome.Failed>();

        _turn.Messages.Usage.Should().Be(new TokenUsage(10, 4, 20, 30, null));
    }

    /// <summary>A delta with one half of a surrogate pair, as JSON writes it: no serialiser here does.</summary>
    private static string RawDelta(string escaped) => Frames.Delta("here").Replace("here", escaped, StringComparison.Ordinal);

    [Fact]
    public void A_surrogate_pair_that_two_deltas_share_is_kept()
    {
        var shown = string.Empty;
        foreach (
            var frame in (string[])
                [
                    Frames.Init,
                    Frames.MessageStart,
                    Frames.TextStart,
                    RawDelta(@"Hi \ud83d"),
                    RawDelta(@"\ude00 you \""x\"" \\ \n\u00e4"),
                    Frames.Delta("!"),
                ]
        )
        {
            Play(frame).Should().BeNull();
            var words = _turn.TakeWords();
            (words?.Any(char.IsSurrogate) == true && !words.Contains("😀", StringComparison.Ordinal))
                .Should()
                .BeFalse("half a pair is no text");
            shown += words;
        }

        var answer = Play(Frames.Stop("end_turn"), Frames.MessageStop, Frames.Success("other words"))
            .Should()
            .BeOfType<TurnOutcome.Answered>()
            .Subject;
        answer.Text.Should().Be("Hi 😀 you \"x\" \\ \nä!");
        (shown + _turn.TakeRestWords(answer.Text)).Should().Be(answer.Text);
    }

    [Theory]
    [InlineData(@"a\ud83d", "b", "a\uFFFDb")]
    [InlineData(@"a\ude00", "b", "a\uFFFDb")]
    [InlineData("a", @"b\ud83d", "ab\uFFFD")]
    [InlineData(@"a\ud83d", @"\ud83d\ude00", "a\uFFFD😀")]
    public void Half_a_surrogate_pair_alone_becomes_the_sign_for_it(string first, string second, string text)
    {
        Play(Frames.Init, Frames.MessageStart, RawDelta(first), RawDelta(second), Frames.Stop("max_tokens"))
            .Should()
            .BeOfType<TurnOutcome.Answered>()
            .Which.Text.Should()
            .Be(text);
    }

    [Fact]
    public void A_result_with_half_a_surrogate_pair_is_an_answer_too() =>
        Play(Frames.Init, Frames.Success("here").Replace("here", @"a\ud83d", StringComparison.Ordinal))
            .Should()
            .BeOfType<TurnOutcome.Answered>()
            .Which.Text.Should()
            .Be("a\uFFFD");

    [Fact]
    public void A_stop_text_is_found_in_a_surrogate_pair_that_two_deltas_share()
    {
        var turn = new CompletionTurn(
            Frames.Version,
            MaxApiCalls,
            new TurnTerms { Stop = StopSequences.Create("stop", ["😀"]).Value },
            _clock
        );

        Accept(turn, [Frames.Init, Frames.MessageStart, RawDelta(@"Hi \ud83d")]).Should().BeNull();
        Accept(turn, [RawDelta(@"\ude00 there")])
            .Should()
            .BeOfType<TurnOutcome.Answered>()
            .Which.Should()
            .Match<TurnOutcome.Answered>(answer => answer.Text == "Hi " && answer.StopSequence == "😀");
    }

    [Fact]
    public void A_stream_that_breaks_just_before_its_end_may_begin_anew() =>
        Play(Frames.Init, Frames.MessageStart, Frames.Delta("x"), Frames.Stop("end_turn"), Frames.MessageStart).Should().BeNull();

    [Fact]
    public void A_made_up_end_of_a_broken_stream_is_none() =>
        Play(Frames.Init, Frames.MessageStart, Frames.Delta("x"), Frames.MessageStop, Frames.MessageStart).Should().BeNull();

    [Fact]
    public void A_pause_that_the_API_asked_for_is_the_callers()
    {
        var outcome = Play(
            Frames.Init,
            """{"type":"system","subtype":"api_retry","error_status":429,"error":"rate_limit","retry_delay_ms":60000}"""
        );

        var error = outcome.Should().BeOfType<TurnOutcome.Failed>().Which.Error;
        error.Code.Should().Be(ErrorCode.UpstreamRateLimited);
        error.RetryAfter.Should().Be(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public void As_many_calls_of_the_API_as_retries_explain_are_allowed_and_no_more()
    {
        Play([Frames.Init, .. Enumerable.Repeat(Frames.MessageStart, MaxApiCalls)]).Should().BeNull();

        Play(Frames.MessageStart).Should().BeOfType<TurnOutcome.Failed>().Which.Error.Code.Should().Be(ErrorCode.UpstreamError);
    }

    [Fact]
    public void A_refused_login_ends_the_retries_at_once() =>
        Play(Frames.Init, Retry(401)).Should().BeOfType<TurnOutcome.Failed>().Which.Error.Code.Should().Be(ErrorCode.NotLoggedIn);

    [Fact]
    public void Other_retries_go_on() =>
        Play(Frames.Init, Retry(500), Retry(429), Retry(null), Frames.Success("x")).Should().BeOfType<TurnOutcome.Answered>();

    [Theory]
    [InlineData("resetsAt")]
    [InlineData("resets_at")]
    public void A_rate_limit_tells_when_it_resets(string name)
    {
        var reset = _clock.GetUtcNow().AddMinutes(90).ToUnixTimeSeconds();

        var outcome = Play(
            Frames.Init,
            $$$"""{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","{{{name}}}":{{{reset}}}}}""",
            Frames.Failure(429)
        );

        outcome
            .Should()
            .BeOfType<TurnOutcome.Failed>()
            .Which.Error.Should()
            .BeEquivalentTo(new { Code = ErrorCode.UpstreamRateLimited, RetryAfter = TimeSpan.FromMinutes(90) });
    }

    [Fact]
    public void The_time_to_a_reset_is_counted_from_the_failure()
    {
        Play(
            Frames.Init,
            $$$"""{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":{{{_clock.GetUtcNow().AddSeconds(60).ToUnixTimeSeconds()}}}}}"""
        );
        _clock.Advance(TimeSpan.FromSeconds(45));

        Play(Frames.Failure(429)).Should().BeOfType<TurnOutcome.Failed>().Which.Error.RetryAfter.Should().Be(TimeSpan.FromSeconds(15));
    }

    [Theory]
    [InlineData("""{"type":"rate_limit_event"}""")]
    [InlineData("""{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1}}""")]
    [InlineData("""{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":-5}}""")]
    [InlineData("""{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":9223372036854775807}}""")]
    [InlineData("""{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":"soon"}}""")]
    [InlineData("""{"type":"rate_limit_event","rate_limit_info":[]}""")]
    [InlineData("""{"type":"rate_limit_event","rate_limit_info":{"status":"allowed","resetsAt":4102444800}}""")]
    public void A_rate_limit_without_a_time_to_come_has_a_default(string frame) =>
        Play(Frames.Init, frame, Frames.Failure(429))
            .Should()
            .BeOfType<TurnOutcome.Failed>()
            .Which.Error.RetryAfter.Should()
            .Be(TimeSpan.FromSeconds(30));

    [Fact]
    public void A_rate_limit_event_alone_ends_nothing() =>
        Play(Frames.Init, """{"type":"rate_limit_event","rate_limit_info":{"status":"allowed_warning"}}""", Frames.Success("x"))
            .Should()
            .BeOfType<TurnOutcome.Answered>();

    [Fact]
    public void A_prompt_that_Claude_Code_measured_as_too_long_was_not_sent()
    {
        var outcome = Play(
            Frames.Init,
            """{"type":"system","subtype":"status","status":"requesting"}""",
            Frames.Assistant("text", error: "invalid_request"),
            Frames.Failure(null, "blocking_limit")
        );

        outcome.Should().BeOfType<TurnOutcome.Failed>().Which.Error.Code.Should().Be(ErrorCode.PromptTooLong);
        _turn.Messages.HasCalledApi.Should().BeFalse("nothing reached the API");
    }

    [Fact]
    public void A_message_without_stream_events_counts_as_a_call()
    {
        Play(Frames.Init, Unstreamed("msg_1")).Should().BeNull();

        _turn.Messages.HasCalledApi.Should().BeTrue();
        (_turn.Messages.Usage!.InputTokens, _turn.Messages.Usage.OutputTokens, _turn.Messages.ResponseModel!.Value)
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

        _turn.Messages.HasCalledApi.Should().BeFalse();
    }

    [Fact]
    public void The_error_of_the_assistant_frame_decides_when_the_result_has_no_status() =>
        Play(Frames.Init, Frames.Assistant("text", error: "authentication_failed"), Frames.Failure())
            .Should()
            .BeOfType<TurnOutcome.Failed>()
            .Which.Error.Code.Should()
            .Be(ErrorCode.NotLoggedIn);

    [Theory]
    [InlineData("error")]
    [InlineData("something_new")]
    public void A_refused_control_request_ends_the_turn(string subtype) =>
        Play($$"""{"type":"control_response","response":{"subtype":"{{subtype}}","error":"words"} }""")
            .Should()
            .BeOfType<TurnOutcome.Failed>()
            .Which.Error.Should()
            .Match<RelayError>(error => error.Code == ErrorCode.UpstreamError && !error.Message.Contains("words"));

    [Theory]
    [InlineData("""{"type":"something_new"}""")]
    [InlineData("""{"type":"system","subtype":"something_new"}""")]
    [InlineData("""{"type":"system"}""")]
    [InlineData("""{"type":"user","message":{"content":[{"type":"tool_result"}]}}""")]
    [InlineData("""{"type":"stream_event"}""")]
    [InlineData("""{"type":"stream_event","event":[]}""")]
    [InlineData("""{"type":"stream_event","event":{"type":"ping"}}""")]
    [InlineData("""{"type":"stream_event","event":{"type":"message_delta","delta":{"stop_reason":null}}}""")]
    [InlineData("""{"type":"assistant"}""")]
    [InlineData("""{"type":"assistant","message":{"content":"words"}}""")]
    public void Frames_that_mean_nothing_to_the_relay_are_passed_over(string frame) => Play(Frames.Init, frame).Should().BeNull();

    [Theory]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("\"text\"")]
    [InlineData("""{"type":1}""")]
    [InlineData("<html>")]
    [InlineData("{\"type\":\"result\"")]
    public void A_line_that_is_not_a_frame_can_not_be_parsed(string line) =>
        ((Action)(() => Frames.Parse(line).Dispose())).Should().Throw<JsonException>();

    /// <summary>The <c>init</c> frame of a process that was told a schema.</summary>
    private static string SchemaInit => Frames.With(Frames.Init, "tools", """["StructuredOutput"]""");

    private static string SchemaUse =>
        Frames.Event(
            new
            {
                type = "content_block_start",
                index = 0,
                content_block = new { type = "tool_use", name = "StructuredOutput" },
            }
        );

    private static string MessageStop => Frames.MessageStop;

    private CompletionTurn WithSchema() => new(Frames.Version, MaxApiCalls, new TurnTerms { HasSchema = true }, _clock);

    private static void ShouldBeToolUse(TurnOutcome? outcome) =>
        outcome
            .Should()
            .BeOfType<TurnOutcome.Failed>()
            .Which.Error.Should()
            .Match<RelayError>(error => error.Code == ErrorCode.UpstreamError && error.Message.Contains("tool"));

    private static string Retry(int? status) =>
        JsonSerializer.Serialize(
            new
            {
                type = "system",
                subtype = "api_retry",
                attempt = 1,
                max_retries = 10,
                error_status = status,
            }
        );

    /// <summary>The first outcome, as the engine would see it.</summary>
    private TurnOutcome? Play(params string[] lines) => Accept(_turn, lines);

    private static TurnOutcome? Accept(CompletionTurn turn, params string[] lines)
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
