using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>
/// The relay uses the login of an account, and nothing else of what that account has set up for its own use of Claude Code.
/// </summary>
public sealed class PlantedHomeTests : IAsyncLifetime
{
    private readonly Canaries _canaries = new();
    private readonly PlantedHome _home = new();

    private Simulator _api = null!;

    /// <summary>The ways to run.</summary>
    public static TheoryData<string> Modes => RelayPerSandbox.JailedUnlessAll;

    public async ValueTask InitializeAsync() => _api = await Simulator.StartAsync();

    public async ValueTask DisposeAsync()
    {
        _canaries.Dispose();
        _home.Dispose();
        await _api.DisposeAsync();
    }

    [Theory, MemberData(nameof(Modes))]
    public async Task The_login_serves_and_nothing_planted_beside_it_reaches_the_model_or_runs(string sandbox)
    {
        _home.Plant(_canaries);
        _home.LogIn();
        await using (var relay = await StartAsync(sandbox))
        {
            var key = await relay.MintAsync("app");

            // One cold or blank, then one prepared.
            foreach (var prompt in (string[])["hi", "/canary", "hi again"])
            {
                var answer = await relay.CompleteAsync(key, new { prompt, system = "Be brief." });
                answer.Status.Should().Be(200);
                answer.Text.Should().Be(Behavior.DefaultText);
            }
        }

        var requests = _api.Requests;
        requests.Count.Should().Be(3);
        requests
            .Should()
            .OnlyContain(request =>
                request.Headers["Authorization"] == $"Bearer {PlantedHome.Token}" && !request.Headers.ContainsKey("x-api-key")
            );
        requests.Should().OnlyContain(request => request.BodyLength < 2500 && request.UserTexts.Count == 1);
        requests.Select(request => request.SystemTexts[^1]).Should().AllBe("Be brief.");
        requests
            .SelectMany(request => request.Headers.Values)
            .Should()
            .NotContain(value => value.Contains(_canaries.Secret, StringComparison.Ordinal));
        _canaries.Touched(_api).Should().BeEmpty();
        File.Exists(_home.Touched).Should().BeFalse("nothing planted may run");
        File.ReadAllText(Path.Combine(_home.Claude, ".credentials.json")).Should().Contain(PlantedHome.Token, "the login stays");
    }

    [Fact]
    public async Task Planted_files_reach_the_model_and_run_without_the_lockdown()
    {
        _home.Plant(_canaries);
        string[] open = ["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose", "--model", "opus"];
        string[] off = ["CLAUDE_CODE_DISABLE_CLAUDE_MDS", "CLAUDE_CODE_DISABLE_BUNDLED_SKILLS", "CLAUDE_CODE_DISABLE_AUTO_MEMORY"];
        await using var claude = await BareClaude.StartAsync(
            _api,
            "off",
            _ => open,
            variables =>
            {
                off.ToList().ForEach(name => variables.Remove(name));
                variables["CLAUDE_CONFIG_DIR"] = _home.Claude;
                variables["PATH"] = "/usr/bin:/bin";
            }
        );

        await claude.AskAsync("hi");

        _api.Requests.Count(_canaries.Holds).Should().BeGreaterThan(0);
        File.Exists(_canaries.Writable).Should().BeTrue();
        File.Exists(_home.Touched).Should().BeTrue();
    }

    [OnlyWithAll]
    [Theory, MemberData(nameof(Modes))]
    public async Task Without_a_login_the_relay_says_what_to_do_and_serves_as_soon_as_there_is_one(string sandbox)
    {
        Directory.CreateDirectory(_home.Claude);
        await using var relay = await StartAsync(sandbox, waitUntilReady: false);
        var key = await relay.MintAsync("app");
        await relay.EventuallyAsync(
            async () => await ProblemAsync(relay) == "not_logged_in",
            "it does not notice that nobody is logged in"
        );

        var ready = await relay.GetAsync("/health/ready");
        var refused = await relay.CompleteAsync(key, new { prompt = "hi" });

        ready.Status.Should().Be(503);
        ready.Json.GetProperty("problems")[0].GetProperty("message").GetString().Should().Contain("log in").And.Contain("setup-token");
        refused.Status.Should().Be(503);
        refused.ErrorCode.Should().Be("not_logged_in");

        _home.LogIn();
        await relay.WaitUntilReadyAsync();
        (await relay.CompleteAsync(key, new { prompt = "hi" })).Status.Should().Be(200);
        _api.Requests.Count.Should().Be(1, "the self-tests cost no call of the API");
    }

    private Task<RelayProgram> StartAsync(string sandbox, bool waitUntilReady = true) =>
        RelayProgram.StartAsync(
            [
                ("HOME", _home.Path),
                ("CLAUDE_AUTH", "login"),
                ("CLAUDE_BIN", TestMachine.RealClaude),
                ("CLAUDE_BASE_URL", _api.BaseAddress.ToString()),
                ("SANDBOX", sandbox),
                ("WARM_PROCESSES", "1"),
            ],
            waitUntilReady
        );

    private static async Task<string?> ProblemAsync(RelayProgram relay)
    {
        var problems = (await relay.GetAsync("/health/ready")).Json.GetProperty("problems");
        return problems.GetArrayLength() == 0 ? null : problems[0].GetProperty("code").GetString();
    }
}
