namespace Relay.EndToEndTests;

/// <summary>The dashboard lets in an admin key and its session, and no other site's page.</summary>
[Collection(nameof(DashboardRelay))]
public sealed class DashboardSessionTests(DashboardRelay relay)
{
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
}
