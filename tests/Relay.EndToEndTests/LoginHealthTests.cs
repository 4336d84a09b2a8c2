using Relay.AnthropicSimulator;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>A login that Anthropic refuses, and a jail that Claude Code does not run in, are told and not discovered by callers.</summary>
public sealed class LoginHealthTests
{
    [OnlyWithAll]
    [Fact]
    public async Task A_refused_login_takes_readiness_away_says_so_once_and_gives_it_back()
    {
        await using var api = await Simulator.StartAsync(ct: TestContext.Current.CancellationToken);
        await using var relay = await RelayProgram.WithRealClaudeAsync(api, ("WARM_PROCESSES", "0"));
        var key = await relay.MintAsync("app");
        api.Default = new Behavior { Failure = UpstreamFailure.Unauthorized };

        (await relay.CompleteAsync(key, new { prompt = "hi" })).ErrorCode.Should().Be("not_logged_in");
        (await relay.CompleteAsync(key, new { prompt = "hi" })).ErrorCode.Should().Be("not_logged_in");
        var ready = await relay.GetAsync("/health/ready");

        ready.Status.Should().Be(503);
        ready.Json.GetProperty("problems")[0].GetProperty("code").GetString().Should().Be("not_logged_in");
        relay.Log.Where(line => line.Contains("refuses the login", StringComparison.Ordinal)).Should().ContainSingle();
        api.Default = new Behavior();
        (await relay.CompleteAsync(key, new { prompt = "hi" }))
            .Status.Should()
            .Be(200, "requests are still tried, because only they can show that the login works again");
        (await relay.GetAsync("/health/ready")).Status.Should().Be(200);
    }

    [OnlyWithAll]
    [Fact]
    public async Task A_jail_in_which_this_executable_does_not_run_is_done_without_and_explained()
    {
        using var directory = new TemporaryDirectory();
        var claude = FakeClaudeInstall.Install(directory.Path, new FakeScript());

        // The fake is a script: it needs a shell, which the jail has not.
        await using var relay = await RelayProgram.WithFakeClaudeAsync(claude, ("SANDBOX", "auto"));
        var key = await relay.MintAsync("app");
        var doctor = await RelayctlProcess.RunAsync(
            [("CLAUDE_BIN", claude), ("CLAUDE_AUTH", "bedrock"), ("AWS_REGION", "of-a-test"), ("SANDBOX", "auto")],
            ["--home", relay.Home, "doctor"]
        );

        (await relay.CompleteAsync(key, new { prompt = "hi" })).Status.Should().Be(200);
        relay.Log.Should().Contain(line => line.Contains("without a jail: Claude Code does not run in the jail", StringComparison.Ordinal));
        doctor.Output.Should().Contain("Claude Code does not run in the jail").And.NotContain("runs in a bubblewrap jail");
    }
}
