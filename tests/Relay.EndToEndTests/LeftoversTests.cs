using System.Security.Cryptography;
using System.Text;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>A caller's words and the model's are in no file and no log afterwards, and neither is a key.</summary>
public sealed class LeftoversTests : IAsyncLifetime
{
    private readonly string _mark = "LEFT" + Convert.ToHexString(RandomNumberGenerator.GetBytes(10));
    private readonly PlantedHome _home = new();

    private Simulator _api = null!;

    /// <summary>The ways to run.</summary>
    public static TheoryData<string> Modes => RelayPerSandbox.JailedUnlessAll;

    public async ValueTask InitializeAsync()
    {
        _home.LogIn();
        _api = await Simulator.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _home.Dispose();
        await _api.DisposeAsync();
    }

    [Theory, MemberData(nameof(Modes))]
    public async Task Prompt_system_prompt_answer_and_key_are_in_no_file_and_no_log(string sandbox)
    {
        var started = File.GetLastWriteTimeUtc(_home.Path);
        await using var relay = await RelayProgram.StartAsync([
            ("HOME", _home.Path),
            ("CLAUDE_BIN", TestMachine.RealClaude),
            ("CLAUDE_BASE_URL", _api.BaseAddress.ToString()),
            ("SANDBOX", sandbox),
            ("IDLE_TIMEOUT", "4s"),
        ]);
        var key = await relay.MintAsync("app");
        _api.Default = new Behavior { Text = $"{_mark} answers." };
        for (var time = 0; time < 3; time++)
        {
            var answer = await relay.CompleteAsync(key, new { prompt = $"{_mark} asks @{_mark}.", system = $"{_mark} rules." });
            answer.Text.Should().Be($"{_mark} answers.");
        }

        // And three that end badly: a failure, a stall, and no such route.
        _api.Default = new Behavior { Failure = UpstreamFailure.InvalidRequest };
        (await relay.CompleteAsync(key, new { prompt = $"{_mark} fails." })).Status.Should().Be(502);
        _api.Default = new Behavior { Text = $"{_mark} answers at length.", Failure = UpstreamFailure.StalledStream };
        (await relay.CompleteAsync(key, new { prompt = $"{_mark} stalls." })).Status.Should().Be(504);
        (await relay.GetAsync($"/v1/{_mark}?q={_mark}", key)).Status.Should().Be(404);

        // While spares are parked, one of them with the system prompt; and when nothing runs any more.
        FilesThatHold(_mark, started, relay.Home).Should().BeEmpty();
        await relay.StopAsync();
        FilesThatHold(_mark, started, relay.Home).Should().BeEmpty();
        FilesThatHold(key, started, relay.Home).Should().BeEmpty();
        relay
            .Log.Should()
            .NotContain(line => line.Contains(_mark, StringComparison.Ordinal) || line.Contains(key, StringComparison.Ordinal));
        relay
            .Log.Count(line => line.Contains("POST v1/complete", StringComparison.Ordinal))
            .Should()
            .Be(5, "that is where such words would be");
        Directory.EnumerateFiles(Path.Combine(relay.Home, "audit")).Should().NotBeEmpty("those files were searched");

        // The search finds what there is.
        File.WriteAllText(Path.Combine(relay.Home, "found"), $"left {_mark} behind");
        FilesThatHold(_mark, started, relay.Home).Should().Equal(Path.Combine(relay.Home, "found"));
    }

    /// <summary>
    /// Files in the relay's home, the account's home and the temporary directories with a text in them or in their names.
    /// </summary>
    private List<string> FilesThatHold(string text, DateTime since, string relayHome)
    {
        var everything = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            IgnoreInaccessible = true,
            AttributesToSkip = FileAttributes.ReparsePoint,
        };
        var ours = new[] { relayHome, _home.Path }.SelectMany(directory =>
            Directory.EnumerateFileSystemEntries(directory, "*", everything)
        );
        var shared = new[] { Path.GetTempPath(), "/var/tmp", "/dev/shm" }
            .SelectMany(directory => Directory.EnumerateFileSystemEntries(directory, "*", everything))
            .Where(path => File.GetLastWriteTimeUtc(path) >= since);
        return
        [
            .. ours.Concat(shared)
                .Distinct(StringComparer.Ordinal)
                .Where(path => path.Contains(text, StringComparison.Ordinal) || Holds(path, text)),
        ];
    }

    private static bool Holds(string path, string text)
    {
        try
        {
            // Pipes and sockets have no length, and reading them would wait for ever.
            return new FileInfo(path) is { Exists: true, Length: > 0 and < 100_000_000 }
                && File.ReadAllBytes(path).AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false; // It has gone since it was listed, or is no file one can read.
        }
    }
}
