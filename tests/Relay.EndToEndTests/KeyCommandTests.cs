using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Relay.Domain.Keys;
using Relay.Infrastructure.Home;
using Relay.Infrastructure.KeyFile;

namespace Relay.EndToEndTests;

/// <summary>Keys as operators have them: two commands, one file, and a relay that follows it.</summary>
public sealed class KeyCommandTests(KeyCommandTests.Fixture fixture) : IClassFixture<KeyCommandTests.Fixture>
{
    private readonly FakeRelay _relay = fixture.Relay;

    private string KeyFile => Path.Combine(_relay.Program.Home, "keys.json");

    [Fact(Timeout = 120_000)]
    public async Task A_minted_key_works_and_a_revoked_one_does_not_within_a_second_each()
    {
        // The first run builds the command; that is not what is measured.
        await RunAsync("bin/genkey", "warm-up");
        var (code, output, error) = await RunAsync("bin/genkey", "Shop.app_1-x");
        var watch = Stopwatch.StartNew();

        code.Should().Be(0);
        output.Should().MatchRegex("^crk_[A-Za-z0-9_-]{49}\n$", "the secret is the only line on stdout");
        error.Should().Contain("Shop.app_1-x").And.NotContain(output.Trim());
        var secret = output.Trim();
        await BecomesAsync(200, secret);
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(1.5));

        (code, output, error) = await RunAsync("bin/revoke", "Shop.app_1-x");
        watch.Restart();

        code.Should().Be(0);
        output.Should().BeEmpty();
        error.Should().Contain("revoked");
        await BecomesAsync(401, secret);
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(1.5));

        // The label is free again, for another key.
        (code, output, _) = await RunAsync("bin/genkey", "Shop.app_1-x");
        code.Should().Be(0);
        output.Trim().Should().NotBe(secret);
        await BecomesAsync(200, output.Trim());
        (await _relay.Program.GetAsync("/v1/models", secret)).Status.Should().Be(401);
    }

    [Fact(Timeout = 180_000)]
    public async Task The_secret_is_in_no_file_and_its_hash_is_the_owners_only()
    {
        var secret = await _relay.Program.MintAsync("secretive");

        File.GetUnixFileMode(KeyFile).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var text = await File.ReadAllTextAsync(KeyFile, TestContext.Current.CancellationToken);
        text.Should().Contain("sha256:").And.Contain("secretive");
        foreach (var file in _relay.Program.FilesWithContent)
        {
            (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken))
                .Should()
                .NotContain(secret[10..], "that is beyond the prefix that keys.json shows");
        }

        string.Join('\n', _relay.Program.Log).Should().NotContain(secret[10..]);
    }

    [Theory(Timeout = 120_000)]
    [InlineData("bin/genkey")]
    [InlineData("bin/genkey", "", Traits = ["Extent", "all"])]
    [InlineData("bin/genkey", "two words", Traits = ["Extent", "all"])]
    [InlineData("bin/genkey", "../../etc", Traits = ["Extent", "all"])]
    [InlineData("bin/genkey", "Ünicode", Traits = ["Extent", "all"])]
    [InlineData("bin/genkey", "evil\u001b[31m")]
    [InlineData("bin/genkey", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Traits = ["Extent", "all"])]
    [InlineData("bin/genkey", "app")]
    [InlineData("bin/genkey", "limited", "0", Traits = ["Extent", "all"])]
    [InlineData("bin/genkey", "limited", "-5", Traits = ["Extent", "all"])]
    [InlineData("bin/genkey", "limited", "many", Traits = ["Extent", "all"])]
    [InlineData("bin/genkey", "limited", "10000001")]
    [InlineData("bin/genkey", "limited", "5", "6", Traits = ["Extent", "all"])]
    [InlineData("bin/revoke")]
    [InlineData("bin/revoke", "nobody", Traits = ["Extent", "all"])]
    [InlineData("bin/revoke", "bad label", Traits = ["Extent", "all"])]
    [InlineData("bin/revoke", "a", "b", Traits = ["Extent", "all"])]
    public async Task A_refused_command_says_why_and_changes_nothing(string command, params string[] arguments)
    {
        var before = await File.ReadAllTextAsync(KeyFile, TestContext.Current.CancellationToken);

        var (code, output, error) = await RunAsync(command, arguments);

        code.Should().BePositive();
        output.Should().BeEmpty("whoever captures stdout must not take it for a secret");
        error.Should().NotBeNullOrWhiteSpace().And.NotContain("   at ").And.NotContain("Exception").And.NotContain("\u001b");
        (await File.ReadAllTextAsync(KeyFile, TestContext.Current.CancellationToken)).Should().Be(before);
    }

    [Fact(Timeout = 180_000)]
    public async Task A_keys_daily_limit_holds_until_midnight()
    {
        var (code, output, error) = await RunAsync("bin/genkey", "twice", "2");
        code.Should().Be(0, error);
        var secret = output.Trim();
        await BecomesAsync(200, secret);

        (await _relay.Program.CompleteAsync(secret, new { prompt = "hi" })).Status.Should().Be(200);
        (await _relay.Program.CompleteAsync(secret, "{}")).Status.Should().Be(400, "and that is not charged");
        (await _relay.Program.CompleteAsync(secret, new { prompt = "hi" })).Status.Should().Be(200);
        var before = UntilMidnight();
        var third = await _relay.Program.CompleteAsync(secret, new { prompt = "hi" });
        var after = UntilMidnight();

        third.Status.Should().Be(429);
        third.ErrorCode.Should().Be("daily_limit");
        var wait = third.Headers.RetryAfter!.Delta!.Value.TotalSeconds;
        wait.Should().BeInRange(1, 86_400);
        (wait <= before + 1 && wait >= after || after > before)
            .Should()
            .BeTrue("a client that waits that long comes just after midnight (UTC)");
        (await _relay.Program.GetAsync("/v1/models", secret)).Status.Should().Be(200, "what spends nothing goes on");
        (await _relay.AskAsync()).Status.Should().Be(200, "another key has its own limit");
    }

    [Fact(Timeout = 180_000)]
    public async Task A_broken_key_file_keeps_the_last_good_keys_and_is_told()
    {
        await using var relay = await FakeRelay.StartAsync();
        var file = Path.Combine(relay.Program.Home, "keys.json");
        var good = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        foreach (
            var broken in (string[])
                ["", "{", good[..^20], "[]", """{"version":99,"keys":[]}""", good.Replace("sha256:", "md5:", StringComparison.Ordinal)]
        )
        {
            await File.WriteAllTextAsync(file, broken, TestContext.Current.CancellationToken);

            await relay.Program.EventuallyAsync(
                async () => (await relay.ProblemCodesAsync()).Contains("internal_error", StringComparer.Ordinal),
                $"readiness does not tell of the broken file: {broken}"
            );
            var ready = await relay.Program.GetAsync("/health/ready");
            ready.Status.Should().Be(503);
            ready.Body.Should().Contain("keys.json").And.NotContain(relay.Program.Home);
            (await relay.AskAsync()).Status.Should().Be(200);
            var (code, output, error) = await relay.Program.RelayctlAsync("keys", "add", "another");
            code.Should().Be(1);
            output.Should().BeEmpty();
            error.Should().Contain("keys.json").And.NotContain("   at ");
            (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).Should().Be(broken, "an operator may still mend it");

            await File.WriteAllTextAsync(file, good + " ", TestContext.Current.CancellationToken);
            await relay.Program.WaitUntilReadyAsync();
        }

        File.Delete(file);
        await relay.Program.EventuallyAsync(
            async () => (await relay.Program.GetAsync("/v1/models", relay.Key)).Status == 401,
            "no file means no keys"
        );
    }

    /// <summary>A hundred writers: eight commands, and this process with the rest of them, through the same lock.</summary>
    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task Keys_minted_at_once_are_all_there()
    {
        const int commands = 8;
        var repository = new KeyFileRepository(RelayHome.Open(_relay.Program.Home), TimeProvider.System);
        var mine = Enumerable
            .Range(commands, 100 - commands)
            .Select(number =>
                repository.ChangeAsync<string>(
                    keys =>
                        (
                            (IReadOnlyList<ApiKey>)
                                [.. keys, ApiKey.Create(KeyLabel.Create($"crowd-{number}").Value, TimeProvider.System.GetUtcNow()).Key],
                            "added"
                        ),
                    TestContext.Current.CancellationToken
                )
            );

        var minting = Task.WhenAll(
            Enumerable.Range(0, commands).Select(number => _relay.Program.RelayctlProcessAsync("keys", "add", $"crowd-{number}"))
        );
        (await Task.WhenAll(mine)).Should().OnlyContain(result => result.Error == null);
        var minted = await minting;

        minted.Should().OnlyContain(result => result.ExitCode == 0);
        minted.Select(result => result.Output).Should().OnlyHaveUniqueItems();
        using var document = JsonDocument.Parse(await File.ReadAllTextAsync(KeyFile, TestContext.Current.CancellationToken));
        document
            .RootElement.GetProperty("keys")
            .EnumerateArray()
            .Count(key => key.GetProperty("label").GetString()!.StartsWith("crowd-", StringComparison.Ordinal))
            .Should()
            .Be(100);
        foreach (var (_, output, _) in minted)
        {
            await BecomesAsync(200, output.Trim());
        }
    }

    [OnlyWithAll]
    [Fact(Timeout = 1_200_000)]
    public async Task A_command_that_is_killed_leaves_the_old_keys_or_the_new()
    {
        using var directory = new TemporaryDirectory();
        var file = Path.Combine(directory.Path, "keys.json");
        var random = new Random(20261123);
        var keys = new HashSet<string>(StringComparer.Ordinal);
        for (var round = 0; round < Extent.Of(4, 8, 200); round++)
        {
            var start = new ProcessStartInfo(
                TestMachine.DotNet,
                [TestMachine.ProgramOf("Relay.Cli", "relayctl"), "--home", directory.Path, "keys", "add", $"round-{round}"]
            )
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            };
            using var process = Process.Start(start)!;
            // At the first sign of writing, or a moment later: the moment that counts is short.
            using var written = new FileSystemWatcher(directory.Path, "keys.json*") { EnableRaisingEvents = true };
            var kill = new TaskCompletionSource();
            written.Created += (_, _) => kill.TrySetResult();
            await Task.WhenAny(kill.Task, process.WaitForExitAsync(TestContext.Current.CancellationToken));
            await Task.Delay(TimeSpan.FromMilliseconds(random.NextDouble() * 4), TestContext.Current.CancellationToken);
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);

            var now = File.Exists(file)
                ? KeyFileDocument
                    .Parse(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken))
                    .Select(key => key.Label.Value)
                    .ToList()
                : [];
            now.Except([.. keys, $"round-{round}"], StringComparer.Ordinal).Should().BeEmpty();
            keys.Except(now, StringComparer.Ordinal).Should().BeEmpty("what was there before is there still");
            keys.UnionWith(now);
        }

        var afterwards = await new KeyFileRepository(RelayHome.Open(directory.Path), TimeProvider.System).ChangeAsync<int>(
            found => (found, found.Count),
            TestContext.Current.CancellationToken
        );
        afterwards.Value.Should().Be(keys.Count, "no lock is left behind");
    }

    private static double UntilMidnight() => 86_400 - TimeProvider.System.GetUtcNow().TimeOfDay.TotalSeconds;

    private Task BecomesAsync(int status, string secret) =>
        _relay.Program.EventuallyAsync(
            async () => (await _relay.Program.GetAsync("/v1/models", secret)).Status == status,
            $"the key is never answered {status.ToString(CultureInfo.InvariantCulture)}"
        );

    /// <summary>Runs a script of the checkout as an operator does, from another directory.</summary>
    private async Task<(int ExitCode, string Output, string Error)> RunAsync(string script, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(TestMachine.Root, script), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = "/",
            Environment =
            {
                ["RELAY_HOME"] = _relay.Program.Home,
                ["PATH"] = $"{Path.GetDirectoryName(TestMachine.DotNet)}:{Environment.GetEnvironmentVariable("PATH")}",
            },
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await error);
    }

    public sealed class Fixture() : FakeRelayFixture;
}
