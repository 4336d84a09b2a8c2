using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Relay.Domain;
using Relay.Domain.Fetching;
using Relay.FakeClaude;
using Relay.Infrastructure.HttpFetching;

namespace Relay.EndToEndTests;

/// <summary>A scrape tells the work that was done, and holds no word of a caller.</summary>
public sealed class MetricsTests(TestInternet internet) : IClassFixture<TestInternet>
{
    private const string Requests = "http_server_request_duration_seconds_count";

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_scrape_says_what_a_load_did_number_by_number()
    {
        internet.Names.Everybody = "93.184.215.14";
        await using var relay = await internet.StartRelayAsync(
            settings:
            [
                ("GLOBAL_CONCURRENCY", "2"),
                ("PER_KEY_CONCURRENCY", "2"),
                ("QUEUE_LIMIT", "4"),
                ("ALLOWED_MODELS", "opus,sonnet,haiku"),
            ]
        );
        var program = relay.Program;
        var admin = await program.MintAsync("prometheus", "--scope", "admin");
        var poor = await program.MintAsync("poor", "--daily", "1");
        var before = await Scrape.OfAsync(program, admin);

        // One by one: what succeeds, on each API and as a stream; what is refused; what fails.
        foreach (
            var (path, body) in ((string, object)[])
                [
                    ("/v1/complete", new { prompt = "hi" }),
                    (
                        "/v1/complete",
                        new
                        {
                            prompt = "hi",
                            model = "sonnet",
                            stream = true,
                        }
                    ),
                    ("/v1/complete", new { prompt = "hi", model = "claude-sonnet-9-9" }),
                    ("/v1/chat/completions", new { model = "haiku", messages = new[] { new { role = "user", content = "hi" } } }),
                    (
                        "/v1/messages",
                        new
                        {
                            model = "opus",
                            max_tokens = 5,
                            messages = new[] { new { role = "user", content = "hi" } },
                        }
                    ),
                ]
        )
        {
            (await program.PostTextAsync(path, relay.Key, body)).Should().Be(200);
        }

        (await program.CompleteAsync(relay.Key, "{}")).Status.Should().Be(400);
        (await program.CompleteAsync(relay.Key, new { prompt = "hi", model = "gpt" })).Status.Should().Be(400);
        (await program.CompleteAsync(admin, new { prompt = "hi" })).Status.Should().Be(403);
        (await program.CompleteAsync("nobody", new { prompt = "hi" })).Status.Should().Be(401);
        (await program.GetAsync("/nowhere", relay.Key)).Status.Should().Be(404);
        (await program.CompleteAsync(poor, new { prompt = "hi" })).Status.Should().Be(200);
        for (var times = 0; times < 3; times++)
        {
            (await program.CompleteAsync(poor, new { prompt = "hi" })).ErrorCode.Should().Be("daily_limit");
            (await relay.FetchAsync(new { url = "http://www.example.org/" })).Status.Should().Be(200);
        }

        (await relay.FetchAsync(new { url = "http://127.0.0.1/" })).Status.Should().Be(400);
        (await relay.FetchAsync(new { url = $"http://{TestInternet.UnreachableAddress}/" })).Status.Should().Be(502);
        FakeClaudeInstall.Update(relay.ClaudeDirectory, new FakeScript { Behavior = FakeBehavior.ErrorResult, ErrorStatus = 500 });
        (await program.CompleteAsync(relay.Key, new { prompt = "hi" })).ErrorCode.Should().Be("upstream_error");

        // And all at once: two run, four wait, the rest are turned away.
        FakeClaudeInstall.Update(relay.ClaudeDirectory, new FakeScript { DelayMs = 1500 });
        var crowd = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => program.CompleteAsync(relay.Key, new { prompt = "hi" })));
        crowd.Count(answer => answer.Status == 200).Should().Be(6);
        crowd.Count(answer => answer.ErrorCode == "queue_full").Should().Be(6);

        const int expected = 5 + 2 + 1 + 1 + 1 + 1 + 6 + 2 + 1 + 12;
        var scrape = before;
        await program.EventuallyAsync(
            async () =>
                (scrape = await Scrape.OfAsync(program, admin))
                    .All.Where(series =>
                        series.Name == Requests
                        && series.Labels["http_route"] is not ("metrics" or "v1/models" or "health" or "health/ready")
                    )
                    .Sum(series => series.Value) >= expected,
            "the requests are not counted"
        );
        double Did(string name, params (string, string)[] labels) => scrape.Sum(name, labels) - before.Sum(name, labels);

        // Requests, by what the client saw.
        Did(Requests, ("http_route", "v1/complete"), ("http_response_status_code", "200")).Should().Be(3 + 1 + 6);
        Did(Requests, ("http_route", "v1/chat/completions"), ("relay_api", "openai"), ("relay_outcome", "ok")).Should().Be(1);
        Did(Requests, ("http_route", "v1/messages"), ("relay_api", "anthropic"), ("relay_outcome", "ok")).Should().Be(1);
        Did(Requests, ("relay_outcome", "invalid_request")).Should().Be(1);
        Did(Requests, ("relay_outcome", "unknown_model")).Should().Be(1);
        Did(Requests, ("relay_outcome", "forbidden")).Should().Be(1);
        Did(Requests, ("relay_outcome", "unauthorized")).Should().Be(1, "the scrapes and the waits for keys are before");
        Did(Requests, ("http_route", "(none)"), ("relay_outcome", "not_found")).Should().Be(1);
        Did(Requests, ("relay_outcome", "daily_limit"), ("http_response_status_code", "429")).Should().Be(3);
        Did(Requests, ("relay_outcome", "upstream_error"), ("http_response_status_code", "502")).Should().Be(1);
        Did(Requests, ("http_route", "v1/fetch"), ("relay_outcome", "ok")).Should().Be(3);
        Did(Requests, ("relay_outcome", "queue_full")).Should().Be(6);

        // Admission and queue.
        Did("relay_admissions_total", ("relay_bucket", "completions"), ("relay_outcome", "ok")).Should().Be(5 + 1 + 1 + 6);
        Did("relay_admissions_total", ("relay_bucket", "completions"), ("relay_outcome", "daily_limit")).Should().Be(3);
        Did("relay_admissions_total", ("relay_bucket", "completions"), ("relay_outcome", "queue_full")).Should().Be(6);
        Did("relay_admissions_total", ("relay_bucket", "fetches"), ("relay_outcome", "ok")).Should().Be(5);
        Did("relay_queue_wait_duration_seconds_count", ("relay_bucket", "completions"), ("relay_outcome", "ok")).Should().Be(13);
        Did("relay_queue_wait_duration_seconds_bucket", ("relay_bucket", "completions"), ("relay_outcome", "ok"), ("le", "0.25"))
            .Should()
            .BeInRange(9, 11, "four of the crowd waited for others");
        (scrape.Sum("relay_queue_running"), scrape.Sum("relay_queue_waiting")).Should().Be((0, 0));
        scrape.Sum("relay_queue_places", ("relay_bucket", "completions")).Should().Be(2);

        // The engine.
        Did("relay_pool_claims_total", ("relay_pool_result", "miss")).Should().Be(13);
        Did("relay_pool_claims_total", ("relay_pool_result", "hit")).Should().Be(0);
        Did("gen_ai_client_operation_duration_seconds_count").Should().Be(13);
        Did("gen_ai_client_operation_duration_seconds_count", ("error_type", "upstream_error")).Should().Be(1);
        Did("gen_ai_client_operation_duration_seconds_count", ("gen_ai_request_model", "sonnet"))
            .Should()
            .Be(2, "a full id counts under its family");
        Did("gen_ai_server_request_duration_seconds_count", ("gen_ai_request_model", "haiku")).Should().Be(1);
        Did("gen_ai_server_time_to_first_token_seconds_count").Should().Be(12, "of those that succeeded");
        Did("gen_ai_server_time_per_output_token_seconds_count").Should().Be(12);

        // Tokens and money, by the audit log.
        var audit = program.Audit.Where(line => line.GetProperty("action").GetString() == "complete").ToList();
        double Audited(string field) => audit.Sum(line => line.TryGetProperty(field, out var value) ? value.GetDouble() : 0);
        foreach (
            var (type, field) in ((string, string)[])
                [
                    ("input", "input_tokens"),
                    ("output", "output_tokens"),
                    ("cache_creation", "cache_creation_input_tokens"),
                    ("cache_read", "cache_read_input_tokens"),
                ]
        )
        {
            Did("relay_tokens_total", ("gen_ai_token_type", type)).Should().Be(Audited(field), type);
        }

        Audited("input_tokens").Should().BePositive();
        Did("gen_ai_client_token_usage_sum", ("gen_ai_token_type", "output")).Should().Be(Audited("output_tokens"));
        Did("gen_ai_client_token_usage_sum", ("gen_ai_token_type", "input"))
            .Should()
            .Be(Audited("input_tokens") + Audited("cache_creation_input_tokens") + Audited("cache_read_input_tokens"));
        Audited("cost_usd").Should().BePositive();
        Did("relay_cost_usd_total").Should().BeApproximately(Audited("cost_usd"), 1e-9);

        // Pages.
        Did("relay_fetch_duration_seconds_count", ("relay_fetch_outcome", "ok")).Should().Be(3);
        Did("relay_fetch_duration_seconds_count", ("relay_fetch_outcome", "target_forbidden")).Should().Be(1);
        Did("relay_fetch_duration_seconds_count", ("relay_fetch_outcome", "upstream_connect")).Should().Be(1);

        // The labels as they are.
        (
            scrape.Sum("relay_ready"),
            scrape.Sum("relay_lockdown_verified"),
            scrape.Sum("relay_lockdown_violations_total"),
            scrape.Sum("relay_engine_problem")
        )
            .Should()
            .Be((1, 1, 0, 0));
        scrape.All.Where(series => series.Name == "relay_part_healthy").Should().HaveCount(4).And.OnlyContain(series => series.Value == 1);
    }

    [Fact(Timeout = 120_000)]
    public async Task No_label_holds_what_a_caller_chose_whatever_it_sends()
    {
        await using var relay = await FakeRelay.StartAsync(
            new FakeScript(),
            ("METRICS_PORT", "0"),
            ("MODEL_ALIASES", "gpt-4o=sonnet"),
            ("PER_KEY_DAILY", "1000000"),
            ("GLOBAL_DAILY", "1000000"),
            ("GLOBAL_CONCURRENCY", "8"),
            ("QUEUE_LIMIT", "1000")
        );
        var program = relay.Program;
        var seed = Environment.TickCount;
        var random = new Random(seed);
        string Word() => $"canary{random.Next(1_000_000)}";
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 150),
            new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = TestContext.Current.CancellationToken },
            async (round, cancellationToken) =>
            {
                var word = Word();
                var key = round % 3 == 0 ? "crk_" + word : relay.Key;
                var (method, path) = (round % 5) switch
                {
                    0 => (word.ToUpperInvariant(), "/v1/complete"),
                    1 => ("GET", $"/{word}/{word}?{word}={word}"),
                    2 => ("GET", $"/v1/models/claude-opus-{word}"),
                    _ => ("POST", round % 2 == 0 ? "/v1/complete" : "/v1/messages?beta=" + word),
                };
                var body =
                    round % 10 == 3 ? $$"""{"prompt":"{{word}}","model":"claude-haiku-{{word}}"}"""
                    : round % 10 == 4 ? $$"""{"{{word}}":"{{word}}"}"""
                    : $$"""{"model":"claude-opus-{{word}}","max_tokens":1,"messages":[{"role":"user","content":"{{word}}"}]}""";
                var host = round % 7 == 0 ? word : "localhost";
                var answer = await RawHttp.ExchangeAsync(
                    program,
                    $"{method} {path} HTTP/1.1\nHost: {host}\nConnection: close\nAuthorization: Bearer {key}\ntraceparent: "
                        + $"00-{word}\ntracestate: {word}={word}\nbaggage: {word}={word}\nanthropic-version: {word}\nUser-Agent: {word}\nX-Request-Id: {word}\nX-Forwarded-For: {word}\nContent-Type: application/json\nContent-Length: {body.Length}\n\n",
                    System.Text.Encoding.ASCII.GetBytes(body)
                );
                answer.Status.Should().BePositive();
            }
        );
        foreach (var url in (string[])["http://127.0.0.1/x", "ftp://x/", "nonsense", "http://user@host/"])
        {
            (await program.PostAsync("/v1/fetch", relay.Key, new { url })).Status.Should().Be(400);
        }

        relay.Script(
            new FakeScript
            {
                Behavior = FakeBehavior.ErrorResult,
                ErrorText = Word(),
                ErrorName = Word(),
                ErrorStatus = 418,
                LimitKind = Word(),
            }
        );
        (await relay.AskAsync()).Status.Should().Be(502);

        var scrape = await Scrape.OfAsync(program);

        var documented = Documentation.Metrics;
        var labels = Documentation.Labels;
        foreach (var series in scrape.Own)
        {
            var metric = documented.SingleOrDefault(metric => metric.Covers(series.Name));
            metric.Should().NotBeNull($"{series.Name} is in docs/telemetry.md");
            series.Labels.Keys.Except(["le"], StringComparer.Ordinal).Should().BeSubsetOf(metric!.Labels, series.Name);
            foreach (var (label, value) in series.Labels.Where(label => label.Key != "le"))
            {
                labels[label](value).Should().BeTrue($"seed {seed}: {series.Name} has {label}={value}");
            }
        }

        documented
            .Where(metric => !scrape.Own.Any(series => metric.Covers(series.Name)))
            .Select(metric => metric.Prometheus)
            .Should()
            .BeEquivalentTo(
                ["relay_engine_problem", "relay_gate_refusals_total", "relay_login_end_seconds", "relay_upstream_used"],
                "nothing else was left out: Claude Code serves and is refused nothing, a key has no end, and without a gate nobody sees "
                    + "the API's headers"
            );
        scrape
            .All.Should()
            .NotContain(series => series.Labels.Values.Any(value => value.Contains("canary", StringComparison.OrdinalIgnoreCase)));
        scrape
            .Own.Select(series => (series.Name, Key: string.Join(',', series.Labels.Where(label => label.Key != "le"))))
            .Distinct()
            .Count()
            .Should()
            .BeLessThan(350);
        var queries = await Documentation.QueriesAsync();
        queries.Select(query => query.File).Distinct(StringComparer.Ordinal).Should().HaveCount(2, "the dashboard's and the rules'");
        foreach (var query in queries)
        {
            query.ShouldBeOf(scrape, documented);
        }
    }

    [Fact(Timeout = 180_000)]
    public async Task The_port_for_Prometheus_serves_the_metrics_and_nothing_else_and_the_other_asks_for_an_admin()
    {
        await using var relay = await FakeRelay.StartAsync(script: null, ("METRICS_PORT", "0"));
        var program = relay.Program;
        var admin = await program.MintAsync("prometheus", "--scope", "admin");
        var port = new Uri(Scrape.UrlOf(program), "/");

        async Task<int> StatusAsync(HttpMethod method, Uri url, string? host = null, string? key = null)
        {
            using var request = new HttpRequestMessage(method, url);
            request.Headers.Host = host;
            request.Headers.Authorization = key is null ? null : new("Bearer", key);
            using var response = await (url.Authority == port.Authority ? Scrape.Prometheus : program.Http).SendAsync(
                request,
                TestContext.Current.CancellationToken
            );
            return (int)response.StatusCode;
        }

        (await StatusAsync(HttpMethod.Get, new Uri(port, "/metrics"))).Should().Be(200);
        (await StatusAsync(HttpMethod.Get, new Uri(port, "/metrics"), host: "localhost")).Should().Be(200);
        (await StatusAsync(HttpMethod.Get, new Uri(port, "/metrics"), host: "evil.example")).Should().Be(421);
        (await StatusAsync(HttpMethod.Post, new Uri(port, "/metrics"))).Should().Be(405);
        foreach (
            var path in (string[])["/", "/metrics/", "/metrics/x", "/health", "/health/ready", "/v1/models", "/v1/complete", "/v1/usage"]
        )
        {
            (await StatusAsync(HttpMethod.Get, new Uri(port, path), key: admin)).Should().Be(404, path);
            (await StatusAsync(HttpMethod.Post, new Uri(port, path), key: relay.Key)).Should().BeOneOf([404, 405], path);
        }

        var own = program.Http.BaseAddress!;
        // Not even with the other port's name in its Host header.
        (await StatusAsync(HttpMethod.Get, new Uri(own, "/metrics"), host: port.Authority))
            .Should()
            .Be(401);
        (await StatusAsync(HttpMethod.Get, new Uri(own, "/metrics"), key: relay.Key)).Should().Be(403);
        (await StatusAsync(HttpMethod.Post, new Uri(own, "/metrics"), key: admin)).Should().Be(405);
        (await StatusAsync(HttpMethod.Get, new Uri(own, "/metrics"), key: admin)).Should().Be(200);
        (await StatusAsync(HttpMethod.Get, new Uri(own, "/health"))).Should().Be(200);

        var scraped = await relay.AuditedAsync(line =>
            line.TryGetProperty("route", out var route)
            && route.GetString() == "GET metrics"
            && line.GetProperty("status").GetInt32() == 200
        );
        scraped.GetProperty("key_label").GetString().Should().Be("prometheus");
        program
            .Audit.Count(line => line.GetProperty("action").GetString() == "metrics")
            .Should()
            .Be(2, "403 and 200 on the relay's own port; 405 is no route");
        program
            .Log.Should()
            .NotContain(line => line.Contains("metrics 4", StringComparison.Ordinal) && line.Contains("404", StringComparison.Ordinal));
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task A_port_that_is_taken_and_nonsense_are_told_at_the_start()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);

        await using var relay = RelayProgram.Launch([("METRICS_PORT", port), ("CLAUDE_BIN", "/nowhere"), ("SANDBOX", "off")]);
        (await relay.WaitForExitAsync()).Should().Be(1);
        relay.Log.Should().ContainSingle(line => line.Contains("METRICS_PORT", StringComparison.Ordinal)).Which.Should().Contain(port);

        await using var wrong = RelayProgram.Launch([
            ("METRICS_PORT", "70000"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:secret-of-a-test@collector/"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "morse"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret-of-a-test"),
            ("TRACE_SAMPLE_PERCENT", "101"),
        ]);
        (await wrong.WaitForExitAsync()).Should().Be(1);
        var log = string.Join('\n', wrong.Log);
        log.Should()
            .ContainAll("METRICS_PORT", "OTEL_EXPORTER_OTLP_ENDPOINT", "'morse'", "OTEL_EXPORTER_OTLP_HEADERS", "TRACE_SAMPLE_PERCENT")
            .And.NotContain("secret-of-a-test");
    }

    [Fact]
    public void The_documented_words_of_fetches_are_those_that_there_are()
    {
        var outcome = Documentation.Labels["relay_fetch_outcome"];
        var words = Enum.GetNames<FetchFault>()
            .Select(name =>
                string.Concat(
                    name.Select(
                        (letter, index) =>
                            char.IsAsciiLetterUpper(letter) && index > 0
                                ? "_" + char.ToLowerInvariant(letter)
                                : char.ToLowerInvariant(letter).ToString()
                    )
                )
            )
            .Concat(Enum.GetValues<UrlRefusal>().Select(refusal => refusal.WireName()))
            .Concat([
                "ok",
                "body_too_large",
                "unsupported_content_type",
                ErrorCode.TooLarge.WireName(),
                ErrorCode.ClientClosed.WireName(),
                ErrorCode.InternalError.WireName(),
            ]);
        words.Should().OnlyContain(word => outcome(word));
        outcome("anything else").Should().BeFalse();
    }
}

internal static class StreamedAnswers
{
    /// <summary>Posts, and reads an answer of any kind to its end.</summary>
    public static async Task<int> PostTextAsync(this RelayProgram program, string path, string key, object body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(
                JsonSerializer.Serialize(body),
                new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")
            ),
        };
        request.Headers.Authorization = new("Bearer", key);
        using var response = await program.Http.SendAsync(request, TestContext.Current.CancellationToken);
        (await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Should().NotBeEmpty();
        return (int)response.StatusCode;
    }
}
