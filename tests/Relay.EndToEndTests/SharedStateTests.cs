using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>Two relays, one real Redis: one set of keys, limits, answers and usage, and the same commands.</summary>
public sealed class SharedStateTests : IAsyncLifetime
{
    private readonly TemporaryDirectory _claude = new();
    private RelayFleet _fleet = null!;

    public async ValueTask InitializeAsync()
    {
        var claude = FakeClaudeInstall.Install(_claude.Path, new FakeScript());
        _fleet = await RelayFleet.StartAsync(
            ["one", "two"],
            settings => RelayProgram.WithFakeClaudeAsync(claude, [("PER_KEY_RPM", "30"), .. settings])
        );
    }

    public async ValueTask DisposeAsync()
    {
        await _fleet.DisposeAsync();
        _claude.Dispose();
    }

    [Fact]
    public async Task Keys_limits_usage_and_answers_are_the_fleets()
    {
        var key = await _fleet.MintAsync("shared", "--rpm", "4", "--usd", "5");

        Assert.Equal(200, (await One.CompleteAsync(key, new { prompt = "hi" })).Status);
        var second = await Two.CompleteAsync(key, new { prompt = "hi" });
        Assert.Equal(200, second.Status);
        Assert.StartsWith("\"minute\";r=2;", second.Headers.GetValues("RateLimit").Single(), StringComparison.Ordinal);

        // The same question, under one Idempotency-Key, to both at once: one asks, the other is told to wait or gets its answer.
        var answers = await Task.WhenAll(AskOnceAsync(One, key), AskOnceAsync(Two, key));
        Assert.Contains(answers, answer => answer.Status == 200);
        Assert.All(answers, answer => Assert.True(answer.Status is 200 or 409, answer.ToString()));
        var again = await AskOnceAsync(Two, key);
        Assert.Equal(200, again.Status);
        Assert.Equal(200, (await AskOnceAsync(One, key)).Status);

        Assert.Equal(200, (await One.CompleteAsync(key, new { prompt = "hi" })).Status);
        var refused = await Two.CompleteAsync(key, new { prompt = "hi" });
        Assert.Equal((429, "rate_limited"), (refused.Status, refused.ErrorCode));
        var days = (await Two.GetAsync("/v1/usage", key)).Json.GetProperty("days");
        Assert.Equal(4, days[0].GetProperty("requests").GetInt32());

        Assert.Equal(0, (await RelayctlAsync("keys", "revoke", "shared")).ExitCode);
        await Two.EventuallyAsync(
            async () => (await Two.GetAsync("/v1/models", key)).Status == 401,
            "the other relay lets the revoked key in"
        );
    }

    [OnlyWithAll]
    [Fact]
    public async Task An_operator_sees_the_fleet_and_moves_its_state()
    {
        await One.MintAsync("app");
        // A relay tells the others of its state at its next pulse.
        await One.EventuallyAsync(
            async () =>
                (await One.GetAsync("/health/ready"))
                    .Json.GetProperty("fleet")
                    .EnumerateArray()
                    .Count(relay => relay.GetProperty("state").GetString() == "ready") == 2,
            "the relay does not list both"
        );
        var fleet = JsonElement.Parse((await RelayctlAsync("fleet", "--json")).Output).GetProperty("relays");
        Assert.Equal("one two", string.Join(' ', fleet.EnumerateArray().Select(relay => relay.GetProperty("name").GetString())));
        Assert.All(fleet.EnumerateArray(), relay => Assert.Equal("ready", relay.GetProperty("state").GetString()));
        Assert.Contains("shared state answers", (await One.RelayctlProcessAsync("doctor")).Output, StringComparison.Ordinal);
        Assert.DoesNotContain(_fleet.Redis.Port.ToString(), (await RelayctlAsync("config", "show")).Output, StringComparison.Ordinal);

        var (code, _, error) = await RelayctlAsync("state", "copy", "--from", "STATE", "--to", "local");
        Assert.Equal(1, code);
        Assert.Contains("Stop it first", error, StringComparison.Ordinal);
        (code, var output, error) = await RelayctlAsync("state", "copy", "--from", "STATE", "--to", "local", "--force", "--json");
        Assert.True(code == 0, error);
        Assert.Equal(1, JsonElement.Parse(output).GetProperty("copy").GetProperty("keys_added").GetInt32());
    }

    [OnlyWithAll]
    [Fact]
    public async Task Without_its_state_a_relay_says_so_at_once_and_goes_on_by_itself()
    {
        var key = await One.MintAsync("app");
        Assert.Equal(200, (await One.CompleteAsync(key, new { prompt = "hi" })).Status);
        _fleet.Redis.Freeze();
        try
        {
            await One.EventuallyAsync(
                async () => (await One.GetAsync("/health/ready")).Status == 503,
                "the relay is ready without its state"
            );
            var refused = await One.CompleteAsync(key, new { prompt = "hi" });
            Assert.Equal((503, "state_unavailable"), (refused.Status, refused.ErrorCode));
            Assert.NotNull(refused.Headers.RetryAfter);
            Assert.Equal(200, (await One.GetAsync("/v1/models", key)).Status);
            Assert.Equal((503, "state_unavailable"), await StatusOfAsync(One.GetAsync("/v1/usage", key)));
        }
        finally
        {
            _fleet.Redis.Thaw();
        }

        await One.WaitUntilReadyAsync();
        Assert.Equal(200, (await One.CompleteAsync(key, new { prompt = "hi" })).Status);
    }

    private static async Task<(int, string?)> StatusOfAsync(Task<RelayAnswer> asking)
    {
        var answer = await asking;
        return (answer.Status, answer.ErrorCode);
    }

    private static async Task<RelayAnswer> AskOnceAsync(RelayProgram relay, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/complete")
        {
            Content = JsonContent.Create(new { prompt = "once" }),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        request.Headers.Add("Idempotency-Key", "one-and-the-same");
        return await relay.SendAsync(request, null);
    }

    private RelayProgram One => _fleet["one"];

    private RelayProgram Two => _fleet["two"];

    private Task<(int ExitCode, string Output, string Error)> RelayctlAsync(params string[] arguments) => One.RelayctlAsync(arguments);
}
