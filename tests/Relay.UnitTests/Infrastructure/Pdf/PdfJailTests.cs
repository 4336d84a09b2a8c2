using Relay.Domain;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Processes;
using Relay.Tests.Corpus;

namespace Relay.UnitTests.Infrastructure.Pdf;

/// <summary>No caller can have a PDF read without a jail on a machine where jails work.</summary>
public sealed class PdfJailTests(PdfProcesses processes) : IClassFixture<PdfProcesses>
{
    private static readonly TimeSpan Patient = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(SandboxMode.Bwrap, false)]
    [InlineData(SandboxMode.Auto, true)]
    public async Task A_jail_that_can_not_be_made_refuses_the_file_and_is_tried_again_for_the_next(SandboxMode sandbox, bool isClaudeJailed)
    {
        var starter = new FirstIsReplaced(processes.Watch, "exit 1");
        using var reader = processes.Make(sandbox, isClaudeJailed: isClaudeJailed, starter: starter, budget: Patient);

        var refused = await reader.ReadAsync(PdfFile.Of(null, "Text."), "key_1", Waiting.Token);

        refused.Error!.Code.Should().Be(ErrorCode.UnsupportedContentType);
        refused.Error.Message.Should().Contain("can't read PDFs safely");
        starter.Started.Should().Be(1, "nothing reads without a jail");
        (await reader.ReadAsync(PdfFile.Of(null, "Text."), "key_1", Waiting.Token)).Value.Pages.Should().ContainSingle();
    }

    [Fact]
    public async Task Doctor_is_told_why_no_jail_could_be_made()
    {
        var starter = new FirstIsReplaced(processes.Watch, "echo 'bwrap: No permissions to create a new namespace' >&2; exit 1");
        using var reader = processes.Make(SandboxMode.Auto, isClaudeJailed: true, starter: starter, budget: Patient);

        (await reader.FindJailProblemAsync(Waiting.Token)).Should().Contain("No permissions to create a new namespace");
        (await reader.FindJailProblemAsync(Waiting.Token)).Should().BeNull("the next one was made");
    }

    [Fact]
    public async Task A_jail_that_is_not_made_in_time_proves_nothing_and_the_caller_may_come_again()
    {
        var starter = new FirstIsReplaced(processes.Watch, "exec sleep 60");
        using var reader = processes.Make(SandboxMode.Auto, isClaudeJailed: true, starter: starter, budget: TimeSpan.FromMilliseconds(300));

        var refused = await reader.ReadAsync(PdfFile.Of(null, "Text."), "key_1", Waiting.Token);

        refused.Error!.Code.Should().Be(ErrorCode.Overloaded);
        refused.Error.RetryAfter.Should().NotBeNull();
        starter.Started.Should().Be(1, "nothing reads without a jail");
    }

    [Fact]
    public async Task Files_are_read_without_a_jail_if_Claude_Code_has_none()
    {
        var starter = new FirstIsReplaced(processes.Watch, "exit 1");
        using var reader = processes.Make(SandboxMode.Auto, starter: starter, budget: Patient);

        (await reader.ReadAsync(PdfFile.Of(null, "Text."), "key_1", Waiting.Token)).Value.Pages.Should().ContainSingle();

        starter.Started.Should().Be(2);
        starter.LastFileName.Should().NotBe(Bubblewrap.Path);
    }

    /// <summary>Starts a shell with a script in place of the first process.</summary>
    private sealed class FirstIsReplaced(IProcessStarter starter, string script) : IProcessStarter
    {
        public int Started { get; private set; }

        public string? LastFileName { get; private set; }

        public Task<IChildProcess> StartAsync(ProcessSpec spec, int maxLineBytes, CancellationToken cancellationToken)
        {
            LastFileName = spec.FileName;
            return starter.StartAsync(
                Started++ == 0 ? spec with { FileName = "/bin/sh", Arguments = ["-c", script] } : spec,
                maxLineBytes,
                cancellationToken
            );
        }
    }
}
