using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>
/// <c>install.sh</c> and <c>uninstall.sh</c>, as an unpacked release has them, run by a user without root on a machine with a real
/// <c>systemd --user</c>, and the real published relay as the service.
/// </summary>
public sealed class InstallTests : IAsyncLifetime
{
    private static readonly Lazy<Task<string>> Release = new(StageAsync);

    private readonly HttpClient _http = new();
    private UserSystemd _machine = null!;

    private string RelayHome => Path.Combine(_machine.Home, ".local", "share", "claude-relay");

    private string ClaudeDirectory => Path.Combine(_machine.Home, ".local", "bin");

    public async ValueTask InitializeAsync()
    {
        _machine = await UserSystemd.StartAsync();
        _http.BaseAddress = new Uri($"http://127.0.0.1:{UserSystemd.FreePort()}");
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _machine.DisposeAsync();
    }

    [OnlyWithAll]
    [Fact(Timeout = 300_000)]
    public async Task A_relay_is_installed_upgraded_rolled_back_and_uninstalled()
    {
        await ConfigureAsync();
        // Shorter than the drain: the relay itself asks for the time it needs.
        var change = Path.Combine(_machine.Home, ".config", "systemd", "user", "claude-relay.service.d", "change.conf");
        Directory.CreateDirectory(Path.GetDirectoryName(change)!);
        await File.WriteAllTextAsync(change, "[Service]\nTimeoutStopSec=1\n", TestContext.Current.CancellationToken);
        var first = await PutVersionAsync("1.0.0");
        var (code, said) = await InstallAsync(first);
        code.Should().Be(0, said);
        said.Should().Contain("is ready").And.Contain("keys add");
        (await _machine.PropertyAsync("ActiveState")).Should().Be("active");
        (await File.ReadAllTextAsync($"/proc/{HostProcess()}/comm", TestContext.Current.CancellationToken))
            .Trim()
            .Should()
            .Be("claude-relay");
        (await RunInstalledAsync("claude-relay", "--version")).Output.Should().Contain("claude-relay 0.1.0");
        var (minted, key) = await RunInstalledAsync("relayctl", "keys", "add", "app");
        minted.Should().Be(0, key);
        key = key.Split('\n')[0];
        await EventuallyAsync(async () => await AskAsync(key) == 200, "the installed relay does not answer");

        // Again: nothing happens to the running relay.
        var process = await _machine.PropertyAsync("MainPID");
        (code, said) = await InstallAsync(first);
        (code, said.Contains("already", StringComparison.Ordinal)).Should().Be((0, true), said);
        (await _machine.PropertyAsync("MainPID")).Should().Be(process);

        // An upgrade, and a request in the middle of it.
        var second = await PutVersionAsync("1.1.0");
        var asked = Asked();
        FakeClaudeInstall.Update(ClaudeDirectory, new FakeScript { Behavior = FakeBehavior.SlowAnswer, DelayMs = 20_000 });
        var slow = AskAsync(key);
        await EventuallyAsync(() => Task.FromResult(Asked() > asked), "the request does not begin");
        (code, said) = await InstallAsync(second);
        code.Should().Be(0, said);
        (await slow).Should().Be(200, "a restart waits for what runs");
        FakeClaudeInstall.Update(ClaudeDirectory, new FakeScript());
        var audited = Directory
            .GetFiles(Path.Combine(RelayHome, "audit"))
            .Order(StringComparer.Ordinal)
            .SelectMany(File.ReadAllLines)
            .ToList();
        audited
            .FindLastIndex(line => line.Contains("\"complete\"", StringComparison.Ordinal))
            .Should()
            .BeGreaterThan(
                audited.FindIndex(line => line.Contains("relay_stopping", StringComparison.Ordinal)),
                "it still ran when the stop came"
            );
        InstalledVersion().Should().Be("1.1.0");
        (await _machine.PropertyAsync("MainPID")).Should().NotBe(process);
        (await AskAsync(key)).Should().Be(200, "keys outlive an upgrade");

        // One that runs and does not become ready, and one that does not even start.
        foreach (
            var (version, body) in ((string, string)[])
                [("1.2.0", "exec \"$(dirname \"$0\")/claude-relay.real\" --claude-bin /nowhere"), ("1.3.0", "echo it is broken; exit 1")]
        )
        {
            var broken = await PutVersionAsync(version, body);
            (code, said) = await InstallAsync(broken);
            code.Should().Be(1, said);
            said.Should()
                .Contain("Taking it back")
                .And.Contain(version == "1.2.0" ? "Not ready" : "it is broken", "the log's last lines are shown");
            InstalledVersion().Should().Be("1.1.0");
            (await AskAsync(key)).Should().Be(200, "the version before runs again");
        }

        Directory.GetDirectories(Path.Combine(RelayHome, "releases")).Should().HaveCount(2, "the one in use and the one before it");

        var relay = HostProcess();
        (code, said) = await _machine.RunAsync(Path.Combine(Inside(first), "uninstall.sh"));
        code.Should().Be(0, said);
        TestMachine.IsRunning(relay).Should().BeFalse();
        File.Exists(Path.Combine(_machine.Home, ".local", "bin", "relayctl")).Should().BeFalse();
        Directory
            .EnumerateFiles(Path.Combine(_machine.Home, ".config", "systemd", "user"), "*", SearchOption.AllDirectories)
            .Should()
            .Equal([change], "that is the operator's own");
        new DirectoryInfo(RelayHome)
            .EnumerateFileSystemInfos()
            .Select(entry => entry.Name)
            .Should()
            .Contain(["keys.json", "config.env", "audit", "relay.db"])
            .And.NotContain(["app", "releases", "upgrade"]);

        (code, said) = await InstallAsync(first);
        code.Should().Be(0, said);
        (await AskAsync(key)).Should().Be(200, "a later install goes on with the keys");
        (code, said) = await _machine.RunAsync(Path.Combine(Inside(first), "uninstall.sh"), "--purge");
        code.Should().Be(0, said);
        Directory.Exists(RelayHome).Should().BeFalse();
        (await _machine.RunAsync(Path.Combine(Inside(first), "uninstall.sh"))).ExitCode.Should().Be(0, "there is nothing to do");
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task A_run_that_was_cut_off_is_repaired_by_the_next()
    {
        await ConfigureAsync();
        var good = await PutVersionAsync("1.0.0");
        (await InstallAsync(good)).ExitCode.Should().Be(0);
        // Its start goes on for a minute, which is the middle of the upgrade.
        var stuck = await PutVersionAsync("1.1.0", "exec sleep 100");

        foreach (var signal in (string[])["-TERM", "-KILL"])
        {
            using var installing = _machine.Start(Path.Combine(Inside(stuck), "install.sh"));
            var end = UserSystemd.EndOfAsync(installing);
            await EventuallyAsync(
                async () => await _machine.PropertyAsync("ActiveState") == "activating" && InstalledVersion() == "1.1.0",
                "the upgrade does not come to its middle"
            );
            (await _machine.RunAsync("flock", "-n", Path.Combine(Inside(RelayHome), "install.lock"), "true")).ExitCode.Should().Be(1);
            var (second, refusal) = await InstallAsync(good);
            (second, refusal.Contains("Another install.sh", StringComparison.Ordinal)).Should().Be((1, true), refusal);
            Signal(signal, TestMachine.DescendantsOf(installing.Id));
            var (code, said) = await end;
            if (signal == "-TERM")
            {
                said.Should().Contain("Taking back");
                InstalledVersion().Should().Be("1.0.0", said);
                await EventuallyAsync(async () => await ReadinessAsync() == HttpStatusCode.OK, "the version before does not run again");
            }
            else
            {
                InstalledVersion().Should().Be("1.1.0", "nobody could take it back");
                (code, said) = await InstallAsync(good);
                (code, said.Contains("cut off", StringComparison.Ordinal)).Should().Be((0, true), said);
                InstalledVersion().Should().Be("1.0.0");
                (await ReadinessAsync()).Should().Be(HttpStatusCode.OK);
                Directory.Exists(Path.Combine(RelayHome, "upgrade")).Should().BeFalse();
            }
        }

        // Files that went missing are replaced.
        File.Delete(Path.Combine(RelayHome, "app", "Relay.Domain.dll"));
        var (repaired, text) = await InstallAsync(good);
        repaired.Should().Be(0, text);
        File.Exists(Path.Combine(RelayHome, "app", "Relay.Domain.dll")).Should().BeTrue();
    }

    [Fact(Timeout = 180_000)]
    public async Task A_first_install_that_can_not_serve_says_so()
    {
        var release = await PutVersionAsync("1.0.0");

        // Without a systemd, without sense.
        var (code, said) = await _machine.RunAsync(
            "env",
            "-u",
            "XDG_RUNTIME_DIR",
            "PATH=/usr/bin:/bin",
            "unshare",
            "-Urm",
            "sh",
            "-c",
            $"mount -t tmpfs none /run && {Inside(release)}/install.sh"
        );
        code.Should().Be(3, said);
        said.Should().Contain("no systemd").And.Contain("app/claude-relay");
        (await InstallAsync(release, "--port", "0")).ExitCode.Should().Be(64);
        (await InstallAsync(release, "--frobnicate")).ExitCode.Should().Be(64);
        Directory.Exists(RelayHome).Should().BeFalse("nothing was done");

        // On a port that another program has.
        using (var other = new TcpListener(IPAddress.Loopback, _http.BaseAddress!.Port))
        {
            other.Start();
            (code, said) = await InstallAsync(release, "--port", _http.BaseAddress.Port.ToString());
            code.Should().Be(1, said);
            said.Should().Contain("address already in use").And.Contain("doctor");
            (await _machine.PropertyAsync("ActiveState")).Should().NotBe("active");
        }

        // On a machine without Claude Code it runs, and says what is missing; and serves when that has come.
        (code, said) = await InstallAsync(release);
        code.Should().Be(2, said);
        said.Should().Contain("claude_missing").And.Contain("doctor");
        (await ReadinessAsync()).Should().Be(HttpStatusCode.ServiceUnavailable);
        (await File.ReadAllTextAsync(Path.Combine(RelayHome, "config.env"), TestContext.Current.CancellationToken))
            .Should()
            .Contain($"\nPORT={_http.BaseAddress.Port}\n")
            .And.Contain("#WARM_PROCESSES=", "every setting is there to be found");
        (await _machine.RunAsync("systemctl", "--user", "is-enabled", "claude-relay")).Output.Trim().Should().Be("enabled");
        (
            await _machine.RunAsync(
                "systemd-analyze",
                "--user",
                "verify",
                Inside(Path.Combine(_machine.Home, ".config", "systemd", "user", "claude-relay.service"))
            )
        )
            .Should()
            .Be((0, string.Empty));
    }

    /// <summary>The content of an unpacked archive, made once for all tests.</summary>
    private static async Task<string> StageAsync()
    {
        var directory = Path.Combine(TestMachine.Root, "artifacts", "install-test");
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }

        using var staging = Process.Start(
            new ProcessStartInfo(Path.Combine(TestMachine.Root, "deploy", "release.sh"), ["--unpacked", directory])
            {
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        var said = await staging.StandardError.ReadToEndAsync(CancellationToken.None);
        await staging.WaitForExitAsync(CancellationToken.None);
        return staging.ExitCode == 0 ? directory : throw new InvalidOperationException(said);
    }

    /// <summary>Settings with which the fake CLI makes a relay ready. It lies where the service's own PATH does not lead.</summary>
    private async Task ConfigureAsync()
    {
        var claude = FakeClaudeInstall.Install(ClaudeDirectory, new FakeScript());
        await File.WriteAllTextAsync(
            claude,
            (await File.ReadAllTextAsync(claude, TestContext.Current.CancellationToken))
                .Replace(TestMachine.Root, "/mnt", StringComparison.Ordinal)
                .Replace(_machine.Home, UserSystemd.InsideHome, StringComparison.Ordinal),
            TestContext.Current.CancellationToken
        );
        Directory.CreateDirectory(RelayHome);
        await File.WriteAllTextAsync(
            Path.Combine(RelayHome, "config.env"),
            $"PORT={_http.BaseAddress!.Port}\nCLAUDE_AUTH=bedrock\nAWS_REGION=of-a-test\nSANDBOX=off\nWARM_PROCESSES=0\nWARM_PROFILES=0\n",
            TestContext.Current.CancellationToken
        );
        await _machine.BelongsToUserAsync();
    }

    /// <summary>An unpacked release of some version.</summary>
    /// <param name="version">The version that it reports.</param>
    /// <param name="program">Replaces the serving of its <c>claude-relay</c>; the real one is then <c>claude-relay.real</c>.</param>
    private async Task<string> PutVersionAsync(string version, string? program = null)
    {
        var directory = Path.Combine(_machine.Home, "claude-relay-" + version);
        using (var copy = Process.Start("cp", ["-R", await Release.Value, directory]))
        {
            await copy.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        var app = Path.Combine(directory, "app");
        await File.WriteAllTextAsync(Path.Combine(app, "VERSION"), version + "\n", TestContext.Current.CancellationToken);
        if (program is not null)
        {
            var relay = Path.Combine(app, "claude-relay");
            File.Move(relay, relay + ".real");
            await File.WriteAllTextAsync(relay, $"#!/bin/sh\n{program}\n", TestContext.Current.CancellationToken);
            File.SetUnixFileMode(relay, File.GetUnixFileMode(relay + ".real"));
        }

        await _machine.BelongsToUserAsync();
        return directory;
    }

    private Task<(int ExitCode, string Output)> InstallAsync(string release, params string[] arguments) =>
        _machine.RunAsync([Path.Combine(Inside(release), "install.sh"), .. arguments]);

    private Task<(int ExitCode, string Output)> RunInstalledAsync(string command, params string[] arguments) =>
        _machine.RunAsync([$"{UserSystemd.InsideHome}/.local/bin/{command}", .. arguments]);

    private string Inside(string path) => path.Replace(_machine.Home, UserSystemd.InsideHome, StringComparison.Ordinal);

    private string InstalledVersion() => Path.GetFileName(new FileInfo(Path.Combine(RelayHome, "app")).LinkTarget!).Split('-')[0];

    /// <summary>The service's process, as the tests' machine numbers it.</summary>
    private int HostProcess() =>
        _machine.Processes.Single(id =>
            TestMachine.CommandLineOf(id).TrimEnd() == $"{UserSystemd.InsideHome}/.local/share/claude-relay/app/claude-relay"
        );

    private int Asked() => FakeClaudeInstall.Pids(ClaudeDirectory).Count;

    private async Task<int> AskAsync(string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/complete") { Content = JsonContent.Create(new { prompt = "hi" }) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        return (int)response.StatusCode;
    }

    private async Task<HttpStatusCode> ReadinessAsync()
    {
        try
        {
            using var response = await _http.GetAsync("/health/ready", TestContext.Current.CancellationToken);
            return response.StatusCode;
        }
        catch (HttpRequestException)
        {
            return HttpStatusCode.BadGateway; // It does not run.
        }
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition, string otherwise)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            if (watch.Elapsed > TimeSpan.FromSeconds(30))
            {
                throw new TimeoutException(otherwise);
            }

            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    private static void Signal(string signal, IEnumerable<int> processes)
    {
        using var kill = Process.Start("kill", [signal, .. processes.Select(id => id.ToString())]);
        kill.WaitForExit();
    }
}
