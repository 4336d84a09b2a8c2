using System.Diagnostics;

namespace Relay.EndToEndTests;

/// <summary>A home in which something is not as it should be: the relay and its commands say so in a sentence, at once.</summary>
public sealed class OddFilesTests : IDisposable
{
    private readonly string _home = TestMachine.NewDirectory();

    private string ConfigFile => Path.Combine(_home, "config.env");

    private string KeyFile => Path.Combine(_home, "keys.json");

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [OnlyWithAll]
    [Theory(Timeout = 120_000)]
    [InlineData("pipe", "is a pipe")]
    [InlineData("device", "is a pipe")]
    [InlineData("directory", "is a directory")]
    public async Task A_pipe_or_directory_in_place_of_the_settings_ends_the_start_with_a_sentence(string kind, string sentence)
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
            wrapper: ["/usr/bin/unshare", "-m", "/bin/sh", "-c", "mount -t tmpfs -o ro,mode=700 tmpfs \"$RELAY_HOME\" && exec \"$@\"", "sh"]
        );

        (await relay.WaitForExitAsync()).Should().Be(1);
        relay.Log.Should().ContainSingle().Which.Should().StartWith("FTL").And.Contain("Read-only").And.Contain("RELAY_HOME");
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_pipe_or_directory_in_place_of_the_keys_or_settings_blocks_nothing_and_the_next_change_is_read()
    {
        await using var relay = await RelayProgram.StartAsync(
            [
                ("RELAY_HOME", _home),
                ("CLAUDE_AUTH", "api-key"),
                ("ANTHROPIC_API_KEY", "dummy"),
                ("CLAUDE_BIN", "/nonexistent"),
                ("WARM_PROCESSES", "0"),
            ],
            waitUntilReady: false
        );
        foreach (
            var (kind, sentence) in ((string, string)[])[("pipe", "is a pipe"), ("device", "is a pipe"), ("directory", "is a directory")]
        )
        {
            var key = await relay.MintAsync(kind);
            (await relay.GetAsync("/v1/models", key)).Status.Should().Be(200);
            var lines = relay.Log.Count;
            await ReplaceAsync(kind, KeyFile);
            await ReplaceAsync(kind, ConfigFile);
            foreach (var file in (string[])["keys.json", "config.env"])
            {
                await relay.EventuallyAsync(
                    () =>
                        Task.FromResult(
                            relay
                                .Log.Skip(lines)
                                .Any(line =>
                                    line.Contains($"{file} can't be read", StringComparison.Ordinal)
                                    && line.Contains(sentence, StringComparison.Ordinal)
                                )
                        ),
                    $"it does not say that {file} {sentence}"
                );
            }

            if (kind != "directory")
            {
                // A directory can't take a file's place in one step: in between there is no file, and so there are no keys.
                (await relay.GetAsync("/v1/models", key))
                    .Status.Should()
                    .Be(200, "the last good keys stay in force");
            }

            (await relay.RelayctlAsync("keys", "list")).Error.Should().Contain(sentence);
            Restore(kind, KeyFile);
            Restore(kind, ConfigFile);
            await File.AppendAllTextAsync(ConfigFile, $"QUEUE_LIMIT={lines + 100}\n", TestContext.Current.CancellationToken);

            (await relay.RelayctlAsync("keys", "revoke", kind)).ExitCode.Should().Be(0);
            await relay.EventuallyAsync(async () => (await relay.GetAsync("/v1/models", key)).Status == 401, "the revocation is not read");
            await relay.EventuallyAsync(
                () =>
                    Task.FromResult(
                        relay.Log.Any(line => line.Contains($"QUEUE_LIMIT is {lines + 100} from now on", StringComparison.Ordinal))
                    ),
                "the setting is not read"
            );
        }
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task Keys_are_revoked_on_a_full_disk()
    {
        const string Script = """
            mount -t tmpfs -o size=2m,mode=700 tmpfs "$RELAY_HOME" || exit 90
            "$@" keys add app >/dev/null && "$@" keys add next >/dev/null || exit 91
            dd if=/dev/zero of="$RELAY_HOME/filler" bs=4k 2>/dev/null
            "$@" keys add other >/dev/null && exit 92
            "$@" keys revoke app || exit 93
            dd if=/dev/zero of="$RELAY_HOME/more" bs=4k 2>/dev/null
            "$@" keys revoke next || exit 94
            "$@" keys show app --json && "$@" keys show next --json
            """;
        var start = new ProcessStartInfo(
            "/usr/bin/unshare",
            ["-m", "/bin/sh", "-c", Script, "sh", TestMachine.DotNet, TestMachine.ProgramOf("Relay.Cli", "relayctl")]
        )
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["RELAY_HOME"] = _home;
        using var process = Process.Start(start)!;
        var (output, error) = (
            process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken)
        );
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        process.ExitCode.Should().Be(0, await error);
        (await output).Split("\"revoked_at\": \"").Should().HaveCount(1 + 2, "both keys are revoked");
    }

    [Fact(Timeout = 120_000)]
    public async Task Half_a_token_on_a_line_of_its_own_is_not_shown()
    {
        await File.WriteAllTextAsync(
            ConfigFile,
            "CLAUDE_AUTH=oauth-token\nCLAUDE_CODE_OAUTH_TOKEN=sk-ant-oat01-abcdef\nZYXwvu123SecretHalf=\nPROT=80\n",
            TestContext.Current.CancellationToken
        );

        await using var relay = await RelayProgram.StartAsync(
            [("RELAY_HOME", _home), ("CLAUDE_BIN", "/nonexistent")],
            waitUntilReady: false
        );
        var doctor = await relay.RelayctlAsync("doctor");

        relay
            .Log.Should()
            .Contain(line => line.Contains("PROT", StringComparison.Ordinal))
            .And.NotContain(line => line.Contains("SecretHalf", StringComparison.Ordinal));
        (doctor.Output + doctor.Error).Should().Contain("PROT").And.NotContain("SecretHalf");
    }

    /// <summary>A terminal obeys them, and the writer of the file may not be the reader of the log.</summary>
    [Theory(Timeout = 120_000)]
    [InlineData("PORT=\u001b[31m\nALLOWED_MODELS=\u001b]0;x\u0007\n", true)]
    [InlineData("NA\u001b[31mME=1\nCLAUDE_BIN=/nonexistent\u009b31m\u202e\n", false)]
    public async Task Control_characters_in_the_settings_reach_neither_the_log_nor_the_terminal(string settings, bool endsTheStart)
    {
        await File.WriteAllTextAsync(ConfigFile, settings, TestContext.Current.CancellationToken);
        (string, string)[] environment = [("RELAY_HOME", _home), ("CLAUDE_AUTH", "api-key"), ("ANTHROPIC_API_KEY", "dummy")];
        await using var relay = endsTheStart
            ? RelayProgram.Launch(environment)
            : await RelayProgram.StartAsync(environment, waitUntilReady: false);
        if (endsTheStart)
        {
            (await relay.WaitForExitAsync()).Should().Be(1);
        }

        var doctor = await relay.RelayctlAsync("doctor");

        relay.Log.Should().NotBeEmpty();
        (string.Concat(relay.Log) + doctor.Output + doctor.Error).Should().NotContainAny("\u001b", "\u009b", "\u0007", "\u202e");
    }

    /// <summary>Puts something else in a file's place, in one step where the system has one, and keeps the file.</summary>
    private static async Task ReplaceAsync(string kind, string path)
    {
        File.Copy(path, path + ".good");
        await PutAsync(kind, path + ".odd");
        if (kind == "directory")
        {
            File.Delete(path);
            Directory.Move(path + ".odd", path);
            return;
        }

        // A move of File would look at what the link leads to.
        using var move = Process.Start("/bin/mv", ["-T", path + ".odd", path]);
        await move.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    private static void Restore(string kind, string path)
    {
        if (kind == "directory")
        {
            Directory.Delete(path);
        }

        File.Move(path + ".good", path, overwrite: true);
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
