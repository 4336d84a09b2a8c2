using System.Runtime.InteropServices;
using Relay.AnthropicSimulator;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>However a request or the relay itself ends, every process ends with it, within a second.</summary>
public sealed class CancellationTests(CancellationTests.Fixture fixture) : IClassFixture<CancellationTests.Fixture>
{
    private static readonly TimeSpan OneSecond = TimeSpan.FromSeconds(1);

    private readonly FakeRelay _shared = fixture.Relay;

    [Theory(Timeout = 120_000)]
    [InlineData(FakeBehavior.Stall)]
    [InlineData(FakeBehavior.IgnoreSigterm, Traits = ["Extent", "all"])]
    [InlineData(FakeBehavior.SlowAnswer, Traits = ["Extent", "all"])]
    public async Task A_caller_who_leaves_ends_the_process(FakeBehavior behavior)
    {
        var started = _shared.Pids.Count;
        _shared.Script(
            new FakeScript
            {
                Behavior = behavior,
                DelayMs = 60_000,
                IgnoreEof = true,
            }
        );
        using var caller = new CancellationTokenSource();
        var asking = _shared.AskAsync(cancellationToken: caller.Token);
        await TestMachine.EventuallyAsync(
            () => _shared.Pids.Count > started && _shared.Survivors.Count > 0,
            TimeSpan.FromSeconds(5),
            "nothing was started"
        );
        var process = _shared.Survivors[^1];

        await caller.CancelAsync();

        await asking.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();
        await _shared.NobodySurvivesAsync(OneSecond);
        await TestMachine.EventuallyAsync(() => !TestMachine.IsRunning(process), OneSecond, "the process still runs");
        await TestMachine.EventuallyAsync(
            () => _shared.Program.Log.Any(line => line.Contains(" 499 client_closed ", StringComparison.Ordinal)),
            OneSecond,
            "the log does not tell that the caller left"
        );
    }

    [Fact(Timeout = 120_000)]
    public async Task A_completion_that_outlasts_its_time_is_a_timeout_and_gone()
    {
        // Never silent for long enough to end sooner, and never done.
        await using var relay = await FakeRelay.StartAsync(
            new FakeScript
            {
                Behavior = FakeBehavior.SlowAnswer,
                DelayMs = 60_000,
                IgnoreEof = true,
            },
            ("REQ_TIMEOUT", "1s"),
            ("IDLE_TIMEOUT", "30s")
        );

        var answer = await relay.AskAsync();

        answer.Status.Should().Be(504);
        answer.ErrorCode.Should().Be("timeout");
        await relay.NobodySurvivesAsync(OneSecond);
    }

    [Theory(Timeout = 120_000)]
    [InlineData(PosixSignal.SIGTERM)]
    [InlineData(PosixSignal.SIGINT, Traits = ["Extent", "all"])]
    public async Task A_stop_lets_running_requests_finish_and_takes_no_new_ones(PosixSignal signal)
    {
        await using var relay = await FakeRelay.StartAsync(
            new FakeScript
            {
                Behavior = FakeBehavior.SlowAnswer,
                DelayMs = 1500,
                Answer = "Finished.",
            },
            ("WARM_PROCESSES", "1")
        );
        var running = relay.AskAsync();
        await TestMachine.EventuallyAsync(
            () => relay.Pids.Count >= 2 && !running.IsCompleted,
            TimeSpan.FromSeconds(5),
            "nothing was started"
        );
        await relay.Program.EventuallyAsync(
            () => Task.FromResult(relay.Program.Log.Any(line => line.Contains("Pool ", StringComparison.Ordinal))),
            "nothing runs"
        );

        var stopping = relay.Program.StopAsync(signal);

        await relay.Program.EventuallyAsync(
            () =>
                Task.FromResult(
                    relay.Program.Log.Any(line => line.Contains("Stopping: running requests may finish", StringComparison.Ordinal))
                ),
            "it does not stop"
        );
        // The door stays open to say so, also to requests on new connections.
        var ready = await relay.Program.GetAsync("/health/ready");
        (ready.Status, ready.Json.GetProperty("problems")[0].GetProperty("code").GetString()).Should().Be((503, "shutting_down"));
        (await relay.Program.GetAsync("/health")).Status.Should().Be(200);
        var late = await RawHttp.ExchangeAsync(
            relay.Program,
            $"POST /v1/complete HTTP/1.1\nHost: localhost\nAuthorization: Bearer {relay.Key}\nContent-Type: "
                + $"application/json\nContent-Length: 5000\n\n"
        );
        (late.Status, late.ErrorCode).Should().Be((503, "shutting_down"), "no body is waited for");
        late.Headers.Should().ContainKey("Retry-After");
        (await relay.Program.PostAsync("/v1/fetch", relay.Key, new { url = "https://example.com/" }))
            .ErrorCode.Should()
            .Be("shutting_down");

        running.IsCompleted.Should().BeFalse("it was to be refused while the other still ran");
        var answer = await running;
        answer.Status.Should().Be(200);
        answer.Text.Should().Be("Finished.");
        (await stopping).Should().Be(0);
        relay.Survivors.Should().BeEmpty("the relay ends after its processes");
    }

    /// <summary>Started from a shell's background job, these tests once ignored SIGINT, and so did every relay they started.</summary>
    [Fact(Timeout = 120_000)]
    public async Task A_relay_under_test_ignores_no_signal_that_would_end_it() =>
        DefaultSignals
            .IgnoredIn(await File.ReadAllTextAsync($"/proc/{_shared.Program.ProcessId}/status", TestContext.Current.CancellationToken))
            .Should()
            .BeEmpty();

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_request_that_outlasts_the_drain_is_cut_and_nothing_stays()
    {
        await using var relay = await FakeRelay.StartAsync(
            new FakeScript { Behavior = FakeBehavior.IgnoreSigterm },
            ("DRAIN_TIMEOUT", "1s"),
            ("WARM_PROCESSES", "1")
        );
        var running = relay.AskAsync();
        await relay.Program.EventuallyAsync(
            () => Task.FromResult(relay.Program.Log.Any(line => line.Contains("Pool ", StringComparison.Ordinal))),
            "nothing runs"
        );

        var code = await relay.Program.StopAsync();

        relay.Survivors.Should().BeEmpty("the relay ends after its processes");
        code.Should().Be(0, string.Join('\n', relay.Program.Log));
        (await running.Invoking(task => task).Should().ThrowAsync<Exception>()).Which.Should().BeAssignableTo<HttpRequestException>();
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_relay_that_is_killed_takes_everything_with_it()
    {
        await using var relay = await FakeRelay.StartAsync(
            script: null,
            ("WARM_PROCESSES", "2"),
            ("GLOBAL_CONCURRENCY", "8"),
            ("DRAIN_TIMEOUT", "1s")
        );
        // Parked, and so far that they have read their script.
        await relay.Program.EventuallyAsync(
            () =>
            {
                var parked = relay
                    .Program.Log.Where(line => line.Contains("Parked Blank process", StringComparison.Ordinal))
                    .Select(line => int.Parse(line.Split(' ')[^1]))
                    .ToList();
                return Task.FromResult(parked.Count == 2 && parked.TrueForAll(id => FakeClaudeInstall.HasReadScript(relay.Directory, id)));
            },
            "there are no spares"
        );
        // Two take these spares, which answer; every later process follows a script.
        relay.Script(new FakeScript { Behavior = FakeBehavior.GrandchildStall, IgnoreEof = true });
        (await relay.AskAsync()).Status.Should().Be(200);
        (await relay.AskAsync()).Status.Should().Be(200);
        var asked = new List<Task> { relay.AskAsync(), relay.AskAsync() };
        await TestMachine.EventuallyAsync(
            () => FakeClaudeInstall.GrandchildPids(relay.Directory).Count == 2,
            TimeSpan.FromSeconds(10),
            "there are no grandchildren"
        );
        relay.Script(new FakeScript { Behavior = FakeBehavior.IgnoreSigterm });
        asked.AddRange([relay.AskAsync(), relay.AskAsync(), relay.AskAsync()]);
        await TestMachine.EventuallyAsync(
            () => relay.Program.Log.Count(line => line.Contains("DBG Pool ", StringComparison.Ordinal)) == 7 && relay.Survivors.Count >= 7,
            TimeSpan.FromSeconds(10),
            "the others do not run"
        );
        var everything = TestMachine.DescendantsOf(relay.Program.ProcessId);
        everything.Count.Should().BeGreaterThanOrEqualTo(8, "two with grandchildren, three that ignore signals, and the guard");

        TestMachine.Kill(relay.Program.ProcessId);

        await TestMachine.EventuallyAsync(
            () => !everything.Any(TestMachine.IsRunning),
            TestMachine.UntilKernelIsDone,
            "something outlived the relay"
        );
        relay.Survivors.Should().BeEmpty();
        foreach (var request in asked)
        {
            await request.Invoking(task => task).Should().ThrowAsync<HttpRequestException>();
        }
    }

    [Theory(Timeout = 180_000)]
    [InlineData("bwrap", false)]
    [InlineData("off", false, Traits = ["Extent", "all"])]
    [InlineData("bwrap", true, Traits = ["Extent", "all"])]
    [InlineData("off", true, Traits = ["Extent", "all"])]
    public async Task A_relay_that_is_killed_or_aborts_takes_the_real_cli_with_it(string sandbox, bool aborts)
    {
        await using var api = await Simulator.StartAsync(ct: TestContext.Current.CancellationToken);
        api.Default = new Behavior { Failure = UpstreamFailure.StalledBeforeHeaders };
        await using var relay = await RelayProgram.WithRealClaudeAsync(
            api,
            ("SANDBOX", sandbox),
            ("WARM_PROCESSES", "1"),
            ("WARM_PROFILES", "0")
        );
        var key = await relay.MintAsync("app");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var asking = relay.CompleteAsync(key, new { prompt = "hi" });
        await api.WaitForRequestAsync(request => request.LastUserText == "hi", patience.Token);
        var everything = TestMachine.DescendantsOf(relay.ProcessId);
        relay.Children.Should().NotBeEmpty();

        if (aborts)
        {
            await TestMachine.AbortAsync(relay.ProcessId);
        }
        else
        {
            TestMachine.Kill(relay.ProcessId);
        }

        await TestMachine.EventuallyAsync(
            () => !everything.Any(TestMachine.IsRunning),
            TestMachine.UntilKernelIsDone,
            "something outlived the relay"
        );
        await asking.Invoking(task => task).Should().ThrowAsync<HttpRequestException>();
    }

    /// <summary>
    /// The .NET runtime takes the first SIGABRT and goes on: its sender finds a relay that still serves and can be stopped.
    /// </summary>
    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_single_SIGABRT_leaves_the_relay_serving_and_SIGTERM_ends_it()
    {
        await using var relay = await FakeRelay.StartAsync(script: null, ("WARM_PROCESSES", "0"));

        TestMachine.SignalAbort(relay.Program.ProcessId);

        (await relay.AskAsync()).Status.Should().Be(200);
        (await relay.Program.StopAsync()).Should().Be(0);
        relay.Survivors.Should().BeEmpty();
    }

    [OnlyWithAll]
    [Fact(Timeout = 600_000)]
    public async Task Crash_after_crash_leaves_no_process_no_broken_file_and_no_litter()
    {
        var random = new Random(20260);
        using var directory = new TemporaryDirectory();
        var home = directory.Path;
        for (var round = 0; round < Extent.Of(2, 5, 200); round++)
        {
            await using var relay = await FakeRelay.StartAsync(
                new FakeScript { Behavior = FakeBehavior.IgnoreSigterm },
                ("RELAY_HOME", home),
                ("WARM_PROCESSES", "1"),
                ("WARM_PROFILES", "1")
            );
            var asking = relay.Program.CompleteAsync(relay.Key, new { prompt = "hi", system = "Repeated." });
            // Minting goes on while the relay dies, too: the key file is the old one or the new one.
            var minting = relay.Program.RelayctlAsync("keys", "add", $"round-{round}");
            var wait = Task.Delay(random.Next(0, 400), TestContext.Current.CancellationToken);
            await wait;

            var everything = TestMachine.DescendantsOf(relay.Program.ProcessId);
            TestMachine.Kill(relay.Program.ProcessId);

            await TestMachine.EventuallyAsync(
                () => !everything.Any(TestMachine.IsRunning) && relay.Survivors.Count == 0,
                TestMachine.UntilKernelIsDone,
                "something outlived the relay"
            );
            await asking.Invoking(task => task).Should().ThrowAsync<HttpRequestException>();
            (await minting).ExitCode.Should().Be(0);
            (await relay.Program.RelayctlAsync("keys", "revoke", "app")).ExitCode.Should().Be(0);
        }

        // The last of all starts on what the crashes left, knows the keys, and has swept.
        await using var last = await FakeRelay.StartAsync(script: null, ("RELAY_HOME", home));
        (await last.AskAsync()).Status.Should().Be(200);
        await TestMachine.EventuallyAsync(
            () => !Directory.Exists(Path.Combine(home, "run")) || Directory.GetDirectories(Path.Combine(home, "run")).Length == 0,
            OneSecond,
            "homes of dead processes are left"
        );
    }

    public sealed class Fixture() : FakeRelayFixture;
}
