using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Relay.Application.Completions;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Processes;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

/// <summary>The decision whether there is a jail. A machine that is only busy keeps its jail.</summary>
public sealed class ClaudeSandboxTests : IDisposable
{
    private const string Launcher = "/bin/sh";
    private const string Claude = "/bin/true";

    private readonly TemporaryHome _home = new();

    public void Dispose() => _home.Dispose();

    /// <param name="jailed">The end of Claude Code in the jail: an exit code, or null for no end in time.</param>
    /// <param name="anything">The end of another program in the jail.</param>
    /// <param name="unjailed">The end of Claude Code without a jail.</param>
    /// <param name="isJailed">Whether the relay runs Claude Code in the jail.</param>
    [Theory]
    [InlineData(0, 0, 0, true)]
    [InlineData(null, 0, 0, true)]
    [InlineData(null, null, null, true)]
    [InlineData(1, 0, null, true)]
    [InlineData(1, null, 1, true)]
    [InlineData(1, 0, 1, true)]
    [InlineData(1, 0, 0, false)]
    [InlineData(1, 1, 0, false)]
    public async Task Only_a_probe_that_ended_with_an_error_does_without_a_jail(int? jailed, int? anything, int? unjailed, bool isJailed)
    {
        var clock = new FakeTimeProvider();
        var starter = new Probes(
            clock,
            spec =>
                spec.FileName != Launcher ? unjailed
                : spec.Arguments.Contains("--version", StringComparer.Ordinal) ? jailed
                : anything
        );

        var sandbox = Make(SandboxMode.Auto, starter, clock);
        (await sandbox.ProbeAsync(Waiting.Token)).Should().BeNull("SANDBOX=auto starts in any case");

        sandbox.IsJailed.Should().Be(isJailed);
        (sandbox.Note is null).Should().Be(isJailed);
        var strict = await Make(SandboxMode.Bwrap, starter, clock).ProbeAsync(Waiting.Token);
        (strict is null).Should().Be(isJailed, "SANDBOX=bwrap insists on it");
    }

    private ClaudeSandbox Make(SandboxMode mode, IProcessStarter starter, TimeProvider clock)
    {
        var options = Options.Create(
            new ClaudeCodeOptions
            {
                Sandbox = mode,
                ClaudeBin = Claude,
                Auth = ClaudeAuth.Bedrock,
            }
        );
        var environment = new ClaudeEnvironment(
            options,
            Options.Create(new CompletionOptions()),
            new ConfigurationBuilder().Build(),
            _home.Home
        );
        return new ClaudeSandbox(options, environment, _home.Home, starter, new ClaudeLocator(options), clock) { Launcher = Launcher };
    }

    /// <summary>Children that end at once, or not before their time is up.</summary>
    private sealed class Probes(FakeTimeProvider clock, Func<ProcessSpec, int?> endOf) : IProcessStarter
    {
        public Task<IChildProcess> StartAsync(ProcessSpec spec, int maxLineBytes, CancellationToken cancellationToken)
        {
            var child = new FakeChild(1, spec, FakeChild.SayNothing, clock);
            if (endOf(spec) is { } code)
            {
                child.Exit(code);
            }
            else
            {
                // After the caller has set its time limit.
                _ = Task.Run(
                    async () =>
                    {
                        while (!child.Exited.IsCompleted)
                        {
                            await Task.Delay(5, CancellationToken.None);
                            clock.Advance(TimeSpan.FromSeconds(5));
                        }
                    },
                    cancellationToken
                );
            }

            return Task.FromResult<IChildProcess>(child);
        }
    }
}
