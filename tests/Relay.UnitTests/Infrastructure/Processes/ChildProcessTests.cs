using System.ComponentModel;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Relay.Infrastructure.Processes;

namespace Relay.UnitTests.Infrastructure.Processes;

/// <summary>Real children. The graces run on a fake clock, so that no machine is too slow for a polite end.</summary>
public sealed class ChildProcessTests : IDisposable
{
    private readonly FakeTimeProvider _clock = new();
    private readonly TemporaryHome _home = new();
    private readonly OrphanGuard _guard = new(NullLogger<OrphanGuard>.Instance);
    private readonly ProcessStarter _starter;

    public ChildProcessTests() => _starter = new ProcessStarter(_guard, NullLogger<ProcessStarter>.Instance, _clock);

    public void Dispose()
    {
        _starter.Dispose();
        _guard.Dispose();
        _home.Dispose();
    }

    [Fact]
    public async Task A_child_sees_its_environment_and_nothing_else()
    {
        var child = await StartAsync("/usr/bin/env", [], ("A", "1"), ("B", "x y"));

        (await LinesAsync(child)).Should().BeEquivalentTo("A=1", "B=x y");
        await child.StopAsync().InTime();
    }

    [Fact]
    public async Task Arguments_arrive_as_they_are()
    {
        string[] arguments = ["", "a b", "$HOME", "*", "\"quoted\"", "back\\slash", "--option", "ümläut"];
        var child = await StartAsync("/bin/sh", ["-c", "printf '[%s]\\n' \"$@\"", "sh", .. arguments]);

        (await LinesAsync(child)).Should().Equal(arguments.Select(argument => $"[{argument}]"));
        await child.StopAsync().InTime();
    }

    [Fact]
    public async Task A_child_and_what_it_starts_end_before_the_relay_when_memory_runs_out()
    {
        var child = await StartAsync("/bin/sh", ["-c", "read line; cat /proc/self/oom_score_adj"]);

        await child.Stdin.WriteAsync("go\n"u8.ToArray(), Waiting.Token);
        await child.Stdin.FlushAsync(Waiting.Token);

        (await LinesAsync(child)).Should().Equal("500");
        int.Parse((await File.ReadAllTextAsync("/proc/self/oom_score_adj", Waiting.Token)).Trim(), CultureInfo.InvariantCulture)
            .Should()
            .BeLessThan(500);
        await child.StopAsync().InTime();
    }

    [Fact]
    public async Task A_child_that_ends_when_its_input_does_is_not_signalled()
    {
        var child = await ShellAsync("trap 'echo asked >\"$F\"; exit' TERM; echo ready; cat >/dev/null; echo polite >\"$F\"");
        await LineAsync(child);

        // No time passes on the clock: only the closed stdin can end it.
        await child.StopAsync().InTime();

        Said().Should().Be("polite");
    }

    [Fact]
    public async Task A_child_that_does_not_is_asked()
    {
        var child = await ShellAsync("trap 'echo asked >\"$F\"; exit' TERM; echo ready; while :; do sleep 0.02; done");
        await LineAsync(child);

        var stopping = child.StopAsync();
        stopping.IsCompleted.Should().BeFalse();
        _clock.Advance(TimeSpan.FromMilliseconds(300));
        await stopping.InTime();

        Said().Should().Be("asked");
    }

    [Fact]
    public async Task A_child_that_will_not_hear_is_killed()
    {
        var child = await ShellAsync("trap '' TERM; echo ready; while :; do sleep 0.02; done");
        await LineAsync(child);

        await StopAsync(child);

        IsAlive(child.Id).Should().BeFalse();
        child.ExitCode.Should().Be(128 + 9);
    }

    [Theory]
    [InlineData("sleep 300 & echo $!; wait")]
    [InlineData("sleep 300 & echo $!; exit 0")]
    [InlineData("(trap '' TERM HUP; exec sleep 300) & echo $!; exit 0")]
    [InlineData("(trap '' TERM HUP; sleep 300 & echo $!; wait) & wait")]
    public async Task Everything_it_started_ends_with_it(string script)
    {
        var child = await ShellAsync(script);
        var grandchild = int.Parse((await LineAsync(child))!, CultureInfo.InvariantCulture);
        IsAlive(grandchild).Should().BeTrue();

        await StopAsync(child);

        IsAlive(child.Id).Should().BeFalse();
        await Waiting.UntilAsync(() => !IsAlive(grandchild), "the grandchild is gone");
    }

    [Fact]
    public async Task Stopping_is_one_act_however_often_it_is_asked_for()
    {
        var child = await ShellAsync("echo ready; cat >/dev/null");
        await LineAsync(child);

        var stops = await Task.WhenAll(
                Enumerable
                    .Range(0, 20)
                    .Select(_ => Task.Run(child.StopAsync, Waiting.Token))
                    .Select(async stop =>
                    {
                        await stop;
                        return child.Exited.IsCompleted;
                    })
            )
            .InTime();
        await child.StopAsync().InTime();
        await child.DisposeAsync().AsTask().InTime();

        stops.Should().OnlyContain(exited => exited);
    }

    [Fact]
    public async Task A_kill_right_after_the_start_is_a_kill()
    {
        for (var round = 0; round < 20; round++)
        {
            var child = await ShellAsync("while :; do sleep 1; done");
            child.Kill();

            await child.Exited.InTime();
            await child.StopAsync().InTime();
        }
    }

    [Fact]
    public async Task Its_exit_code_is_known_once_it_has_ended_and_stays_known()
    {
        var child = await ShellAsync("read -r line; exit 7");
        child.ExitCode.Should().BeNull();
        await child.Stdin.WriteAsync("go\n"u8.ToArray(), Waiting.Token);
        await child.Stdin.FlushAsync(Waiting.Token);
        await child.Exited.InTime();

        child.ExitCode.Should().Be(7);
        await child.StopAsync().InTime();
        child.ExitCode.Should().Be(7);
    }

    [Fact]
    public async Task Its_stderr_is_kept()
    {
        var child = await ShellAsync("echo broken >&2; echo ready; cat >/dev/null");
        await LineAsync(child);
        await Waiting.UntilAsync(() => child.Stderr.TotalBytes > 0, "the complaint has come");

        child.Stderr.Redacted().Should().Be("broken");
        await child.StopAsync().InTime();
    }

    [Fact]
    public async Task A_child_leads_a_group_of_its_own()
    {
        Assert.True(OperatingSystem.IsLinux(), "The relay's home is Linux.");
        var child = await StartAsync("/bin/sh", ["-c", "cut -d' ' -f5,6 /proc/$$/stat; cat >/dev/null"]);

        (await LineAsync(child)).Should().Be($"{child.Id} {child.Id}", "group and session are its own");
        await child.StopAsync().InTime();
    }

    [Fact]
    public async Task An_executable_that_is_missing_is_an_exception_or_an_end_with_a_complaint()
    {
        try
        {
            var child = await StartAsync("/nonexistent/program", []);
            await child.Exited.InTime();
            await Waiting.UntilAsync(() => child.Stderr.TotalBytes > 0, "the complaint has come");
            child.ExitCode.Should().NotBe(0);
            (await LinesAsync(child)).Should().BeEmpty();
            await child.StopAsync().InTime();
        }
        catch (Win32Exception)
        {
            // Without setsid the system itself refuses.
        }
    }

    [Fact]
    public async Task Nothing_is_started_for_a_caller_that_has_left()
    {
        using var left = new CancellationTokenSource();
        await left.CancelAsync();
        var starting = () =>
            _starter.StartAsync(Spec("/bin/sh", ["-c", "echo started >\"$F\""], ("F", _home.File("said"))), 1000, left.Token);

        await starting.Should().ThrowAsync<OperationCanceledException>();
        File.Exists(_home.File("said")).Should().BeFalse();
    }

    [Fact]
    public async Task A_group_does_not_outlive_the_guard_and_a_forgotten_one_is_left_alone()
    {
        // The shell goes through its list in order: were the first not forgotten, it would be gone before the second.
        var forgotten = await ShellAsync("trap '' TERM HUP; echo ready; while :; do sleep 1; done");
        var watched = await ShellAsync("trap '' TERM HUP; echo ready; while :; do sleep 1; done");
        await LineAsync(forgotten);
        await LineAsync(watched);
        _guard.Forget(forgotten.Id);

        // The kernel does this when the relay is killed: the pipe to the shell closes.
        _guard.Dispose();

        await watched.Exited.InTime();
        IsAlive(forgotten.Id).Should().BeTrue();
        await StopAsync(forgotten);
        await StopAsync(watched);
    }

    [Fact]
    public async Task A_guard_that_was_killed_is_replaced_and_told_everything_again()
    {
        Assert.True(OperatingSystem.IsLinux(), "The guard is found in /proc.");
        var first = await ShellAsync("trap '' TERM HUP; echo ready; while :; do sleep 1; done");
        await LineAsync(first);
        var guard = GuardOf(_guard);
        guard.Kill();
        await guard.WaitForExitAsync(Waiting.Token).InTime();

        var second = await ShellAsync("trap '' TERM HUP; echo ready; while :; do sleep 1; done");
        await LineAsync(second);
        _guard.Dispose();

        await Task.WhenAll(first.Exited, second.Exited).InTime();
        await StopAsync(first);
        await StopAsync(second);
    }

    /// <summary>The guard keeps its shell to itself; only a test wants to kill it.</summary>
    private static System.Diagnostics.Process GuardOf(OrphanGuard guard) =>
        (System.Diagnostics.Process)
            typeof(OrphanGuard)
                .GetField("_shell", System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic)!
                .GetValue(guard)!;

    private Task<ChildProcess> ShellAsync(string script) =>
        StartAsync("/bin/sh", ["-c", script], ("PATH", "/usr/bin:/bin"), ("F", _home.File("said")));

    private Task<ChildProcess> StartAsync(string file, string[] arguments, params (string Name, string Value)[] environment) =>
        _starter.StartAsync(Spec(file, arguments, environment), 1000, Waiting.Token).InTime();

    private ProcessSpec Spec(string file, string[] arguments, params (string Name, string Value)[] environment) =>
        new(file, arguments, environment.ToDictionary(pair => pair.Name, pair => pair.Value, StringComparer.Ordinal), _home.Home.Path);

    /// <summary>Lets the graces pass.</summary>
    private async Task StopAsync(ChildProcess child)
    {
        var stopping = child.StopAsync();
        await Waiting.UntilAsync(() => stopping.IsCompleted, "the child is stopped", () => _clock.Advance(TimeSpan.FromMilliseconds(50)));
        await stopping;
    }

    private string Said() => File.ReadAllText(_home.File("said")).Trim();

    private static Task<string?> LineAsync(ChildProcess child) =>
        child.Stdout.ReadAsync(bytes => Encoding.UTF8.GetString(in bytes), Waiting.Token).AsTask().InTime();

    private static async Task<List<string>> LinesAsync(ChildProcess child)
    {
        List<string> lines = [];
        while (await LineAsync(child) is { } line)
        {
            lines.Add(line);
        }

        return lines;
    }

    /// <summary>Whether it still runs: a zombie waits for somebody to ask how it ended, and does nothing.</summary>
    private static bool IsAlive(int processId)
    {
        try
        {
            var state = File.ReadAllText($"/proc/{processId.ToString(CultureInfo.InvariantCulture)}/stat").Split(") ")[^1][0];
            return state is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }
}
