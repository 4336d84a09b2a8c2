using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Relay.EndToEndTests.Harness;
using Relay.FakeClaude;
using Relay.UnitTests.Support;

namespace Relay.EndToEndTests;

/// <summary>Two relays, one real Redis: one set of keys, limits, answers and usage, and the same commands.</summary>
public sealed class SharedStateTests : IAsyncLifetime
{
    private readonly RedisServer _redis = RedisServer.Start();
    private readonly List<string> _directories = [];
    private RelayProgram _one = null!;
    private RelayProgram _two = null!;

    public async ValueTask InitializeAsync()
    {
        _one = await StartAsync("one");
        _two = await StartAsync("two");
    }

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _two.DisposeAsync();
        _redis.Dispose();
        _directories.ForEach(directory => Directory.Delete(directory, recursive: true));
    }

    [Fact]
    public async Task Keys_limits_usage_and_answers_are_the_fleets()
    {
        var (code, output, error) = await RelayctlAsync("keys", "add", "shared", "--rpm", "4", "--usd", "5");
        Assert.True(code == 0, error);
        var key = output.Trim();
        await _two.EventuallyAsync(async () => (await _two.GetAsync("/v1/models", key)).Status == 200, "the other relay does not know the key");

        Assert.Equal(200, (await _one.CompleteAsync(key, new { prompt = "hi" })).Status);
        var second = await _two.CompleteAsync(key, new { prompt = "hi" });
        Assert.Equal(200, second.Status);
        Assert.StartsWith("\"minute\";r=2;", second.Headers.GetValues("RateLimit").Single(), StringComparison.Ordinal);

        // The same question, under one Idempotency-Key, to both at once: one asks, the other is told to wait or gets its answer.
        var answers = await Task.WhenAll(AskOnceAsync(_one, key), AskOnceAsync(_two, key));
        Assert.Contains(answers, answer => answer.Status == 200);
        Assert.All(answers, answer => Assert.True(answer.Status is 200 or 409, answer.ToString()));
        Assert.Equal(200, (await AskOnceAsync(_two, key)).Status);
        Assert.Equal(200, (await AskOnceAsync(_one, key)).Status);

        Assert.Equal(200, (await _one.CompleteAsync(key, new { prompt = "hi" })).Status);
        var refused = await _two.CompleteAsync(key, new { prompt = "hi" });
        Assert.Equal((429, "rate_limited"), (refused.Status, refused.ErrorCode));
        var days = (await _two.GetAsync("/v1/usage", key)).Json.GetProperty("days");
        Assert.Equal(4, days[0].GetProperty("requests").GetInt32());

        Assert.Equal(0, (await RelayctlAsync("keys", "revoke", "shared")).ExitCode);
        await _two.EventuallyAsync(async () => (await _two.GetAsync("/v1/models", key)).Status == 401, "the other relay lets the revoked key in");
    }

    [Fact]
    public async Task An_operator_sees_the_fleet_and_moves_its_state()
    {
        await _one.MintAsync("app");
        var fleet = JsonElement.Parse((await RelayctlAsync("fleet", "--json")).Output).GetProperty("relays");
        Assert.Equal("one two", string.Join(' ', fleet.EnumerateArray().Select(relay => relay.GetProperty("name").GetString())));
        Assert.All(fleet.EnumerateArray(), relay => Assert.Equal("ready", relay.GetProperty("state").GetString()));
        await _one.EventuallyAsync(
            async () => (await _one.GetAsync("/health/ready")).Json.GetProperty("fleet").EnumerateArray().Count(relay => relay.GetProperty("state").GetString() == "ready") == 2,
            "the relay does not list both");
        Assert.Contains("shared state answers", (await RelayctlAsync("doctor")).Output, StringComparison.Ordinal);
        Assert.DoesNotContain(_redis.Port.ToString(), (await RelayctlAsync("config", "show")).Output, StringComparison.Ordinal);

        var (code, _, error) = await RelayctlAsync("state", "copy", "--from", "STATE", "--to", "local");
        Assert.Equal(1, code);
        Assert.Contains("Stop it first", error, StringComparison.Ordinal);
        (code, var output, error) = await RelayctlAsync("state", "copy", "--from", "STATE", "--to", "local", "--force", "--json");
        Assert.True(code == 0, error);
        Assert.Equal(1, JsonElement.Parse(output).GetProperty("copy").GetProperty("keys_added").GetInt32());
    }

    [Fact]
    public async Task Without_its_state_a_relay_says_so_at_once_and_goes_on_by_itself()
    {
        var key = await _one.MintAsync("app");
        Assert.Equal(200, (await _one.CompleteAsync(key, new { prompt = "hi" })).Status);
        _redis.Freeze();
        try
        {
            await _one.EventuallyAsync(async () => (await _one.GetAsync("/health/ready")).Status == 503, "the relay is ready without its state");
            var refused = await _one.CompleteAsync(key, new { prompt = "hi" });
            Assert.Equal((503, "state_unavailable"), (refused.Status, refused.ErrorCode));
            Assert.NotNull(refused.Headers.RetryAfter);
            Assert.Equal(200, (await _one.GetAsync("/v1/models", key)).Status);
            Assert.Equal((503, "state_unavailable"), await StatusOfAsync(_one.GetAsync("/v1/usage", key)));
        }
        finally
        {
            _redis.Thaw();
        }

        await _one.WaitUntilReadyAsync();
        Assert.Equal(200, (await _one.CompleteAsync(key, new { prompt = "hi" })).Status);
    }

    private static async Task<(int, string?)> StatusOfAsync(Task<RelayAnswer> asking)
    {
        var answer = await asking;
        return (answer.Status, answer.ErrorCode);
    }

    private static async Task<RelayAnswer> AskOnceAsync(RelayProgram relay, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/complete") { Content = JsonContent.Create(new { prompt = "once" }) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        request.Headers.Add("Idempotency-Key", "one-and-the-same");
        return await relay.SendAsync(request, null);
    }

    private Task<(int ExitCode, string Output, string Error)> RelayctlAsync(params string[] arguments) => _one.RelayctlAsync(arguments);

    /// <summary>Both hosts have the address where an operator puts it: in <c>config.env</c>, which the commands read, too.</summary>
    private Task<RelayProgram> StartAsync(string name)
    {
        var directory = TestMachine.NewDirectory();
        _directories.Add(directory);
        var home = Directory.CreateDirectory(Path.Combine(directory, "home"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
        File.WriteAllText(Path.Combine(home, "config.env"), $"STATE={_redis.Address}\nRELAY_NAME={name}\nSTATE_TIMEOUT=2s\n");
        return RelayProgram.WithFakeClaudeAsync(FakeClaudeInstall.Install(directory, new FakeScript()), ("RELAY_HOME", home), ("PER_KEY_RPM", "30"));
    }
}
