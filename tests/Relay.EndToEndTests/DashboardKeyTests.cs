using System.Text.Json;

namespace Relay.EndToEndTests;

/// <summary>Keys that the dashboard makes and changes.</summary>
[Collection(nameof(DashboardRelay))]
public sealed class DashboardKeyTests(DashboardRelay relay)
{
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
}
