using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using FluentAssertions.Execution;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>The promises that hold for the first completion of a process hold for its hundredth.</summary>
public sealed class ProcessUseTests : IAsyncLifetime
{
    private const int Before = 99;

    private readonly string _mark = "USED" + Convert.ToHexString(RandomNumberGenerator.GetBytes(10));
    private readonly Canaries _canaries = new();

    private Simulator _api = null!;

    public async ValueTask InitializeAsync() => _api = await Simulator.StartAsync();

    public async ValueTask DisposeAsync()
    {
        _canaries.Dispose();
        await _api.DisposeAsync();
    }

    [OnlyWithAll]
    [Fact(Timeout = 300_000)]
    public async Task The_hundredth_completion_of_a_process_is_as_locked_down_and_as_verbatim_as_its_first()
    {
        _api.Default = new Behavior { Echo = true };
        await using var relay = await RelayProgram.WithRealClaudeAsync(
            _api,
            ("WARM_PROCESSES", "0"),
            ("WARM_PROFILES", "1"),
            ("PROCESS_USES", "500"),
            ("PER_KEY_DAILY", "1000")
        );
        var key = await relay.MintAsync("app");
        for (var use = 0; use < Before; use++)
        {
            (await relay.CompleteAsync(key, new { prompt = $"{_mark} {use}" })).Status.Should().Be(200);
        }

        var used = relay.Children;
        used.Should().NotBeEmpty();
        _api.Requests.Select(request => request.SessionId)
            .Distinct(StringComparer.Ordinal)
            .Should()
            .ContainSingle("one process served them all");
        _api.Requests[^1].UserTexts.Should().Equal($"{_mark} {Before - 1}");
        _api.Clear();

        // Texts that something on the way might change, files that Claude Code might read, commands that it might obey.
        string[] texts =
        [
            .. VerbatimTests.Texts,
            $"@{_canaries.Readable}",
            $"x @\"{_canaries.Readable}\" y",
            $"@{_canaries.Directory}/",
            "/clear",
            "/help",
            "/exit",
            "!ls",
            "# remember",
        ];
        using (new AssertionScope())
        {
            foreach (var text in texts)
            {
                var answer = await relay.CompleteAsync(key, new { prompt = text });
                answer.Status.Should().Be(200, text);
                answer.Text.Should().Be(text);
                _api.Requests[^1].UserTexts.Should().Equal(text);
            }

            _api.Requests.Select(request => request.SessionId)
                .Distinct(StringComparer.Ordinal)
                .Should()
                .ContainSingle()
                .Which.Should()
                .NotBeNull();
            _api.Requests.Should()
                .HaveCount(texts.Length)
                .And.OnlyContain(request => !Encoding.UTF8.GetString(request.Body).Contains(_mark, StringComparison.Ordinal));
            _canaries.Touched(_api).Should().BeEmpty();
        }

        relay.Children.Should().Equal(used, "it is the same process still, in its jail");
        FilesThatHold(_mark, relay.Home).Should().BeEmpty();
        await LeaveAsync(relay, key);
        await TestMachine.EventuallyAsync(
            () => !used.Any(TestMachine.IsRunning),
            TimeSpan.FromSeconds(1),
            "the process outlived a caller who left"
        );
        await _api.Requests[^1].Aborted.WaitAsync(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        (await relay.CompleteAsync(key, new { prompt = "after it" })).Text.Should().Be("after it");
        relay.Log.Should().NotContain(line => line.Contains(_mark, StringComparison.Ordinal));
    }

    /// <summary>Asks for an answer that never ends, and leaves in the middle of it.</summary>
    private async Task LeaveAsync(RelayProgram relay, string key)
    {
        _api.When("never ends", new Behavior { Words = 1_000_000, BetweenTokens = TimeSpan.FromMilliseconds(20) });
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/complete")
        {
            Content = JsonContent.Create(new { prompt = "never ends" }),
        };
        request.Headers.Authorization = new("Bearer", key);
        var asking = relay.Http.SendAsync(request, leaving.Token);
        await _api.WaitForRequestAsync(one => one.LastUserText == "never ends", TestContext.Current.CancellationToken);
        await leaving.CancelAsync();
        await asking.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();
    }

    private static List<string> FilesThatHold(string text, string directory) =>
        [
            .. Directory
                .EnumerateFiles(directory, "*", SearchOption.AllDirectories)
                .Where(path =>
                    path.Contains(text, StringComparison.Ordinal)
                    || (new FileInfo(path).Length > 0 && File.ReadAllBytes(path).AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0)
                ),
        ];
}
