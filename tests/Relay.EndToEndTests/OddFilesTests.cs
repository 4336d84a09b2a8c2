using System.Diagnostics;
using FluentAssertions;
using Relay.EndToEndTests.Harness;

namespace Relay.EndToEndTests;

/// <summary>A home in which something is not as it should be: the relay and its commands say so in a sentence, at once.</summary>
public sealed class OddFilesTests : IDisposable
{
    private readonly string _home = TestMachine.NewDirectory();

    private string ConfigFile => Path.Combine(_home, "config.env");

    private string KeyFile => Path.Combine(_home, "keys.json");

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Theory(Timeout = 120_000)]
    [InlineData("pipe", "is a pipe")]
    [InlineData("device", "is a pipe")]
    [InlineData("directory", "is a directory")]
    public async Task What_is_no_file_in_place_of_the_settings_ends_the_start_with_a_sentence(string kind, string sentence)
    {
        await PutAsync(kind, ConfigFile);

        await using var relay = RelayProgram.Launch([("RELAY_HOME", _home), ("CLAUDE_AUTH", "api-key"), ("ANTHROPIC_API_KEY", "dummy")]);

        (await relay.WaitForExitAsync()).Should().Be(1);
        relay.Log.Should().ContainSingle().Which.Should().StartWith("FTL").And.Contain(sentence).And.Contain("config.env");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_home_that_can_not_be_written_ends_the_start_with_a_sentence()
    {
        await using var relay = RelayProgram.Launch(
            [("RELAY_HOME", _home), ("CLAUDE_AUTH", "api-key"), ("ANTHROPIC_API_KEY", "dummy")],
            wrapper: ["/usr/bin/unshare", "-m", "/bin/sh", "-c", "mount -t tmpfs -o ro,mode=700 tmpfs \"$RELAY_HOME\" && exec \"$@\"", "sh"]);

        (await relay.WaitForExitAsync()).Should().Be(1);
        relay.Log.Should().ContainSingle().Which.Should().StartWith("FTL").And.Contain("Read-only").And.Contain("RELAY_HOME");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_pipe_in_place_of_the_keys_holds_nobody_up_and_the_next_revocation_is_read()
    {
        await using var relay = await RelayProgram.StartAsync(
            [("RELAY_HOME", _home), ("CLAUDE_AUTH", "api-key"), ("ANTHROPIC_API_KEY", "dummy"), ("CLAUDE_BIN", "/nonexistent"), ("WARM_PROCESSES", "0")], waitUntilReady: false);
        var key = await relay.MintAsync("app");
        var keys = await File.ReadAllBytesAsync(KeyFile, TestContext.Current.CancellationToken);

        await PutAsync("pipe", KeyFile + ".odd");
        File.Move(KeyFile + ".odd", KeyFile, overwrite: true);
        await relay.EventuallyAsync(() => Task.FromResult(relay.Log.Any(line => line.Contains("keys.json can't be read", StringComparison.Ordinal))), "it does not say that keys.json is none");
        (await relay.GetAsync("/v1/models", key)).Status.Should().Be(200, "the last good keys stay in force");
        (await relay.RelayctlAsync("keys", "list")).Error.Should().Contain("is a pipe");
        await File.WriteAllBytesAsync(KeyFile + ".good", keys, TestContext.Current.CancellationToken);
        File.Move(KeyFile + ".good", KeyFile, overwrite: true);

        (await relay.RelayctlAsync("keys", "revoke", "app")).ExitCode.Should().Be(0);
        await relay.EventuallyAsync(async () => (await relay.GetAsync("/v1/models", key)).Status == 401, "the revocation is not read");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_key_is_revoked_on_a_full_disk()
    {
        const string Script = """
            mount -t tmpfs -o size=2m,mode=700 tmpfs "$RELAY_HOME" || exit 90
            "$@" keys add app >/dev/null || exit 91
            dd if=/dev/zero of="$RELAY_HOME/filler" bs=4k 2>/dev/null
            "$@" keys add other >/dev/null && exit 92
            "$@" keys revoke app || exit 93
            "$@" keys show app --json
            """;
        var start = new ProcessStartInfo("/usr/bin/unshare", ["-m", "/bin/sh", "-c", Script, "sh", RelayProgram.DotNet, TestMachine.ProgramOf("Relay.Cli", "relayctl")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["RELAY_HOME"] = _home;
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        process.ExitCode.Should().Be(0, await error);
        (await output).Should().Contain("\"revoked_at\": \"", "the key is revoked");
    }

    [Fact(Timeout = 120_000)]
    public async Task Half_a_token_on_a_line_of_its_own_is_not_shown()
    {
        await File.WriteAllTextAsync(ConfigFile, "CLAUDE_AUTH=oauth-token\nCLAUDE_CODE_OAUTH_TOKEN=sk-ant-oat01-abcdef\nZYXwvu123SecretHalf=\nPROT=80\n", TestContext.Current.CancellationToken);

        await using var relay = await RelayProgram.StartAsync([("RELAY_HOME", _home), ("CLAUDE_BIN", "/nonexistent")], waitUntilReady: false);
        var doctor = await relay.RelayctlAsync("doctor");

        relay.Log.Should().Contain(line => line.Contains("PROT", StringComparison.Ordinal)).And.NotContain(line => line.Contains("SecretHalf", StringComparison.Ordinal));
        (doctor.Output + doctor.Error).Should().Contain("PROT").And.NotContain("SecretHalf");
    }

    private static async Task PutAsync(string kind, string path)
    {
        switch (kind)
        {
            case "directory":
                Directory.CreateDirectory(path);
                break;
            case "device":
                File.CreateSymbolicLink(path, "/dev/zero");
                break;
            default:
                using (var process = Process.Start("/usr/bin/mkfifo", [path]))
                {
                    await process.WaitForExitAsync(TestContext.Current.CancellationToken);
                }

                break;
        }
    }
}
