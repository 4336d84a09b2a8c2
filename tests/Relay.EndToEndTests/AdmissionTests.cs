using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>Limits and the queue, from outside: which requests may spend, how much, and which goes first.</summary>
public sealed partial class AdmissionTests(AdmissionTests.Fixture fixture) : IClassFixture<AdmissionTests.Fixture>, IAsyncLifetime
{
    private readonly FakeRelay _relay = fixture.Relay;
    private readonly CancellationTokenSource _callers = new();

    private RelayProgram Program => _relay.Program;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _callers.CancelAsync();
        _callers.Dispose();
        _relay.Script(new FakeScript());
        await _relay.NobodySurvivesAsync(TimeSpan.FromSeconds(5));
    }

    [Fact(Timeout = 180_000)]
    public async Task Every_answer_to_a_key_says_how_it_stands()
    {
        var key = await MintAsync("standing", "--daily", "2");

        var models = await Program.GetAsync("/v1/models", key);
        var first = await AskAsync(key);
        var invalid = await Program.CompleteAsync(key, "{}");
        var nowhere = await Program.GetAsync("/nowhere", key);
        var second = await AskAsync(key);
        var third = await AskAsync(key);

        Remaining(models, "day").Should().Be(2);
        (first.Status, Remaining(first, "day")).Should().Be((200, 1));
        (invalid.Status, Remaining(invalid, "day")).Should().Be((400, 1), "what is invalid takes nothing");
        (nowhere.Status, Remaining(nowhere, "day")).Should().Be((404, 1));
        (second.Status, Remaining(second, "day")).Should().Be((200, 0));
        (third.Status, third.ErrorCode, Remaining(third, "day")).Should().Be((429, "daily_limit", 0));
        third.Headers.RetryAfter!.Delta!.Value.TotalSeconds.Should().Be(Reset(third, "day"), "both are of one decision");
        Header(third, "RateLimit-Policy").Should().MatchRegex("^\"minute\";q=1000000;w=60, \"day\";q=2;w=86400");
        (await Program.GetAsync("/v1/models")).Headers.Contains("RateLimit").Should().BeFalse("nobody's limits");
    }

    [Fact(Timeout = 180_000)]
    public async Task Of_many_at_once_exactly_as_many_are_let_in_as_the_limit_allows()
    {
        var key = await MintAsync("crowd", "--daily", "10");

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => AskAsync(key)));

        answers.Count(answer => answer.Status == 200).Should().Be(10);
        answers.Count(answer => answer.ErrorCode == "daily_limit").Should().Be(90);
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task A_failure_of_the_relay_is_given_back_but_not_after_the_API_was_reached()
    {
        var key = await MintAsync("failing", "--daily", "2");
        _relay.Script(new FakeScript { Behavior = FakeBehavior.ExitBeforeReading });
        for (var failure = 0; failure < 3; failure++)
        {
            (await AskAsync(key)).Status.Should().Be(502);
        }

        _relay.Script(new FakeScript { Behavior = FakeBehavior.ErrorResult, ErrorStatus = 500 });
        (await AskAsync(key)).Status.Should().Be(502);
        _relay.Script(new FakeScript());

        (await AskAsync(key)).Status.Should().Be(200, "one of two is left");
        (await AskAsync(key)).ErrorCode.Should().Be("daily_limit");
    }

    [Fact(Timeout = 180_000)]
    public async Task A_key_stops_when_its_money_of_the_day_is_spent()
    {
        var key = await MintAsync("thrifty", "--usd", "1");
        _relay.Script(new FakeScript { CostUsd = 0.4m });

        for (var paid = 0; paid < 3; paid++)
        {
            (await AskAsync(key)).Status.Should().Be(200);
        }

        var refused = await AskAsync(key);
        refused.ErrorCode.Should().Be("daily_limit");
        refused.Json.GetProperty("error").GetProperty("message").GetString().Should().Contain("US dollars");
        Remaining(refused, "usd-day").Should().Be(0);
        var usage = await Program.GetAsync("/v1/usage", key);
        usage.Json.GetProperty("total").GetProperty("cost_usd").GetDecimal().Should().Be(1.2m);
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task A_caller_who_leaves_an_answer_pays_for_it_by_estimate()
    {
        var key = await MintAsync("leaving");
        // Its child comes after its init frame, which shows that the turn has begun.
        _relay.Script(new FakeScript { Behavior = FakeBehavior.GrandchildStall });
        using var leaving = new CancellationTokenSource();
        var running = AskAsync(key, leaving.Token);
        await TestMachine.EventuallyAsync(
            () => FakeClaudeInstall.GrandchildPids(_relay.Directory).Count > 0,
            TimeSpan.FromSeconds(20),
            "the turn does not begin"
        );

        await leaving.CancelAsync();

        await running.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();
        await Program.EventuallyAsync(async () => (await TotalAsync(key)).Requests == 1, "it is not counted");
        (await TotalAsync(key)).CostUsd.Should().BeInRange(0.0001m, 0.1m);
        var audited = await _relay.AuditedAsync(line => line.GetProperty("action").GetString() == "complete" && IsOf(line, "leaving"));
        audited.GetProperty("status").GetInt32().Should().Be(499);
        audited.GetProperty("error").GetString().Should().Be("client_closed");
    }

    [Fact(Timeout = 180_000)]
    public async Task A_key_with_many_waiting_does_not_delay_anothers_first()
    {
        var patient = await MintAsync("patient", "--concurrency", "1");
        var newcomer = await MintAsync("newcomer");
        _relay.Script(new FakeScript { Behavior = FakeBehavior.SlowAnswer, DelayMs = 200 });
        List<string> order = [];
        async Task RunAsync(string key, string name)
        {
            (await AskAsync(key)).Status.Should().Be(200);
            lock (order)
            {
                order.Add(name);
            }
        }

        var hogs = await Task.WhenAll(Enumerable.Range(0, 3).Select(number => MintAsync($"hog-{number}")));
        // All four places, and a long line behind them.
        var waiting = hogs.SelectMany(hog => Enumerable.Range(0, 6).Select(_ => RunAsync(hog, "hog"))).ToList();
        waiting.AddRange(Enumerable.Range(0, 3).Select(_ => RunAsync(patient, "patient")));
        await Task.Delay(150, TestContext.Current.CancellationToken);
        var first = RunAsync(newcomer, "newcomer");

        await Task.WhenAll([.. waiting, first]);

        order
            .IndexOf("newcomer")
            .Should()
            .BeLessThan(10, "it goes as soon as one of the four places is free, not after the seventeen that waited before it");
        order.Where(name => name == "patient").Should().HaveCount(3);
    }

    [Fact(Timeout = 180_000)]
    public async Task Above_its_own_concurrency_a_key_waits_while_others_run()
    {
        var single = await MintAsync("single", "--concurrency", "1");
        _relay.Script(new FakeScript { Behavior = FakeBehavior.SlowAnswer, DelayMs = 600 });
        var watch = Stopwatch.StartNew();

        var both = Task.WhenAll(AskAsync(single), AskAsync(single));
        (await _relay.AskAsync()).Status.Should().Be(200);
        both.IsCompleted.Should().BeFalse("another key has a place at once");
        var answers = await both;

        answers.Should().OnlyContain(answer => answer.Status == 200);
        watch.Elapsed.Should().BeGreaterThan(TimeSpan.FromMilliseconds(1200));
        (
            await _relay.AuditedAsync(line =>
                IsOf(line, "single") && line.TryGetProperty("queue_ms", out var queue) && queue.GetDouble() > 300
            )
        )
            .GetProperty("status")
            .GetInt32()
            .Should()
            .Be(200);
    }

    [Theory(Timeout = 180_000)]
    [InlineData("X-Stainless-Timeout")]
    [InlineData("Request-Timeout", Traits = ["Extent", "all"])]
    public async Task A_client_that_will_not_wait_long_is_told_so_before_it_leaves(string header)
    {
        var stuck = await MintAsync($"stuck-{header}", "--concurrency", "1");
        _relay.Script(new FakeScript { Behavior = FakeBehavior.Stall });
        _ = AskAsync(stuck, _callers.Token);
        await TestMachine.EventuallyAsync(() => _relay.Pids.Any(id => TestMachine.IsRunning(id)), TimeSpan.FromSeconds(5), "nothing runs");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/complete") { Content = JsonContent.Create(new { prompt = "hi" }) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", stuck);
        request.Headers.Add(header, "2");
        var watch = Stopwatch.StartNew();

        var answer = await Program.SendAsync(request, TestContext.Current.CancellationToken);

        (answer.Status, answer.ErrorCode).Should().Be((503, "overloaded"));
        answer.Headers.RetryAfter!.Delta.Should().BePositive();
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(2));
    }

    [Fact(Timeout = 180_000)]
    public async Task Revoking_a_key_ends_what_it_has_running_and_waiting()
    {
        var key = await MintAsync("doomed", "--concurrency", "1");
        _relay.Script(new FakeScript { Behavior = FakeBehavior.Stall });
        var (running, waiting) = (AskAsync(key), AskAsync(key));
        await TestMachine.EventuallyAsync(() => _relay.Pids.Any(id => TestMachine.IsRunning(id)), TimeSpan.FromSeconds(5), "nothing runs");

        var (code, _, error) = await Program.RelayctlAsync("keys", "revoke", "doomed");
        var watch = Stopwatch.StartNew();

        code.Should().Be(0, error);
        foreach (var answer in await Task.WhenAll(running, waiting))
        {
            (answer.Status, answer.ErrorCode).Should().Be((401, "unauthorized"));
        }

        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(1.5));
        await _relay.NobodySurvivesAsync();
    }

    [Fact(Timeout = 180_000)]
    public async Task A_limit_of_the_account_is_remembered_for_what_it_covers_until_it_resets()
    {
        var key = await MintAsync("limited-upstream");
        _relay.Script(
            new FakeScript
            {
                Behavior = FakeBehavior.ErrorResult,
                ErrorStatus = 429,
                ErrorName = "rate_limit",
                LimitKind = "seven_day_sonnet",
                LimitResetsIn = 4,
            }
        );
        (await AskAsync(key, model: "sonnet")).ErrorCode.Should().Be("upstream_rate_limited");
        _relay.Script(new FakeScript());
        var started = _relay.Pids.Count;

        var refused = await AskAsync(key, model: "sonnet");

        refused.ErrorCode.Should().Be("upstream_rate_limited");
        refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds.Should().BeInRange(1, 4);
        _relay.Pids.Count.Should().Be(started, "it is refused without a process");
        (await AskAsync(key, model: "opus")).Status.Should().Be(200, "another family is not covered");
        await Program.EventuallyAsync(async () => (await AskAsync(key, model: "sonnet")).Status == 200, "the limit is never over");
    }

    [Fact(Timeout = 180_000)]
    public async Task Usage_is_the_callers_own_by_day_and_model_with_what_is_left()
    {
        var key = await MintAsync("counted", "--daily", "5", "--usd", "2.50", "--concurrency", "2");
        _relay.Script(new FakeScript { CostUsd = 0.25m });
        await AskAsync(key, model: "opus");
        await AskAsync(key, model: "opus");
        await AskAsync(key, model: "haiku");

        var usage = await Program.GetAsync("/v1/usage?days=1", key);

        usage.Status.Should().Be(200);
        var days = usage.Json.GetProperty("days").EnumerateArray().ToList();
        days.Select(day =>
                (
                    day.GetProperty("model").GetString(),
                    day.GetProperty("requests").GetInt64(),
                    day.GetProperty("input_tokens").GetInt64(),
                    day.GetProperty("cost_usd").GetDecimal()
                )
            )
            .Should()
            .Equal(("haiku", 1, 10, 0.25m), ("opus", 2, 20, 0.5m));
        days.Should()
            .OnlyContain(day =>
                day.GetProperty("day").GetString() == TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)
            );
        usage
            .Json.GetProperty("limits")
            .EnumerateArray()
            .Select(limit =>
                (
                    limit.GetProperty("name").GetString(),
                    limit.GetProperty("limit").GetDecimal(),
                    limit.GetProperty("remaining").GetDecimal()
                )
            )
            .Should()
            .Equal(
                ("minute", 1000000, 999997),
                ("day", 5, 2),
                ("usd-day", 2.5m, 1.75m),
                ("concurrency", 2, 2),
                ("fetch-minute", 60, 60),
                ("fetch-day", 2000, 2000),
                ("fetch-concurrency", 8, 8)
            );
        foreach (var wrong in (string[])["0", "-1", "367", "x", "1&days=2"])
        {
            (await Program.GetAsync($"/v1/usage?days={wrong}", key)).ErrorCode.Should().Be("invalid_request");
        }
    }

    [Fact(Timeout = 180_000)]
    public async Task A_key_is_good_for_its_scopes_and_models_only()
    {
        var reader = await MintAsync("reader", "--scope", "usage");
        var small = await MintAsync("small", "--model", "haiku,sonnet");

        (await AskAsync(reader)).ErrorCode.Should().Be("forbidden");
        (await Program.GetAsync("/v1/usage", reader)).Status.Should().Be(200);
        (await AskAsync(small)).ErrorCode.Should().Be("forbidden", "the default model is not among its own");
        (await AskAsync(small, model: "opus")).Status.Should().Be(403);
        (await AskAsync(small, model: "haiku")).Status.Should().Be(200);
        var models = (await Program.GetAsync("/v1/models", small)).Json;
        models
            .GetProperty("models")
            .EnumerateArray()
            .Select(model => model.GetString())
            .Should()
            .StartWith(["sonnet", "haiku"])
            .And.NotContain(name => name!.Contains("opus"));
        models.TryGetProperty("default", out _).Should().BeFalse();
    }

    [Theory(Timeout = 180_000)]
    [InlineData(false, Traits = ["Extent", "all"])]
    [InlineData(true)]
    public async Task A_restart_forgets_nothing_that_was_used(bool killed)
    {
        using var directory = new TemporaryDirectory();
        var claude = FakeClaudeInstall.Install(directory.Path, new FakeScript { CostUsd = 0.4m });
        (string, string)[] settings = [("RELAY_HOME", Path.Combine(directory.Path, "home"))];
        string key;
        await using (var relay = await RelayProgram.WithFakeClaudeAsync(claude, settings))
        {
            key = await relay.MintAsync("survivor", "--daily", "3", "--rpm", "3", "--usd", "5");
            (await relay.CompleteAsync(key, new { prompt = "hi" })).Status.Should().Be(200);
            // Others look at the database meanwhile: that must not take its locks away.
            (await relay.GetAsync("/v1/usage", key))
                .Status.Should()
                .Be(200);
            (await relay.RelayctlAsync("usage")).ExitCode.Should().Be(0);
            (await relay.CompleteAsync(key, new { prompt = "hi" })).Status.Should().Be(200);
            if (killed)
            {
                // Counts older than a second are safe.
                await Task.Delay(1000, TestContext.Current.CancellationToken);
                TestMachine.Kill(relay.ProcessId);
                await relay.WaitForExitAsync();
            }
        }

        await using var again = await RelayProgram.WithFakeClaudeAsync(claude, settings);
        var third = await again.CompleteAsync(key, new { prompt = "hi" });
        (third.Status, Remaining(third, "day"), Remaining(third, "minute")).Should().Be((200, 0, 0));
        (await again.CompleteAsync(key, new { prompt = "hi" })).ErrorCode.Should().Be("daily_limit");
        var total = (await again.GetAsync("/v1/usage", key)).Json.GetProperty("total");
        (total.GetProperty("requests").GetInt32(), total.GetProperty("cost_usd").GetDecimal()).Should().Be((3, 1.2m));
    }

    [Fact(Timeout = 180_000)]
    public async Task A_second_relay_on_the_same_home_does_not_start()
    {
        await using var second = RelayProgram.Launch([("RELAY_HOME", Program.Home)]);

        (await second.WaitForExitAsync()).Should().Be(1);

        string.Join('\n', second.Log).Should().Contain("Another relay runs on").And.Contain("RELAY_HOME").And.NotContain("   at ");
        (await _relay.AskAsync()).Status.Should().Be(200, "the first one goes on");
    }

    private Task<string> MintAsync(string label, params string[] options) => Program.MintAsync(label, options);

    private Task<RelayAnswer> AskAsync(string key, CancellationToken? caller = null, string? model = null) =>
        Program.CompleteAsync(key, model is null ? new { prompt = "hi" } : new { prompt = "hi", model }, caller);

    private async Task<(long Requests, decimal CostUsd)> TotalAsync(string key)
    {
        var total = (await Program.GetAsync("/v1/usage", key)).Json.GetProperty("total");
        return (total.GetProperty("requests").GetInt64(), total.GetProperty("cost_usd").GetDecimal());
    }

    private static bool IsOf(JsonElement line, string label) =>
        line.TryGetProperty("key_label", out var value) && value.GetString() == label;

    private static long Remaining(RelayAnswer answer, string policy) => Parameter(answer, policy, "r");

    private static long Reset(RelayAnswer answer, string policy) => Parameter(answer, policy, "t");

    private static long Parameter(RelayAnswer answer, string policy, string parameter)
    {
        var item = Items().Matches(Header(answer, "RateLimit")).Single(match => match.Groups["policy"].Value == policy);
        return long.Parse(
            Regex
                .Match(
                    item.Groups["parameters"].Value,
                    $";{parameter}=(?<value>[0-9]+)",
                    RegexOptions.ExplicitCapture,
                    TimeSpan.FromSeconds(1)
                )
                .Groups["value"]
                .Value,
            CultureInfo.InvariantCulture
        );
    }

    private static string Header(RelayAnswer answer, string name) => string.Join(", ", answer.Headers.GetValues(name));

    [GeneratedRegex("\"(?<policy>[a-z-]+)\"(?<parameters>(;[a-z-]+=[^,;]+)*)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Items();

    public sealed class Fixture()
        : FakeRelayFixture(("GLOBAL_CONCURRENCY", "4"), ("PER_KEY_CONCURRENCY", "4"), ("QUEUE_LIMIT", "200"), ("QUEUE_TIMEOUT", "20s"));
}
