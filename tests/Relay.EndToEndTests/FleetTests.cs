using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>
/// Three relays over the real CLI, one real Redis, and a real balancer: what one relay promises, all three keep together.
/// </summary>
public sealed class FleetTests(FleetTests.ThreeRelays three) : IClassFixture<FleetTests.ThreeRelays>
{
    private static readonly string[] Names = ["one", "two", "three"];

    private static int _prompts;

    private RelayFleet Fleet => three.Fleet;

    [OnlyWithAll]
    [Fact(Timeout = 600_000)]
    public async Task Of_many_at_once_through_the_balancer_exactly_as_many_as_the_limit_are_let_in()
    {
        var (requests, limit) = Extent.Of((30, 5), (100, 10), (600, 100));
        var key = await Fleet.MintAsync("crowd", "--rpm", $"{limit}");
        var mark = Mark();

        var answers = await Task.WhenAll(Enumerable.Range(0, requests).Select(number => AskAsync(key, $"{mark} {number}")));

        answers.Count(answer => answer.Status == 200).Should().Be(limit);
        answers
            .Where(answer => answer.Status is not (200 or 429))
            .Should()
            .BeEmpty(string.Join('\n', Fleet.Relays.Select(relay => relay.Complaints)));
        answers
            .Where(answer => answer.Status == 429)
            .Should()
            .OnlyContain(answer => answer.ErrorCode == "rate_limited" && answer.Headers.RetryAfter != null);
        AtTheApi(mark).Should().HaveCount(limit).And.OnlyHaveUniqueItems(request => request.LastUserText);
        foreach (var relay in Fleet.Relays)
        {
            relay.Audit.Should().Contain(line => line.GetProperty("action").GetString() == "complete", "the balancer asks all of them");
            (await TotalAsync(relay, key)).GetProperty("requests").GetInt64().Should().Be(limit, "every relay tells the fleet's usage");
        }
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_keys_minute_and_day_hold_across_the_relays()
    {
        foreach (var (option, code) in ((string, string)[])[("--rpm", "rate_limited"), ("--daily-limit", "daily_limit")])
        {
            var key = await Fleet.MintAsync("narrow" + option, option, "2");
            var mark = Mark();

            (await Fleet["one"].CompleteAsync(key, new { prompt = mark })).Status.Should().Be(200);
            (await Fleet["two"].CompleteAsync(key, new { prompt = mark })).Status.Should().Be(200);

            foreach (var relay in Fleet.Relays)
            {
                var refused = await relay.CompleteAsync(key, new { prompt = mark });
                (refused.Status, refused.ErrorCode).Should().Be((429, code));
            }

            AtTheApi(mark).Should().HaveCount(2);
        }
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_keys_money_of_the_day_holds_across_the_relays()
    {
        var rich = await Fleet.MintAsync("rich");
        (await Fleet["one"].CompleteAsync(rich, new { prompt = Mark("dear"), model = "sonnet" })).Status.Should().Be(200);
        var price = await SpentAsync(rich, atLeast: 0.1m);
        var key = await Fleet.MintAsync("thrifty", "--usd", (price * 1.5m).ToString(CultureInfo.InvariantCulture));
        var mark = Mark("dear");

        (await Fleet["one"].CompleteAsync(key, new { prompt = mark, model = "sonnet" })).Status.Should().Be(200);
        (await Fleet["two"].CompleteAsync(key, new { prompt = mark, model = "sonnet" })).Status.Should().Be(200);
        (await SpentAsync(key, atLeast: price * 2)).Should().Be(price * 2);

        foreach (var relay in Fleet.Relays)
        {
            var refused = await relay.CompleteAsync(key, new { prompt = mark, model = "sonnet" });
            (refused.Status, refused.ErrorCode).Should().Be((429, "daily_limit"));
            refused.Json.GetProperty("error").GetProperty("message").GetString().Should().Contain("US dollars");
        }

        AtTheApi(mark).Should().HaveCount(2);
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_keys_concurrency_holds_across_the_relays_and_who_waits_is_let_in_by_another_relays_end()
    {
        var key = await Fleet.MintAsync("two-at-once", "--concurrency", "2");
        var mark = Mark("slow");

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 6).Select(number => Fleet.Relays[number % 3].CompleteAsync(key, new { prompt = $"{mark} {number}" }))
        );

        answers.Should().OnlyContain(answer => answer.Status == 200);
        var asked = AtTheApi(mark).Select(request => request.ReceivedAt).Order().ToList();
        asked.Should().HaveCount(6);
        for (var number = 2; number < asked.Count; number++)
        {
            (asked[number] - asked[number - 2])
                .Should()
                .BeGreaterThan(ThreeRelays.Slow - TimeSpan.FromMilliseconds(20), "no third ran beside two");
        }
    }

    [Fact(Timeout = 120_000)]
    public async Task One_Idempotency_Key_sent_to_all_at_once_spends_once()
    {
        var key = await Fleet.MintAsync("once");
        var mark = Mark("slow");

        var answers = await Task.WhenAll(Fleet.Relays.Select(relay => OnceAsync(relay, key, mark)));

        answers.Count(answer => answer.Status == 200).Should().Be(1);
        answers
            .Where(answer => answer.Status != 200)
            .Should()
            .OnlyContain(answer => answer.Status == 409 && answer.ErrorCode == "idempotency_in_flight");
        var first = answers.Single(answer => answer.Status == 200).Text;
        foreach (var relay in Fleet.Relays)
        {
            var again = await OnceAsync(relay, key, mark);
            (again.Status, again.Text).Should().Be((200, first));
            again.Headers.GetValues("Idempotent-Replayed").Should().Equal("true");
        }

        AtTheApi(mark).Should().HaveCount(1);
        (await TotalAsync(Fleet["one"], key)).GetProperty("requests").GetInt64().Should().Be(1);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_revoked_key_is_refused_by_every_relay_within_a_second()
    {
        var key = await Fleet.MintAsync("revoked");
        var (code, _, error) = await Fleet["one"].RelayctlAsync("keys", "revoke", "revoked");
        var watch = Stopwatch.StartNew();

        code.Should().Be(0, error);
        foreach (var relay in Fleet.Relays)
        {
            await relay.EventuallyAsync(
                async () => (await relay.GetAsync("/v1/models", key)).Status == 401,
                "a revoked key opens the door"
            );
        }

        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(1));
    }

    [Fact(Timeout = 120_000)]
    public async Task A_session_of_the_dashboard_stays_with_its_relay_behind_the_balancer()
    {
        var key = await Fleet.MintAsync("operator", "--scope", "admin");
        var origin = Fleet.Balancer.BaseAddress!.GetLeftPart(UriPartial.Authority);
        using var signIn = new HttpRequestMessage(HttpMethod.Post, "/dashboard/session")
        {
            Headers = { { "Authorization", $"Bearer {key}" }, { "Origin", origin } },
        };
        using var signedIn = await Fleet.Balancer.SendAsync(signIn, TestContext.Current.CancellationToken);
        signedIn.StatusCode.Should().Be(HttpStatusCode.OK);
        using var session = JsonDocument.Parse(await signedIn.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        var proof = session.RootElement.GetProperty("proof").GetString()!;

        for (var time = 0; time < 6; time++)
        {
            using var ask = new HttpRequestMessage(HttpMethod.Get, "/dashboard/snapshot")
            {
                Headers = { { "Cookie", signedIn.Headers.GetValues("Set-Cookie").Single().Split(';')[0] }, { "X-Dashboard-Proof", proof } },
            };
            using var answer = await Fleet.Balancer.SendAsync(ask, TestContext.Current.CancellationToken);
            answer.StatusCode.Should().Be(HttpStatusCode.OK);
        }
    }

    [OnlyWithAll]
    [Fact(Timeout = 300_000)]
    public async Task A_relay_that_is_killed_in_the_middle_gives_its_leases_back_and_nothing_is_asked_or_charged_twice()
    {
        const int places = 6;
        var key = await Fleet.MintAsync("bereft", "--concurrency", $"{places}");
        var mark = Mark("endless");
        var running = Enumerable.Range(0, places).Select(number => AskAsync(key, $"{mark} {number}")).ToList();
        await TestMachine.EventuallyAsync(() => AtTheApi(mark).Count == places, TimeSpan.FromSeconds(120), "not all of them run");

        TestMachine.Kill(Fleet["two"].ProcessId);
        var watch = Stopwatch.StartNew();

        // New ones go round it from this moment on: a connection that was refused is tried at another.
        (await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => ModelsAsync(key))))
            .Should()
            .OnlyContain(status => status == 200);
        three.Release.SetResult();
        var answers = await Task.WhenAll(running);
        var lost = answers.Count(answer => answer.Status == 502);
        lost.Should().BeInRange(1, places - 2, "the balancer had spread them");
        answers
            .Where(answer => answer.Status == 502)
            .Should()
            .OnlyContain(answer => answer.ErrorCode == "upstream_error" && answer.Headers.GetValues("x-should-retry").Single() == "false");
        answers.Count(answer => answer.Status == 200).Should().Be(places - lost);
        AtTheApi(mark).Should().HaveCount(places, "nobody asked again for those that were lost");

        // Its leases: taken until they expire, and free then. Those of the others come back just after their answers.
        var left = 0;
        await Fleet["one"]
            .EventuallyAsync(
                async () => (left = await ConcurrencyLeftAsync(Fleet["one"], key)) >= places - lost,
                "what has ended holds its places"
            );
        if (watch.Elapsed < TimeSpan.FromSeconds(10))
        {
            left.Should().Be(places - lost);
        }

        await Fleet["one"]
            .EventuallyAsync(
                async () => await ConcurrencyLeftAsync(Fleet["one"], key) == places,
                "the dead relay's leases are not given back"
            );
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(20));
        JsonElement
            .Parse((await Fleet["one"].RelayctlAsync("fleet", "--json")).Output)
            .GetProperty("relays")
            .EnumerateArray()
            .Single(relay => relay.GetProperty("name").GetString() == "two")
            .GetProperty("state")
            .GetString()
            .Should()
            .Be("lost");
        var total = await TotalAsync(Fleet["three"], key);
        total.GetProperty("requests").GetInt64().Should().Be(places, "each counts once");

        await Fleet.StartAgainAsync("two");
        (await Fleet["two"].CompleteAsync(key, new { prompt = mark + " again" })).Status.Should().Be(200);
        (await TotalAsync(Fleet["two"], key))
            .GetProperty("cost_usd")
            .GetDecimal()
            .Should()
            .BeGreaterThanOrEqualTo(total.GetProperty("cost_usd").GetDecimal(), "what was spent by the dead relay stays spent");
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task The_balancer_passes_the_reason_on_when_no_relay_is_ready()
    {
        var key = await Fleet.MintAsync("stranded");
        Fleet.Redis.Freeze();
        try
        {
            await TestMachine.EventuallyAsync(
                () => Fleet.Relays.All(relay => relay.GetAsync("/health/ready").GetAwaiter().GetResult().Status == 503),
                TimeSpan.FromSeconds(30),
                "a relay is ready without what they share"
            );
            await Fleet["one"]
                .EventuallyAsync(
                    async () => (await AskAsync(key, "hi")).ErrorCode == "state_unavailable",
                    "the caller is not told what is wrong"
                );
        }
        finally
        {
            Fleet.Redis.Thaw();
        }

        await Fleet["one"].EventuallyAsync(async () => (await AskAsync(key, "hi")).Status == 200, "the fleet does not come back");
    }

    /// <summary>Words that no other test says.</summary>
    private static string Mark(string kind = "plain") => $"{kind} mark-{Interlocked.Increment(ref _prompts)}-end";

    private List<RecordedRequest> AtTheApi(string mark) =>
        [.. three.Api.Requests.Where(request => request.LastUserText.Contains(mark, StringComparison.Ordinal))];

    private async Task<RelayAnswer> AskAsync(string key, string prompt)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/complete") { Content = JsonContent.Create(new { prompt }) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var response = await Fleet.Balancer.SendAsync(request, TestContext.Current.CancellationToken);
        return new RelayAnswer(
            (int)response.StatusCode,
            await response.Content.ReadAsStringAsync(CancellationToken.None),
            response.Headers
        );
    }

    private async Task<int> ModelsAsync(string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var response = await Fleet.Balancer.SendAsync(request, TestContext.Current.CancellationToken);
        return (int)response.StatusCode;
    }

    private static async Task<RelayAnswer> OnceAsync(RelayProgram relay, string key, string prompt)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/complete") { Content = JsonContent.Create(new { prompt }) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        request.Headers.Add("Idempotency-Key", prompt.Replace(' ', '-'));
        return await relay.SendAsync(request, null);
    }

    /// <summary>The money that a key has spent, by the third relay's word. The cost of an answer is told after the answer.</summary>
    private async Task<decimal> SpentAsync(string key, decimal atLeast)
    {
        var spent = 0m;
        await Fleet["three"]
            .EventuallyAsync(
                async () => (spent = (await TotalAsync(Fleet["three"], key)).GetProperty("cost_usd").GetDecimal()) >= atLeast,
                $"the fleet does not know that {atLeast} USD are spent"
            );
        return spent;
    }

    private static async Task<JsonElement> TotalAsync(RelayProgram relay, string key) =>
        (await relay.GetAsync("/v1/usage", key)).Json.GetProperty("total");

    private static async Task<int> ConcurrencyLeftAsync(RelayProgram relay, string key) =>
        (await relay.GetAsync("/v1/usage", key))
            .Json.GetProperty("limits")
            .EnumerateArray()
            .Single(limit => limit.GetProperty("name").GetString() == "concurrency")
            .GetProperty("remaining")
            .GetInt32();

    /// <summary>The fleet of all tests here: slow where the prompt says so.</summary>
    public sealed class ThreeRelays : IAsyncLifetime
    {
        /// <summary>The API's time for a prompt that begins with "slow".</summary>
        internal static TimeSpan Slow { get; } = TimeSpan.FromSeconds(1);

        internal RelayFleet Fleet { get; private set; } = null!;

        internal Simulator Api { get; private set; } = null!;

        /// <summary>Ends the wait of prompts that begin with "endless".</summary>
        internal TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async ValueTask InitializeAsync()
        {
            Api = await Simulator.StartAsync(ct: TestContext.Current.CancellationToken);
            Api.When("slow mark", new Behavior { BeforeFirstToken = Slow });
            Api.When("endless mark", new Behavior { Until = Release.Task });
            Api.When("dear mark", new Behavior { InputTokens = 100_000 });
            Fleet = await RelayFleet.StartAsync(
                Names,
                settings =>
                    RelayProgram.WithRealClaudeAsync(
                        Api,
                        [
                            ("GLOBAL_CONCURRENCY", "7"),
                            ("PER_KEY_CONCURRENCY", "21"),
                            ("QUEUE_LIMIT", "1000"),
                            ("QUEUE_TIMEOUT", "5m"),
                            ("WARM_PROCESSES", "0"),
                            ("WARM_PROFILES", "2"),
                            ("IDLE_TIMEOUT", "5m"),
                            ("REQ_TIMEOUT", "5m"),
                            .. settings,
                        ]
                    )
            );
            await Fleet.StartBalancerAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await Fleet.DisposeAsync();
            await Api.DisposeAsync();
        }
    }
}
