using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>The dashboard's routes: who gets in, what they show, what they change, and what stays on record.</summary>
public sealed partial class DashboardTests(DashboardRelay relay) : IClassFixture<DashboardRelay>
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

    [Fact(Timeout = 120_000)]
    public async Task An_admin_key_gets_a_cookie_that_no_script_and_no_other_site_can_use()
    {
        using var plain = await relay.SendAsync(
            HttpMethod.Post,
            "session",
            null,
            null,
            ("Authorization", $"Bearer {relay.AdminKey}"),
            ("Origin", relay.Origin)
        );
        using var tls = await relay.SendAsync(
            HttpMethod.Post,
            "session",
            null,
            null,
            ("Authorization", $"Bearer {relay.AdminKey}"),
            ("Origin", relay.Origin.Replace("http:", "https:", StringComparison.Ordinal))
        );

        var cookie = plain.Headers.GetValues("Set-Cookie").Single().Split("; ");
        cookie[0].Should().MatchRegex("^relay_dashboard_[0-9]+=[A-Za-z0-9_-]{43}$");
        cookie[1..].Should().BeEquivalentTo("path=/dashboard", "samesite=strict", "httponly");
        tls.Headers.GetValues("Set-Cookie")
            .Single()
            .Split("; ")[1..]
            .Should()
            .BeEquivalentTo("path=/dashboard", "samesite=strict", "httponly", "secure");
        (await DashboardRelay.ReadAsync(plain)).Json.GetProperty("key").GetProperty("label").GetString().Should().Be("ops");
    }

    [Fact(Timeout = 120_000)]
    public async Task Another_key_gets_none_and_learns_no_more_than_elsewhere()
    {
        var elsewhere = await relay.Program.GetAsync("/v1/usage", "crk_wrong");
        foreach (
            var wrong in (string[])
                ["", "Bearer ", "Bearer crk_wrong", $"Bearer {relay.AdminKey}x", $"Bearer {Domain.Keys.KeySecret.Generate().Reveal()}"]
        )
        {
            using var answer = await relay.SendAsync(
                HttpMethod.Post,
                "session",
                null,
                null,
                ("Authorization", wrong),
                ("Origin", relay.Origin)
            );
            var read = await DashboardRelay.ReadAsync(answer);

            ErrorAnswer.Check(read, 401, "unauthorized", field: null);
            read.Json.GetProperty("error").GetRawText().Should().Be(elsewhere.Json.GetProperty("error").GetRawText());
            answer.Headers.Contains("Set-Cookie").Should().BeFalse();
        }

        using var other = await relay.SendAsync(
            HttpMethod.Post,
            "session",
            null,
            null,
            ("Authorization", $"Bearer {relay.Relay.Key}"),
            ("Origin", relay.Origin)
        );
        ErrorAnswer.Check(await DashboardRelay.ReadAsync(other), 403, "forbidden", field: null);
        other.Headers.Contains("Set-Cookie").Should().BeFalse();
    }

    [Fact(Timeout = 120_000)]
    public async Task A_session_opens_the_dashboard_and_nothing_else()
    {
        var cookie = await relay.SignInAsync();

        (await relay.AskAsync(HttpMethod.Get, "snapshot", cookie)).Status.Should().Be(200);
        (await relay.AskAsync(HttpMethod.Get, "session", cookie)).Json.GetProperty("signed_in").GetBoolean().Should().BeTrue();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/usage");
        request.Headers.Add("Cookie", cookie.Cookie);
        request.Headers.Add("X-Dashboard-Proof", cookie.Proof);
        (await relay.Program.SendAsync(request, null)).Status.Should().Be(401);

        (await relay.AskAsync(HttpMethod.Delete, "session", cookie)).Status.Should().Be(204);
        (await relay.AskAsync(HttpMethod.Get, "snapshot", cookie)).Status.Should().Be(401);
        (await relay.AskAsync(HttpMethod.Get, "session", cookie)).Json.GetProperty("signed_in").GetBoolean().Should().BeFalse();
    }

    [Fact(Timeout = 120_000)]
    public async Task A_cookie_without_the_proof_of_its_session_opens_nothing()
    {
        var session = await relay.SignInAsync();
        var other = await relay.SignInAsync();
        session.Proof.Should().MatchRegex("^[A-Za-z0-9_-]{43}$");

        // As another port of this host has them: all cookies, and no page's storage.
        foreach (
            var stolen in (DashboardSession[])
                [
                    session with
                    {
                        Proof = null,
                    },
                    session with
                    {
                        Proof = other.Proof,
                    },
                    session with
                    {
                        Proof = session.Cookie.Split('=')[1],
                    },
                    session with
                    {
                        Proof = "x",
                    },
                ]
        )
        {
            (await relay.AskAsync(HttpMethod.Get, "snapshot", stolen)).Status.Should().Be(401);
            (await relay.AskAsync(HttpMethod.Get, "usage", stolen)).Status.Should().Be(401);
            (await relay.AskAsync(HttpMethod.Get, "session", stolen)).Json.GetProperty("signed_in").GetBoolean().Should().BeFalse();
            (await relay.AskAsync(HttpMethod.Post, "keys", stolen, new { label = "stolen", scopes = (string[])["admin"] }))
                .Status.Should()
                .Be(401);
            (await relay.AskAsync(HttpMethod.Delete, "session", stolen)).Status.Should().Be(401);
        }

        (await relay.AskAsync(HttpMethod.Get, "snapshot", session)).Status.Should().Be(200, "nobody has ended it");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_program_may_send_its_admin_key_instead()
    {
        (await relay.Program.GetAsync("/dashboard/snapshot", relay.AdminKey)).Status.Should().Be(200);
        (await relay.Program.GetAsync("/dashboard/usage?days=30", relay.AdminKey)).Status.Should().Be(200);
        (await relay.Program.GetAsync("/dashboard/snapshot", relay.Relay.Key)).Status.Should().Be(403);
        (await relay.Program.GetAsync("/dashboard/snapshot")).Status.Should().Be(401);
        (await relay.Program.PostAsync("/dashboard/keys", relay.AdminKey, new { label = "by-program" })).Status.Should().Be(201);
        (await relay.Program.PostAsync("/dashboard/keys", relay.Relay.Key, new { label = "by-nobody" })).Status.Should().Be(403);
    }

    [Theory(Timeout = 120_000)]
    [InlineData(null, null, 403)]
    [InlineData("http://localhost:3000", null, 403)]
    [InlineData("http://127.0.0.1:3000", "same-site", 403)]
    [InlineData("http://evil.example", "cross-site", 403)]
    [InlineData("null", null, 403)]
    [InlineData("own", "same-site", 403)]
    [InlineData("own", "same-origin", 400)]
    [InlineData("own", null, 400)]
    public async Task Requests_that_another_page_makes_a_browser_send_change_nothing(string? origin, string? site, int status)
    {
        var cookie = await relay.SignInAsync();
        List<(string, string)> headers = [];
        if (origin is not null)
        {
            headers.Add(("Origin", origin == "own" ? relay.Origin : origin));
        }

        if (site is not null)
        {
            headers.Add(("Sec-Fetch-Site", site));
        }

        // This is not a label: a request that is let through changes nothing either.
        using var answer = await relay.SendAsync(HttpMethod.Post, "keys", cookie, new { label = "not a label" }, [.. headers]);

        ((int)answer.StatusCode).Should().Be(status);
        if (status == 403)
        {
            using var form = await relay.SendAsync(HttpMethod.Delete, "session", cookie, null, [.. headers]);
            ((int)form.StatusCode).Should().Be(403, "nobody else signs an admin out either");
        }
    }

    [Fact(Timeout = 120_000)]
    public async Task A_form_of_another_page_is_no_body()
    {
        using var answer = await relay.SendAsync(
            HttpMethod.Post,
            "keys",
            await relay.SignInAsync(),
            """{"label":"by-form"}""",
            ("Origin", relay.Origin)
        );

        ((int)answer.StatusCode).Should().Be(415);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_key_without_tools_is_made_and_shown()
    {
        var cookie = await relay.SignInAsync();
        var body = new { prompt = "hi", tools = new[] { new { name = "weather", input_schema = new { type = "object" } } } };

        var without = await relay.AskAsync(HttpMethod.Post, "keys", cookie, new { label = "no-tools", no_tools = true });
        var with = await relay.AskAsync(HttpMethod.Post, "keys", cookie, new { label = "with-tools", no_tools = false });

        without.Json.GetProperty("key").GetProperty("no_tools").GetBoolean().Should().BeTrue();
        with.Json.GetProperty("key").GetProperty("no_tools").GetBoolean().Should().BeFalse();
        await WorksAsync(without.Json.GetProperty("secret").GetString()!);
        await WorksAsync(with.Json.GetProperty("secret").GetString()!);
        ErrorAnswer.Check(
            await relay.Program.CompleteAsync(without.Json.GetProperty("secret").GetString()!, body),
            403,
            "forbidden",
            "tools"
        );
        (await relay.Program.CompleteAsync(with.Json.GetProperty("secret").GetString()!, body))
            .Status.Should()
            .Be(400, "only the CLI of this relay can't take them");
        var snapshot = await relay.SnapshotAsync(cookie);
        DashboardRelay.KeyOf(snapshot, "no-tools").GetProperty("key").GetProperty("no_tools").GetBoolean().Should().BeTrue();
        DashboardRelay.KeyOf(snapshot, "with-tools").GetProperty("key").GetProperty("no_tools").GetBoolean().Should().BeFalse();
    }

    [Fact(Timeout = 180_000)]
    public async Task A_key_lives_and_dies_by_the_dashboard_and_the_record_says_who_did_it()
    {
        var cookie = await relay.SignInAsync();
        var admin = DashboardRelay.KeyOf(await relay.SnapshotAsync(cookie), "ops").GetProperty("key").GetProperty("id").GetString();

        var added = await relay.AskAsync(
            HttpMethod.Post,
            "keys",
            cookie,
            JsonElement.Parse(
                """{"label":"shop","limits":{"daily":100,"usd_per_day":2.5},"scopes":["complete"],"models":["haiku"],"expires_in":86400}"""
            )
        );
        added.Status.Should().Be(201, added.Body);
        var first = added.Json.GetProperty("secret").GetString()!;
        var id = added.Json.GetProperty("key").GetProperty("id").GetString()!;
        await WorksAsync(first);
        (await relay.Program.CompleteAsync(first, new { prompt = "hi", model = "opus" })).Status.Should().Be(403);

        (await relay.AskAsync(HttpMethod.Put, $"keys/{id}/limits", cookie, new { rpm = 1 }))
            .Json.GetProperty("key")
            .GetProperty("limits")
            .GetRawText()
            .Should()
            .Be("""{"rpm":1}""", "what is not named is the default again");
        await relay.Program.EventuallyAsync(
            async () => (await relay.Program.CompleteAsync(first, new { prompt = "hi", model = "haiku" })).ErrorCode == "rate_limited",
            "the limit is not in force"
        );

        var rotated = await relay.AskAsync(HttpMethod.Post, $"keys/{id}/rotate", cookie, new { overlap = 3600 });
        var second = rotated.Json.GetProperty("secret").GetString()!;
        rotated
            .Json.GetProperty("key")
            .GetProperty("old_secret_until")
            .GetDateTimeOffset()
            .Should()
            .BeAfter(added.Json.GetProperty("key").GetProperty("created_at").GetDateTimeOffset().AddMinutes(59));
        await WorksAsync(second);
        await WorksAsync(first);
        var third = (await relay.AskAsync(HttpMethod.Post, $"keys/{id}/rotate", cookie, new { overlap = 0 }))
            .Json.GetProperty("secret")
            .GetString()!;
        await WorksAsync(third);
        await IsShutAsync(first);
        await IsShutAsync(second);

        ErrorAnswer.Check(
            await relay.AskAsync(HttpMethod.Post, $"keys/{id}/revoke", cookie, new { label = "app" }),
            404,
            "not_found",
            "label"
        );
        await WorksAsync(third);
        (await relay.AskAsync(HttpMethod.Post, $"keys/{id}/revoke", cookie, new { label = "shop" }))
            .Json.GetProperty("key")
            .TryGetProperty("revoked_at", out _)
            .Should()
            .BeTrue();
        await IsShutAsync(third);
        ErrorAnswer.Check(await relay.AskAsync(HttpMethod.Post, $"keys/{id}/rotate", cookie, new { overlap = 0 }), 404, "not_found", "id");

        await relay.Relay.AuditedAsync(line =>
            line.GetProperty("action").GetString() == "key_revoked" && line.GetProperty("key_id").GetString() == id
        );
        var changes = relay
            .Program.Audit.Where(line =>
                line.GetProperty("action").GetString()!.StartsWith("key_", StringComparison.Ordinal)
                && line.GetProperty("key_id").GetString() == id
            )
            .ToList();
        changes
            .Select(line => line.GetProperty("action").GetString())
            .Should()
            .Equal("key_added", "key_limits_set", "key_rotated", "key_rotated", "key_revoked");
        changes.Should().OnlyContain(line => line.GetProperty("by").GetString() == $"{admin} (ops)");
        var requests = relay
            .Program.Audit.Where(line => line.GetProperty("action").GetString() == "dashboard")
            .Select(line => line.GetProperty("request_id").GetString());
        changes.Select(line => line.GetProperty("request_id").GetString()).Should().BeSubsetOf(requests);
        string.Join('\n', relay.Program.Audit.Select(line => line.GetRawText()).Concat(relay.Program.Log))
            .Should()
            .NotContain(first[10..])
            .And.NotContain(second[10..])
            .And.NotContain(third[10..])
            .And.NotContain(cookie.Cookie.Split('=')[1])
            .And.NotContain(cookie.Proof!);
    }

    [Theory(Timeout = 120_000)]
    [InlineData("keys", """{}""", "invalid_request", "label")]
    [InlineData("keys", """{"label":"a b"}""", "invalid_request", "label")]
    [InlineData("keys", """{"label":"x","limits":{"rpm":0}}""", "invalid_request", "rpm")]
    [InlineData("keys", """{"label":"x","limits":{"usd_per_day":-1}}""", "invalid_request", "usd_per_day")]
    [InlineData("keys", """{"label":"x","limits":{"rpm":1.5}}""", "invalid_request", "limits.rpm")]
    [InlineData("keys", """{"label":"x","scopes":[]}""", "invalid_request", "scopes")]
    [InlineData("keys", """{"label":"x","scopes":["root"]}""", "invalid_request", "scopes")]
    [InlineData("keys", """{"label":"x","models":[]}""", "invalid_request", "models")]
    [InlineData("keys", """{"label":"x","models":["--help"]}""", "invalid_request", "models")]
    [InlineData("keys", """{"label":"x","expires_in":0}""", "invalid_request", "expires_in")]
    [InlineData("keys", """{"label":"x","expires_in":999999999999}""", "invalid_request", "expires_in")]
    [InlineData("keys", """{"label":"x","no_tools":"yes"}""", "invalid_request", "no_tools")]
    [InlineData("keys", """{"label":"x","more":1}""", "invalid_request", "more")]
    [InlineData("keys", """{"label":""", "invalid_json", null)]
    [InlineData("keys/key_0/rotate", """{}""", "invalid_request", "overlap")]
    [InlineData("keys/key_0/rotate", """{"overlap":-1}""", "invalid_request", "overlap")]
    [InlineData("keys/key_0/rotate", """{"overlap":2592001}""", "invalid_request", "overlap")]
    [InlineData("keys/key_0/revoke", """{}""", "invalid_request", "label")]
    public async Task A_wrong_body_is_told_which_field_is_wrong(string path, string body, string code, string? field)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/dashboard/{path}") { Content = content };
        request.Headers.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", relay.AdminKey);

        var answer = await relay.Program.SendAsync(request, null);

        var error = answer.Json.GetProperty("error");
        (answer.Status, answer.ErrorCode, error.TryGetProperty("field", out var found) ? found.GetString() : null)
            .Should()
            .Be((400, code, field), error.GetProperty("message").GetString());
    }

    [Fact(Timeout = 180_000)]
    public async Task A_session_ends_with_the_key_or_the_secret_that_opened_it()
    {
        var secret = await relay.MintAsync("second-admin", "--scope", "admin");
        var cookie = await relay.SignInAsync(secret);
        (await relay.Program.RelayctlAsync("keys", "rotate", "second-admin", "--overlap", "0")).ExitCode.Should().Be(0);
        await relay.Program.EventuallyAsync(
            async () => (await relay.AskAsync(HttpMethod.Get, "snapshot", cookie)).Status == 401,
            "the session outlives its secret"
        );

        var third = await relay.MintAsync("third-admin", "--scope", "admin");
        cookie = await relay.SignInAsync(third);
        var id = DashboardRelay.KeyOf(await relay.SnapshotAsync(cookie), "third-admin").GetProperty("key").GetProperty("id").GetString();
        (await relay.AskAsync(HttpMethod.Post, $"keys/{id}/revoke", cookie, new { label = "third-admin" }))
            .Status.Should()
            .Be(200, "who revokes its own key hears that it is done");
        await relay.Program.EventuallyAsync(
            async () => (await relay.AskAsync(HttpMethod.Get, "snapshot", cookie)).Status == 401,
            "the session outlives its key"
        );
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

    private Task WorksAsync(string secret) =>
        relay.Program.EventuallyAsync(
            async () => (await relay.Program.GetAsync("/v1/models", secret)).Status == 200,
            "the secret does not work"
        );

    private Task IsShutAsync(string secret) =>
        relay.Program.EventuallyAsync(
            async () => (await relay.Program.GetAsync("/v1/models", secret)).Status == 401,
            "the secret still works"
        );

    [GeneratedRegex("(?:src|href)=\"(?<path>/[^\"]*)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Reference();

    [GeneratedRegex("from '\\./(?<name>[a-z.]+)'", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Import();
}
