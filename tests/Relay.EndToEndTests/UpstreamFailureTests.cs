using System.Diagnostics;
using FluentAssertions.Execution;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>
/// Each failure at Anthropic has its own code and status, says what to do, repeats none of the upstream's words, and
/// comes within the request's time.
/// </summary>
public sealed class UpstreamFailureTests(FailingRelays relays) : IClassFixture<FailingRelays>
{
    private const string Prompt = "Tell me something.";

    /// <summary>
    /// The relay ends the CLI at the stop reason, and the CLI calls again after the answer's end. The pause between them is longer than a
    /// busy machine needs for the kill, so that a second call shows a relay that did not end the CLI.
    /// </summary>
    private static readonly TimeSpan UntilKilled = TimeSpan.FromSeconds(1);

    private static readonly string[] UpstreamWords =
    [
        "x-api-key",
        "authentication_error",
        "permission_error",
        "Request not allowed",
        "210000",
        "simulated",
        "not_found_error",
        "claude-opus",
        "rate_limit_error",
        "Please try again later",
        "overloaded_error",
        "Internal server error",
        "api_error",
        "no event stream",
        "req_sim",
        "127.0.0.1",
        "localhost",
        "ECONN",
        "/login",
        "Output token limit",
    ];

    [Theory]
    [InlineData(UpstreamFailure.Unauthorized, 503, "not_logged_in", null)]
    [InlineData(UpstreamFailure.Forbidden, 503, "not_logged_in", null, Traits = ["Extent", "all"])]
    [InlineData(UpstreamFailure.PromptTooLong, 400, "prompt_too_long", null, Traits = ["Extent", "all"])]
    [InlineData(UpstreamFailure.InvalidRequest, 502, "upstream_error", null, Traits = ["Extent", "all"])]
    [InlineData(UpstreamFailure.ModelNotFound, 400, "unknown_model", null)]
    [InlineData(UpstreamFailure.RateLimited, 429, "upstream_rate_limited", 30)]
    [InlineData(UpstreamFailure.Overloaded, 503, "overloaded", 30, Traits = ["Extent", "all"])]
    [InlineData(UpstreamFailure.ServerError, 502, "upstream_error", null, Traits = ["Extent", "all"])]
    [InlineData(UpstreamFailure.Garbage, 502, "upstream_error", null, Traits = ["Extent", "all"])]
    [InlineData(UpstreamFailure.EmptyStream, 502, "upstream_error", null, Traits = ["Extent", "all"])]
    [InlineData(UpstreamFailure.BrokenStream, 502, "upstream_error", null, Traits = ["Extent", "all"])]
    [InlineData(UpstreamFailure.ErrorEvent, 503, "overloaded", 30)]
    public async Task A_failure_has_its_own_code_and_none_of_the_upstreams_words(
        UpstreamFailure failure,
        int status,
        string code,
        int? retryAfter
    )
    {
        // A limit is remembered for its model: this test has its own model, out of the others' way.
        var model = failure == UpstreamFailure.RateLimited ? "haiku" : "opus";

        var relay = CallsAgainAfter(failure) ? await relays.ImpatientAsync() : await relays.PatientAsync();
        var answer = await AskAsync(relay, new Behavior { Text = "Words of the upstream.", Failure = failure }, model);

        using var scope = new AssertionScope();
        answer.Status.Should().Be(status);
        answer.ErrorCode.Should().Be(code);
        answer.Headers.RetryAfter?.Delta?.TotalSeconds.Should().Be(retryAfter);
        (answer.Headers.RetryAfter is null).Should().Be(retryAfter is null);
        AssertDiscreet(answer);
    }

    [OnlyWithAll]
    [Fact]
    public async Task A_used_up_plan_is_told_with_the_time_of_its_reset()
    {
        await using var relay = await RelayProgram.WithRealClaudeAsync(relays.Api, ("WARM_PROCESSES", "0"));
        var key = await relay.MintAsync("app");

        var answer = await AskAsync((relay, key), new Behavior { Failure = UpstreamFailure.UsageLimitReached });

        (answer.Status, answer.ErrorCode).Should().Be((429, "upstream_rate_limited"));
        answer.Headers.RetryAfter!.Delta!.Value.Should().BeCloseTo(TimeSpan.FromHours(1), TimeSpan.FromMinutes(1));
        AssertDiscreet(answer);
    }

    /// <summary>
    /// Claude Code itself would call up to three times, with less in the body each time. The gate lets none of that through.
    /// </summary>
    [Theory]
    [InlineData(UpstreamFailure.Forbidden)]
    [InlineData(UpstreamFailure.PromptTooLong, Traits = ["Extent", "all"])]
    [InlineData(UpstreamFailure.ModelNotFound, Traits = ["Extent", "all"])]
    [InlineData(UpstreamFailure.InvalidRequest, Traits = ["Extent", "all"])]
    public async Task A_failure_that_no_repeat_can_help_costs_one_call(UpstreamFailure failure)
    {
        await AskAsync(await relays.PatientAsync(), new Behavior { Failure = failure, BeforeEnd = UntilKilled });

        relays.Api.Requests.Count.Should().Be(1);
    }

    [OnlyWithAll]
    [Fact]
    public async Task A_refused_login_ends_at_once()
    {
        // Its retries alone would take 15 s.
        var relay = await relays.PatientAsync();
        var watch = Stopwatch.StartNew();

        var answer = await AskAsync(relay, new Behavior { Failure = UpstreamFailure.Unauthorized });

        answer.ErrorCode.Should().Be("not_logged_in");
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(8));
        relays.Api.Requests.Count.Should().BeLessThanOrEqualTo(2);
    }

    [Fact]
    public async Task An_answer_cut_at_the_output_cap_costs_one_call_and_comes_with_what_there_is()
    {
        var answer = await AskAsync(
            await relays.PatientAsync(),
            new Behavior
            {
                Text = "Half an ans",
                Failure = UpstreamFailure.MaxTokens,
                BeforeEnd = UntilKilled,
            }
        );

        answer.Status.Should().Be(200);
        answer.Text.Should().Be("Half an ans");
        answer.Json.GetProperty("stop_reason").GetString().Should().Be("max_tokens");
        relays.Api.Requests.Count.Should().Be(1);
    }

    [Fact]
    public async Task A_refusal_is_an_answer_that_costs_one_call()
    {
        var answer = await AskAsync(
            await relays.ImpatientAsync(),
            new Behavior
            {
                Text = "I would rather not.",
                Failure = UpstreamFailure.Refusal,
                BeforeEnd = UntilKilled,
            }
        );

        answer.Status.Should().Be(200);
        answer.Text.Should().Be("I would rather not.");
        answer.Json.GetProperty("stop_reason").GetString().Should().Be("refusal");
        relays.Api.Requests.Count.Should().Be(1);
    }

    /// <summary>Claude Code calls the API again after each of these.</summary>
    [OnlyWithAll]
    [Theory]
    [InlineData("")]
    [InlineData(" \n\t ")]
    public async Task An_answer_without_visible_text_costs_one_call_and_disturbs_no_other_key(string text)
    {
        // None of these processes serves again, so six start, two at once: on a busy machine one takes seconds.
        var (relay, key) = await relays.PatientAsync();
        var other = await relay.MintAsync($"bystander-{text.Length}");
        relays.Api.Reset();
        relays.Api.Default = new Behavior { Text = text };
        relays.Api.When("the other", new Behavior { Text = "Hello." });

        var others = Task.Run(async () =>
        {
            var answers = new List<RelayAnswer>();
            for (var number = 0; number < 3; number++)
            {
                answers.Add(await relay.CompleteAsync(other, new { prompt = $"the other {number}" }));
            }

            return answers;
        });
        var answers = new List<RelayAnswer>();
        for (var number = 0; number < 3; number++)
        {
            answers.Add(await relay.CompleteAsync(key, new { prompt = Prompt }));
        }

        answers
            .Should()
            .OnlyContain(answer =>
                answer.Status == 200 && answer.Text == text && answer.Json.GetProperty("stop_reason").GetString() == "end_turn"
            );
        (await others).Should().OnlyContain(answer => answer.Status == 200 && answer.Text == "Hello.");
        relays.Api.Requests.Count.Should().Be(6);
        relay.Log.Should().NotContain(line => line.Contains("Lockdown violation", StringComparison.Ordinal));
    }

    [OnlyWithAll]
    [Theory]
    [InlineData(UpstreamFailure.ServerError)]
    [InlineData(UpstreamFailure.Overloaded)]
    public async Task A_single_failure_is_tried_again_and_the_answer_comes_once(UpstreamFailure failure)
    {
        var text = Behavior.WordsText(100);

        var answer = await AskAsync(
            await relays.ImpatientAsync(),
            new Behavior
            {
                Text = text,
                Failure = failure,
                FailTimes = 1,
            }
        );

        answer.Status.Should().Be(200);
        answer.Text.Should().Be(text);
        relays.Api.Requests.Count.Should().Be(2);
    }

    /// <summary>The API has counted its tokens, and part of it may have been shown.</summary>
    [Theory]
    [InlineData(UpstreamFailure.BrokenStream, "upstream_error")]
    [InlineData(UpstreamFailure.ErrorEvent, "overloaded", Traits = ["Extent", "all"])]
    public async Task An_answer_that_breaks_off_is_not_asked_for_again(UpstreamFailure failure, string code)
    {
        var answer = await AskAsync(
            await relays.ImpatientAsync(),
            new Behavior
            {
                Text = Behavior.WordsText(100),
                Failure = failure,
                FailTimes = 1,
            }
        );

        answer.ErrorCode.Should().Be(code);
        relays.Api.Requests.Count.Should().Be(1);
    }

    [OnlyWithAll]
    [Theory]
    [InlineData(UpstreamFailure.StalledStream)]
    [InlineData(UpstreamFailure.StalledBeforeHeaders)]
    public async Task A_silent_model_is_given_up_and_its_connection_closed(UpstreamFailure failure)
    {
        var answer = await AskAsync(await relays.ListeningAsync(), new Behavior { Failure = failure });

        answer.Status.Should().Be(504);
        answer.ErrorCode.Should().Be("timeout");
        AssertDiscreet(answer);
        await Task.WhenAll(relays.Api.Requests.Select(request => request.Aborted))
            .WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
        relays.Api.Requests.Count.Should().Be(1);
    }

    [OnlyWithAll]
    [Fact]
    public async Task A_model_that_never_ends_is_cut_off_by_the_time_limit()
    {
        var answer = await AskAsync(
            await relays.HastyAsync(),
            new Behavior { Words = 1000, BetweenTokens = TimeSpan.FromMilliseconds(50) }
        );

        answer.Status.Should().Be(504);
        answer.ErrorCode.Should().Be("timeout");
        answer.Body.Should().Contain(" 4 s").And.NotContain("one two three");
        await Task.WhenAll(relays.Api.Requests.Select(request => request.Aborted))
            .WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_plan_that_is_used_up_says_when_it_resets()
    {
        var answer = await AskAsync(await relays.SubscribedAsync(), new Behavior { Failure = UpstreamFailure.UsageLimitReached });

        answer.Status.Should().Be(429);
        answer.ErrorCode.Should().Be("upstream_rate_limited");
        answer.Headers.RetryAfter!.Delta!.Value.Should().BeCloseTo(TimeSpan.FromHours(1), TimeSpan.FromMinutes(1));
        relays.Api.Requests.Count.Should().Be(1, "such a limit is no reason to try again");
        AssertDiscreet(answer);

        foreach (var model in (string[])["opus", "haiku"])
        {
            var next = await AskAsync(await relays.SubscribedAsync(), new Behavior(), model);

            next.ErrorCode.Should().Be("upstream_rate_limited", "five hours are used up for all models");
            next.Headers.RetryAfter!.Delta!.Value.Should().BeCloseTo(TimeSpan.FromHours(1), TimeSpan.FromMinutes(1));
            relays.Api.Requests.Count.Should().Be(0, "it is refused at once");
        }
    }

    [OnlyWithAll]
    [Fact]
    public async Task The_metrics_tell_how_much_of_the_account_is_used()
    {
        var started = await relays.PatientAsync();
        var headers = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["anthropic-ratelimit-unified-5h-utilization"] = "0.42",
            ["anthropic-ratelimit-requests-limit"] = "50",
            ["anthropic-ratelimit-requests-remaining"] = "40",
        };

        (await AskAsync(started, new Behavior { Headers = headers })).Status.Should().Be(200);

        var scrape = await Scrape.OfAsync(started.Relay, await started.Relay.MintAsync("admin", "--scope", "admin"));
        scrape.Sum("relay_upstream_used", ("relay_upstream_limit", "five_hour"), ("relay_model_family", "all")).Should().Be(0.42);
        scrape
            .Sum("relay_upstream_used", ("relay_upstream_limit", "requests"), ("relay_model_family", "opus"))
            .Should()
            .BeApproximately(0.2, 1e-9);
    }

    [OnlyWithAll]
    [Fact]
    public async Task An_API_that_is_not_there_is_an_upstream_error()
    {
        var gone = await Simulator.StartAsync(ct: TestContext.Current.CancellationToken);
        await using var relay = await RelayProgram.WithRealClaudeAsync(gone, ("REQ_TIMEOUT", "14900ms"), ("WARM_PROCESSES", "1"));
        var key = await relay.MintAsync("app");
        await gone.DisposeAsync();

        var answer = await relay.CompleteAsync(key, new { prompt = Prompt });

        answer.Status.Should().Be(502);
        answer.ErrorCode.Should().Be("upstream_error");
        AssertDiscreet(answer);
    }

    /// <summary>Whether Claude Code calls again after a failure. Only then does the test need a relay that gives up early.</summary>
    private static bool CallsAgainAfter(UpstreamFailure failure) =>
        failure
            is UpstreamFailure.RateLimited
                or UpstreamFailure.Overloaded
                or UpstreamFailure.ServerError
                or UpstreamFailure.Garbage
                or UpstreamFailure.EmptyStream;

    private async Task<RelayAnswer> AskAsync((RelayProgram Relay, string Key) started, Behavior behavior, string model = "opus")
    {
        relays.Api.Reset();
        relays.Api.Default = behavior;
        return await started.Relay.CompleteAsync(started.Key, new { prompt = Prompt, model });
    }

    private void AssertDiscreet(RelayAnswer answer)
    {
        answer
            .Body.Should()
            .NotContainAny([
                .. UpstreamWords,
                "Words of the upstream",
                Behavior.DefaultText,
                Prompt,
                relays.Api.BaseAddress.Port.ToString(),
            ]);
        answer.Json.GetProperty("ok").GetBoolean().Should().BeFalse();
        answer.Json.GetProperty("request_id").GetString().Should().StartWith("req_");
    }
}
