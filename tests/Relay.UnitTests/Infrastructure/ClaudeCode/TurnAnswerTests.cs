using Relay.Domain.Completions;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

/// <summary>The text of an answer, its end, and its words as they come.</summary>
public sealed class TurnAnswerTests : CompletionTurnTestBase
{
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
        (Turn.HasStarted, Turn.Messages.HasFirstToken).Should().Be((false, false));
        Play(Frames.Init);
        (Turn.HasStarted, Turn.Messages.HasFirstToken).Should().Be((true, false));
        Play(Frames.MessageStart, Frames.TextStart);
        Turn.Messages.HasFirstToken.Should().BeFalse();
        Play(Frames.Delta("F"));
        Turn.Messages.HasFirstToken.Should().BeTrue();
    }

    [Fact]
    public void Words_can_be_taken_as_they_come_and_the_rest_with_the_answer()
    {
        var taken = new List<string?>();
        foreach (var frame in (string[])[Frames.Init, Frames.MessageStart, Frames.TextStart, Frames.Delta("Fo"), Frames.Delta("ur😀")])
        {
            Play(frame);
            taken.Add(Turn.TakeWords());
        }

        taken.Should().Equal(null, null, null, "Fo", "ur😀");
        Turn.Messages.TakeRest("Four😀 and").Should().Equal(new WordsPiece(" and"));
        Turn.Messages.TakeRest("Four😀 and").Should().BeEmpty();
    }

    [Theory]
    [InlineData("Hello STOP more", "Hello ")]
    [InlineData("STOP", "")]
    public void A_stop_sequence_ends_the_turn_before_it_wherever_the_pieces_are_cut(string answer, string text)
    {
        for (var cut = 1; cut <= 4; cut++)
        {
            var turn = NewTurn(new TurnTerms { Stop = StopSequences.Create("stop", ["STOP"]).Value });
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
    public void A_result_without_numbers_is_still_an_answer() =>
        Play(Frames.Init, """{"type":"result","subtype":"success","is_error":false,"result":"Four."}""")
            .Should()
            .Be(new TurnOutcome.Answered("Four.", null, new TokenUsage(0, 0, 0, 0, null)));

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
                Frames.BlockDelta(new { type = "thinking_delta", thinking = "hmm" }),
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

    /// <summary>Claude Code 2.1.330 calls the API again after each of these texts.</summary>
    [Theory]
    [InlineData("")]
    [InlineData(" \t\r\n")]
    [InlineData("\uFEFF")]
    [InlineData("\u00A0")]
    public void An_answer_without_visible_text_ends_the_turn_with_its_message(string text)
    {
        var thought = Frames.BlockDelta(new { type = "thinking_delta", thinking = "hmm" });

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
            var words = Turn.TakeWords();
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
        (shown + Turn.TakeRestWords(answer.Text)).Should().Be(answer.Text);
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
        var turn = NewTurn(new TurnTerms { Stop = StopSequences.Create("stop", ["😀"]).Value });

        Accept(turn, [Frames.Init, Frames.MessageStart, RawDelta(@"Hi \ud83d")]).Should().BeNull();
        Accept(turn, [RawDelta(@"\ude00 there")])
            .Should()
            .BeOfType<TurnOutcome.Answered>()
            .Which.Should()
            .Match<TurnOutcome.Answered>(answer => answer.Text == "Hi " && answer.StopSequence == "😀");
    }

    /// <summary>A delta with one half of a surrogate pair, as JSON writes it: no serialiser here does.</summary>
    private static string RawDelta(string escaped) => Frames.Delta("here").Replace("here", escaped, StringComparison.Ordinal);
}
