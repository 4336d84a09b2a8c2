using System.Text.Json;
using Relay.Domain;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

/// <summary>Failures of Claude Code and of the API, and the retries that are no failure yet.</summary>
public sealed class TurnFailureTests : CompletionTurnTestBase
{
    [Fact]
    public void A_stream_that_begins_anew_after_words_were_taken_can_only_fail()
    {
        Play(Frames.Init, Frames.MessageStart, Frames.TextStart, Frames.Delta("Fo"));
        Turn.TakeWords();

        Play(Frames.MessageStart).Should().BeOfType<TurnOutcome.Failed>().Which.Error.Message.Should().Contain("broke off");
    }

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
        var reset = Clock.GetUtcNow().AddMinutes(90).ToUnixTimeSeconds();

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
            $$$"""{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":{{{Clock.GetUtcNow().AddSeconds(60).ToUnixTimeSeconds()}}}}}"""
        );
        Clock.Advance(TimeSpan.FromSeconds(45));

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
        Turn.Messages.HasCalledApi.Should().BeFalse("nothing reached the API");
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
}
