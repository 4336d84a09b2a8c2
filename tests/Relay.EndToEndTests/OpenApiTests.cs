using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>
/// The relay's answers are those of the description: success and failure of every route. The comparison itself is in
/// <see cref="DescribedAnswers"/>, which sees the answers of all other tests, too.
/// </summary>
public sealed class OpenApiTests(DescribedRelays relays) : IClassFixture<DescribedRelays>
{
    private static readonly string[] Spending = ["/v1/complete", "/v1/chat/completions", "/v1/responses", "/v1/messages"];

    private readonly FakeRelay _relay = relays.Fresh();

    public static TheoryData<string> SpendingRoutes => [.. Spending];

    [Theory(Timeout = 180_000)]
    [MemberData(nameof(SpendingRoutes))]
    public async Task Completions_whole_and_as_events(string path)
    {
        await ShouldAnswerAsync(path, Body(path), 200);
        (await StreamAsync(path)).EndedWhole.Should().BeTrue();
        if (path == "/v1/complete")
        {
            await ShouldAnswerAsync(path, new { prompt = "hi", output_format = "json" }, 200);
        }
        else if (path == "/v1/chat/completions")
        {
            (
                await _relay.Program.StreamAsync(
                    path,
                    _relay.Key,
                    new
                    {
                        model = "opus",
                        stream = true,
                        messages = Messages,
                        stream_options = new { include_usage = true },
                    }
                )
            ).Events[^2].Data.Should().Contain("total_tokens");
        }
    }

    [Theory(Timeout = 180_000)]
    [MemberData(nameof(SpendingRoutes))]
    public async Task Bodies_that_are_refused(string path)
    {
        // The compatible routes take a field that nobody knows, and miss the model.
        await ShouldAnswerAsync(path, new { undescribed = 1 }, 400, path == "/v1/complete" ? "not a field" : "'model' is required");
        await ShouldAnswerAsync(path, "{", 400, "not valid JSON");
        await ShouldAnswerAsync(path, Body(path, "no-model"), path == "/v1/complete" ? 400 : 404, "model");
        await ShouldAnswerAsync(path, Body(path, text: new string('x', 300_000)), 413);
        using var plain = Request(HttpMethod.Post, path, _relay.Key, new StringContent("hi"));
        await ShouldAnswerAsync(plain, 415);
    }

    [Theory(Timeout = 180_000)]
    [MemberData(nameof(SpendingRoutes))]
    [InlineData("/v1/fetch")]
    [InlineData("/v1/messages/count_tokens")]
    public async Task Callers_that_are_refused(string path)
    {
        await ShouldAnswerAsync(path, Body(path), 401, key: "nobody's");
        await ShouldAnswerAsync(path, Body(path), 403, key: relays.UsageKey);
        using var other = Request(HttpMethod.Post, path, _relay.Key, JsonContent.Create(Body(path)));
        other.Headers.Host = "elsewhere.example";
        await ShouldAnswerAsync(other, 421);
    }

    [Theory(Timeout = 180_000)]
    [MemberData(nameof(SpendingRoutes))]
    public async Task Answers_that_are_given_again_or_not(string path)
    {
        var key = path;
        (await AskAgainAsync(path, key, Body(path), 200)).Headers.Contains("Idempotent-Replayed").Should().BeFalse();
        (await AskAgainAsync(path, key, Body(path), 200)).Headers.Contains("Idempotent-Replayed").Should().BeTrue();
        await AskAgainAsync(path, key, Body(path, text: "other"), 422);
        await AskAgainAsync(path, "two words", Body(path), 400);
        (await _relay.Program.StreamAsync(path, _relay.Key, Body(path, stream: true), idempotencyKey: key + "s")).Status.Should().Be(200);
        (await _relay.Program.StreamAsync(path, _relay.Key, Body(path, stream: true), idempotencyKey: key + "s"))
            .EndedWhole.Should()
            .BeTrue();

        _relay.Script(new FakeScript { Behavior = FakeBehavior.SlowAnswer, DelayMs = 700 });
        var started = _relay.Pids.Count;
        var first = AskAgainAsync(path, key + "f", Body(path), 200);
        await TestMachine.EventuallyAsync(() => _relay.Pids.Count > started, TimeSpan.FromSeconds(10), "nothing runs");
        await AskAgainAsync(path, key + "f", Body(path), 409);
        await first;
    }

    [Theory(Timeout = 180_000)]
    [MemberData(nameof(SpendingRoutes))]
    public async Task Failures_of_Claude(string path)
    {
        await FailAsync(new FakeScript { Behavior = FakeBehavior.ErrorResult, ErrorStatus = 500 }, 502);
        await FailAsync(new FakeScript { Behavior = FakeBehavior.ErrorResult, ErrorStatus = 529 }, path == "/v1/messages" ? 529 : 503);
        await FailAsync(
            new FakeScript
            {
                Behavior = FakeBehavior.ErrorResult,
                ErrorStatus = 400,
                TerminalReason = "prompt_too_long",
            },
            400
        );

        // A comment is sent before it fails: then the failure is an event.
        _relay.Script(
            new FakeScript
            {
                Behavior = FakeBehavior.ErrorResult,
                ErrorStatus = 500,
                DelayMs = 600,
            }
        );
        var stream = await StreamAsync(path);
        (stream.Status, stream.EndedWhole, stream.Events.Count(sent => sent.Name != "ping")).Should().Be((200, false, 1));

        async Task FailAsync(FakeScript script, int status)
        {
            _relay.Script(script);
            await ShouldAnswerAsync(path, Body(path), status);
        }
    }

    [Theory(Timeout = 180_000)]
    [MemberData(nameof(SpendingRoutes))]
    public async Task Limits_of_the_key(string path)
    {
        var scarce = await _relay.Program.MintAsync($"scarce-{Array.IndexOf(Spending, path)}", "--daily", "1");
        await ShouldAnswerAsync(path, Body(path), 200, key: scarce);
        await ShouldAnswerAsync(path, Body(path), 429, key: scarce);
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task A_relay_that_does_not_wait()
    {
        await using var impatient = await FakeRelay.StartAsync(
            new FakeScript { Behavior = FakeBehavior.Stall },
            [("REQ_TIMEOUT", "1s"), ("FETCH_TIMEOUT", "1s"), .. relays.FetchSettings]
        );

        foreach (var path in Spending)
        {
            (await impatient.Program.PostAsync(path, impatient.Key, Body(path)))
                .Status.Should()
                .Be(path == "/v1/complete" ? 504 : 400, "the model was asked");
        }

        (await impatient.Program.PostAsync("/v1/fetch", impatient.Key, new { url = relays.Url("/never") })).Status.Should().Be(504);
    }

    [Fact(Timeout = 180_000)]
    public async Task A_relay_whose_account_is_at_its_limit()
    {
        await using var limited = await FakeRelay.StartAsync(
            new FakeScript
            {
                Behavior = FakeBehavior.ErrorResult,
                ErrorStatus = 429,
                LimitKind = "five_hour",
                LimitResetsIn = 3600,
            }
        );

        foreach (var path in Spending)
        {
            (await limited.Program.PostAsync(path, limited.Key, Body(path))).Status.Should().Be(429);
        }
    }

    [Fact(Timeout = 180_000)]
    public async Task A_relay_that_is_not_ready()
    {
        await using var unready = await FakeRelay.StartUnreadyAsync(
            new FakeScript { Behavior = FakeBehavior.NotLoggedIn, ApiKeySource = "none" }
        );
        await unready.Program.EventuallyAsync(
            async () => (await unready.ProblemCodesAsync()).Contains("not_logged_in", StringComparer.Ordinal),
            "it is ready"
        );

        foreach (var path in Spending)
        {
            (await unready.Program.PostAsync(path, unready.Key, Body(path))).Status.Should().Be(503);
        }
    }

    [Fact(Timeout = 180_000)]
    public async Task Everything_that_is_only_read()
    {
        foreach (
            var (path, status) in ((string, int)[])
                [
                    ("/v1/models", 200),
                    ("/v1/models/opus", 200),
                    ("/v1/models/nobody", 404),
                    ("/v1/usage?days=2", 200),
                    ("/v1/usage?days=x", 400),
                    ("/health", 200),
                    ("/health/ready", 200),
                    ("/openapi/v1.json", 200),
                    ("/docs", 200),
                    ("/docs/start.js", 200),
                    ("/docs/scalar.js", 200),
                    ("/nowhere", 404),
                    ("/v1/complete", 405),
                ]
        )
        {
            await ReadAsync(path, status, _relay.Key, anthropic: false);
            await ReadAsync(path, status, _relay.Key, anthropic: true);
            await ReadAsync(
                path,
                path.StartsWith("/v1/models", StringComparison.Ordinal) || path.StartsWith("/v1/usage", StringComparison.Ordinal)
                    ? 401
                    : status,
                key: null,
                anthropic: true
            );
        }

        await ReadAsync("/v1/usage", 403, relays.CompleteKey, anthropic: false);
        await ShouldAnswerAsync("/v1/messages/count_tokens", Body("/v1/messages"), 200);
        await ShouldAnswerAsync("/v1/messages/count_tokens", new { }, 400);
        await ShouldAnswerAsync("/v1/messages/count_tokens", Body("/v1/messages", "no-model"), 404);
    }

    [Fact(Timeout = 180_000)]
    public async Task Pages()
    {
        foreach (var format in (string[])["html", "text", "markdown"])
        {
            await ShouldAnswerAsync("/v1/fetch", new { url = relays.Url("/redirect"), format }, 200);
        }

        await ShouldAnswerAsync("/v1/fetch", new { url = relays.Url("/page"), max_bytes = 200 }, 200, "\"truncated\":true");
        await ShouldAnswerAsync("/v1/fetch", new { url = "ftp://example.com/" }, 400, "url_rejected");
        await ShouldAnswerAsync("/v1/fetch", new { url = 1 }, 400, "invalid_request");
        await ShouldAnswerAsync("/v1/fetch", "[", 400, "invalid_json");
        await ShouldAnswerAsync("/v1/fetch", new { url = relays.Url("/json"), max_bytes = 3 }, 413, "max_bytes");
        await ShouldAnswerAsync("/v1/fetch", new { url = relays.Url("/picture") }, 415, "unsupported_content_type");
        await ShouldAnswerAsync("/v1/fetch", new { url = relays.Url("/cut") }, 502, "fetch_failed");
        (await AskAgainAsync("/v1/fetch", "page", new { url = relays.Url("/page") }, 200))
            .Headers.Contains("Idempotent-Replayed")
            .Should()
            .BeFalse();
        (await AskAgainAsync("/v1/fetch", "page", new { url = relays.Url("/page") }, 200))
            .Headers.Contains("Idempotent-Replayed")
            .Should()
            .BeTrue();
        var greedy = await _relay.Program.MintAsync("greedy");
        await _relay.Program.EventuallyAsync(
            async () => (await _relay.Program.PostAsync("/v1/fetch", greedy, new { url = "ftp://x/" })).Status == 429,
            "the key never reaches its limit"
        );
    }

    [Fact(Timeout = 180_000)]
    public async Task Routes_for_operators_are_marked()
    {
        foreach (
            var (path, status) in ((string, int)[])
                [
                    ("/dashboard/snapshot", 200),
                    ("/dashboard/usage?days=2", 200),
                    ("/dashboard/usage?days=x", 400),
                    ("/dashboard/session", 200),
                    ("/metrics", 200),
                ]
        )
        {
            var isOpen = path == "/dashboard/session";
            await ReadAsync(path, status, relays.AdminKey, anthropic: true);
            await ReadAsync(path, isOpen ? 200 : 401, key: null, anthropic: true);
            await ReadAsync(path, isOpen ? 200 : 403, _relay.Key, anthropic: false);
        }

        using var scrape = Request(HttpMethod.Get, "/metrics", relays.AdminKey);
        scrape.Headers.Accept.ParseAdd("application/openmetrics-text;version=1.0.0");
        scrape.Headers.AcceptEncoding.ParseAdd("gzip");
        await ShouldAnswerAsync(scrape, 200);
        await ShouldAnswerAsync(
            "/dashboard/keys",
            """{"label":"described","limits":{"rpm":5,"usd_per_day":0.5},"models":["opus"],"expires_in":60}""",
            201,
            key: relays.AdminKey
        );
        await ShouldAnswerAsync("/dashboard/keys", new { label = "described" }, 409, "conflict", relays.AdminKey);
        foreach (
            var (method, path, body) in ((HttpMethod, string, object)[])
                [
                    (HttpMethod.Post, "/dashboard/keys", new { label = "x" }),
                    (HttpMethod.Post, "/dashboard/keys/key_0/rotate", new { overlap = 0 }),
                    (HttpMethod.Post, "/dashboard/keys/key_0/revoke", new { label = "x" }),
                    (HttpMethod.Put, "/dashboard/keys/key_0/limits", new { }),
                ]
        )
        {
            await SendAsync(new StringContent("hi"), 415);
            await SendAsync(JsonContent.Create(new { label = new string('x', 20_000) }), 413);
            await SendAsync(JsonContent.Create(new { undescribed = 1 }), 400);
            await SendAsync(new StringContent("[", Encoding.UTF8, "application/json"), 400);
            await SendAsync(JsonContent.Create(body), 401, key: null);
            await SendAsync(JsonContent.Create(body), 403, _relay.Key);
            await SendAsync(JsonContent.Create(body), 403, relays.AdminKey, site: "cross-site");
            await SendAsync(JsonContent.Create(body), 421, relays.AdminKey, host: "elsewhere.example");
            if (path != "/dashboard/keys")
            {
                await SendAsync(JsonContent.Create(body), 404);
            }

            Task SendAsync(HttpContent content, int status, string? key = "", string? site = null, string? host = null) =>
                AskAsync(method, path, status, key is "" ? relays.AdminKey : key, site, host, content);
        }

        await AskAsync(HttpMethod.Get, "/dashboard/session", 403, relays.AdminKey, site: "cross-site");
        foreach (var method in (HttpMethod[])[HttpMethod.Post, HttpMethod.Delete])
        {
            await AskAsync(method, "/dashboard/session", method == HttpMethod.Post ? 200 : 204, relays.AdminKey);
            await AskAsync(method, "/dashboard/session", 401, "nobody's");
            await AskAsync(method, "/dashboard/session", 403, _relay.Key);
        }

        async Task AskAsync(
            HttpMethod method,
            string path,
            int status,
            string? key,
            string? site = null,
            string? host = null,
            HttpContent? content = null
        )
        {
            using var request = Request(method, path, key, content);
            request.Headers.Host = host;
            if ((site ?? (key is null ? "same-origin" : null)) is { } said)
            {
                request.Headers.Add("Sec-Fetch-Site", said);
            }

            await ShouldAnswerAsync(request, status);
        }
    }

    [Fact(Timeout = 180_000)]
    public async Task An_unchanged_description_is_not_sent_again()
    {
        foreach (
            var path in (string[])
                [
                    "/openapi/v1.json",
                    "/docs",
                    "/docs/start.js",
                    "/docs/scalar.js",
                    "/dashboard",
                    "/dashboard/app.js",
                    "/dashboard/style.css",
                    "/dashboard/icon.svg",
                ]
        )
        {
            using var first = await _relay.Program.Http.GetAsync(path, TestContext.Current.CancellationToken);
            using var again = Request(HttpMethod.Get, path, null);
            again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
            using var other = Request(HttpMethod.Get, path, null);
            other.Headers.IfNoneMatch.Add(new EntityTagHeaderValue("\"else\""));

            await ShouldAnswerAsync(again, 304);
            await ShouldAnswerAsync(other, 200);
            using var changed = Request(HttpMethod.Get, path, null);
            changed.Headers.IfMatch.Add(new EntityTagHeaderValue("\"else\""));
            await ShouldAnswerAsync(changed, path.StartsWith("/dashboard", StringComparison.Ordinal) ? 412 : 200);
        }
    }

    [Fact(Timeout = 180_000)]
    public async Task The_served_description_is_the_one_that_these_tests_use() =>
        JsonElement
            .DeepEquals(
                (await _relay.Program.GetAsync("/openapi/v1.json")).Json,
                JsonSerializer.SerializeToElement(DescribedAnswers.Description.Root)
            )
            .Should()
            .BeTrue();

    private static readonly object[] Messages = [new { role = "user", content = "hi" }];

    private static object Body(string path, string model = "opus", string text = "hi", bool stream = false) =>
        path switch
        {
            "/v1/complete" => new
            {
                prompt = text,
                model,
                stream,
            },
            "/v1/chat/completions" => new
            {
                model,
                stream,
                messages = new[] { new { role = "user", content = text } },
            },
            "/v1/responses" => new
            {
                model,
                stream,
                input = text,
            },
            "/v1/fetch" => new { url = "https://example.com/" },
            _ => new
            {
                model,
                stream,
                max_tokens = 9,
                messages = new[] { new { role = "user", content = text } },
            },
        };

    private async Task<ReadStream> StreamAsync(string path)
    {
        var stream = await _relay.Program.StreamAsync(path, _relay.Key, Body(path, stream: true));
        stream.Events.Should().NotBeEmpty();
        return stream;
    }

    private async Task ReadAsync(string path, int status, string? key, bool anthropic)
    {
        using var request = Request(HttpMethod.Get, path, key);
        if (anthropic)
        {
            request.Headers.Add("anthropic-version", "2023-06-01");
        }

        await ShouldAnswerAsync(request, status);
    }

    private async Task ShouldAnswerAsync(string path, object body, int status, string words = "", string? key = null)
    {
        var answer = await _relay.Program.PostAsync(path, key ?? _relay.Key, body);
        answer.Status.Should().Be(status, answer.Body);
        answer.Body.Contains(words, StringComparison.Ordinal).Should().BeTrue(answer.Body);
    }

    private async Task ShouldAnswerAsync(HttpRequestMessage request, int status)
    {
        using var response = await _relay.Program.Http.SendAsync(request, TestContext.Current.CancellationToken);
        ((int)response.StatusCode).Should().Be(status, $"{request.Method} {request.RequestUri}");
    }

    private async Task<HttpResponseMessage> AskAgainAsync(string path, string idempotencyKey, object body, int status)
    {
        using var request = Request(HttpMethod.Post, path, _relay.Key, JsonContent.Create(body));
        request.Headers.TryAddWithoutValidation("Idempotency-Key", idempotencyKey);
        var response = await _relay.Program.Http.SendAsync(request, TestContext.Current.CancellationToken);
        ((int)response.StatusCode).Should().Be(status, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        return response;
    }

    private static HttpRequestMessage Request(HttpMethod method, string path, string? key, HttpContent? content = null)
    {
        var request = new HttpRequestMessage(method, path) { Content = content };
        request.Headers.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        return request;
    }
}
