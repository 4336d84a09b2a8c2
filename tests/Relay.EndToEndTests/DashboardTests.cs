using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>The dashboard's page, its numbers, and its lines in the audit log.</summary>
[Collection(nameof(DashboardRelay))]
public sealed partial class DashboardTests(DashboardRelay relay)
{
    private static readonly string[] Headers =
    [
        "Content-Security-Policy",
        "X-Content-Type-Options",
        "Referrer-Policy",
        "Cross-Origin-Opener-Policy",
        "Cross-Origin-Resource-Policy",
        "Cache-Control",
    ];

    [Fact(Timeout = 120_000)]
    public async Task The_page_is_whole_without_anything_from_elsewhere_and_has_no_number_in_it()
    {
        using var page = await relay.SendAsync(HttpMethod.Get, "", null, null);
        var html = await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        page.StatusCode.Should().Be(HttpStatusCode.OK);
        page.Content.Headers.ContentType!.ToString().Should().Be("text/html; charset=utf-8");
        html.Should()
            .NotMatchRegex("(?i)<script(?![^>]* src=)")
            .And.NotMatchRegex("(?i)<style|\\sstyle=|\\son[a-z]+=|javascript:")
            .And.NotContain("://");
        var open = new Queue<string>(Reference().Matches(html).Select(match => match.Groups["path"].Value));
        var seen = new Dictionary<string, string>(StringComparer.Ordinal);
        while (open.TryDequeue(out var path))
        {
            path.Should().StartWith("/dashboard/");
            using var part = await relay.SendAsync(HttpMethod.Get, path["/dashboard/".Length..], null, null);
            part.StatusCode.Should().Be(HttpStatusCode.OK, path);
            seen[path] = await part.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            part.Content.Headers.ContentType!.MediaType.Should()
                .Be(
                    Path.GetExtension(path) switch
                    {
                        ".js" => "text/javascript",
                        ".css" => "text/css",
                        _ => "image/svg+xml",
                    }
                );
            seen[path].Replace("http://www.w3.org/2000/svg", string.Empty, StringComparison.Ordinal).Should().NotContain("://");
            seen[path].Should().NotContain("innerHTML").And.NotContain("sessionStorage");
            (seen[path].Split("localStorage").Length - 1)
                .Should()
                .Be(path.EndsWith("/app.js", StringComparison.Ordinal) ? 3 : 0, "the proof of the session is all that is stored");
            foreach (
                var import in Import()
                    .Matches(seen[path])
                    .Select(match => $"/dashboard/{match.Groups["name"].Value}")
                    .Where(import => !seen.ContainsKey(import) && !open.Contains(import))
            )
            {
                open.Enqueue(import);
            }

            using var again = await relay.SendAsync(
                HttpMethod.Get,
                path["/dashboard/".Length..],
                null,
                null,
                ("If-None-Match", part.Headers.ETag!.ToString())
            );
            again.StatusCode.Should().Be(HttpStatusCode.NotModified);
        }

        seen.Keys.Should().Contain(["/dashboard/app.js", "/dashboard/keys.js", "/dashboard/style.css"]);
    }

    [Theory(Timeout = 120_000)]
    [InlineData("", "no-cache")]
    [InlineData("app.js", "no-cache")]
    [InlineData("session", "no-store")]
    [InlineData("snapshot", "no-store")]
    public async Task Every_answer_keeps_itself_to_itself(string path, string cache)
    {
        using var answer = await relay.SendAsync(HttpMethod.Get, path, null, null);

        var headers = Headers.Select(name => answer.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : null).ToList();
        headers.Should().NotContainNulls();
        headers[0]
            .Should()
            .Contain("default-src 'none'")
            .And.Contain("script-src 'self'")
            .And.Contain("frame-ancestors 'none'")
            .And.Contain("form-action 'none'")
            .And.Contain("base-uri 'none'")
            .And.NotContain("unsafe");
        headers[1..].Should().Equal("nosniff", "no-referrer", "same-origin", "same-origin", cache);
    }

    [Fact(Timeout = 180_000)]
    public async Task It_shows_what_really_happened()
    {
        var cookie = await relay.SignInAsync();
        var before = await relay.SnapshotAsync(cookie);
        var key = await relay.MintAsync("counted", "--daily", "50", "--usd", "20", "--concurrency", "1");
        for (var number = 0; number < 3; number++)
        {
            (await relay.Program.CompleteAsync(key, new { prompt = "hi" })).Status.Should().Be(200);
        }

        (await relay.Program.CompleteAsync(key, new { prompt = "hi", model = "gpt" })).Status.Should().Be(400);
        (await relay.Program.PostAsync("/v1/fetch", key, new { url = "http://127.0.0.1/" })).ErrorCode.Should().Be("url_rejected");
        (await relay.Program.CompleteAsync("nobody", new { prompt = "hi" })).Status.Should().Be(401);

        // One that runs, and one that waits for its place.
        relay.Relay.Script(new FakeScript { Behavior = FakeBehavior.Stall });
        using var left = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Task<RelayAnswer>[] busy =
        [
            relay.Program.CompleteAsync(key, new { prompt = "running" }, left.Token),
            relay.Program.CompleteAsync(key, new { prompt = "waiting" }, left.Token),
        ];
        var after = before;
        await relay.Program.EventuallyAsync(
            async () =>
            {
                after = await relay.SnapshotAsync(cookie);
                var counted = DashboardRelay.KeyOf(after, "counted");
                return (
                        counted.GetProperty("running").GetInt32(),
                        counted.GetProperty("waiting").GetInt32(),
                        after.GetProperty("pool").GetProperty("processes").GetInt32()
                    ) == (1, 1, 1);
            },
            "the dashboard does not show what runs and what waits"
        );
        await left.CancelAsync();
        relay.Relay.Script(new FakeScript { EchoPrompt = true, CostUsd = 0.25m });

        after.GetProperty("completions").GetRawText().Should().Be("""{"places":1,"running":1,"waiting":1}""");
        var state = after.GetProperty("state");
        (
            state.GetProperty("ready").GetBoolean(),
            state.GetProperty("lockdown_verified").GetBoolean(),
            state.GetProperty("sandbox").GetString()
        )
            .Should()
            .Be((true, true, "off"));
        var row = DashboardRelay.KeyOf(after, "counted");
        row.GetProperty("day")
            .GetRawText()
            .Should()
            .Be("""{"used":5,"limit":50}""", "three were answered, one runs, one waits; what was refused costs nothing");
        row.GetProperty("minute").GetProperty("used").GetInt32().Should().Be(5);
        row.GetProperty("concurrency").GetRawText().Should().Be("""{"used":1,"limit":1}""");
        row.GetProperty("page_day").GetProperty("used").GetInt32().Should().Be(1);
        row.GetProperty("usd").GetProperty("limit").GetDecimal().Should().Be(20);
        row.GetProperty("usd").GetProperty("used").GetDecimal().Should().BeGreaterThanOrEqualTo(0.75m);
        // Whether the relay knew the key yet was asked with it, too.
        row.GetProperty("hour_requests").GetInt32().Should().BeGreaterThanOrEqualTo(5);
        row.GetProperty("hour_failed").GetInt32().Should().Be(2);
        row.GetProperty("key").TryGetProperty("last_used_at", out _).Should().BeTrue();
        (Errors(after, "unknown_model") - Errors(before, "unknown_model"), Errors(after, "url_rejected") - Errors(before, "url_rejected"))
            .Should()
            .Be((1, 1));
        Errors(after, "unauthorized").Should().BeGreaterThan(Errors(before, "unauthorized"));
        var latencies = after.GetProperty("recent").GetProperty("latencies");
        latencies.GetProperty("completion").GetProperty("count").GetInt32().Should().BeGreaterThanOrEqualTo(3);
        latencies
            .GetProperty("completion")
            .GetProperty("p99_ms")
            .GetDouble()
            .Should()
            .BeGreaterThanOrEqualTo(latencies.GetProperty("completion").GetProperty("p50_ms").GetDouble())
            .And.BePositive();
        latencies.GetProperty("first_token").GetProperty("count").GetInt32().Should().BeGreaterThanOrEqualTo(3);
        after.GetProperty("recent").GetProperty("minutes").GetArrayLength().Should().Be(60);

        var usage = (await relay.AskAsync(HttpMethod.Get, "usage?days=1", cookie)).Json;
        var mine = usage.GetProperty("keys").EnumerateArray().Single(sum => sum.GetProperty("name").GetString() == "counted");
        mine.GetProperty("pages").GetInt32().Should().Be(1);
        mine.GetProperty("cost_usd").GetDecimal().Should().BeGreaterThanOrEqualTo(0.75m);
        usage.GetProperty("days").EnumerateArray().Single().GetProperty("requests").GetInt64().Should().BeGreaterThanOrEqualTo(3);
        foreach (var request in busy)
        {
            await ((Func<Task>)(() => request)).Should().ThrowAsync<OperationCanceledException>();
        }

        await relay.Relay.NobodySurvivesAsync();
    }

    [Theory(Timeout = 120_000)]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("367")]
    [InlineData("x")]
    public async Task A_number_of_days_that_is_none_is_told(string days) =>
        ErrorAnswer.Check(
            await relay.AskAsync(HttpMethod.Get, $"usage?days={days}", await relay.SignInAsync()),
            400,
            "invalid_request",
            "days"
        );

    [Fact(Timeout = 120_000)]
    public async Task Looking_leaves_no_line_and_signing_in_and_out_leaves_one_each()
    {
        var secret = await relay.MintAsync("quiet-admin", "--scope", "admin");
        var cookie = await relay.SignInAsync(secret);
        for (var times = 0; times < 5; times++)
        {
            await relay.SnapshotAsync(cookie);
        }

        (await relay.AskAsync(HttpMethod.Delete, "session", cookie)).Status.Should().Be(204);

        await relay.Relay.AuditedAsync(line => Is(line, "sign_out"));
        relay
            .Program.Audit.Where(line =>
                line.TryGetProperty("key_label", out var label)
                && label.GetString() == "quiet-admin"
                && line.TryGetProperty("route", out var route)
                && route.GetString()!.Contains("dashboard", StringComparison.Ordinal)
            )
            .Select(line => line.GetProperty("action").GetString())
            .Should()
            .Equal("sign_in", "sign_out");

        static bool Is(JsonElement line, string action) =>
            line.GetProperty("action").GetString() == action && line.GetProperty("key_label").GetString() == "quiet-admin";
    }

    private static long Errors(JsonElement snapshot, string code) =>
        snapshot
            .GetProperty("recent")
            .GetProperty("errors")
            .EnumerateArray()
            .Where(error => error.GetProperty("code").GetString() == code)
            .Sum(error => error.GetProperty("count").GetInt64());

    [GeneratedRegex("(?:src|href)=\"(?<path>/[^\"]*)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Reference();

    [GeneratedRegex("from '\\./(?<name>[a-z.]+)'", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Import();
}
