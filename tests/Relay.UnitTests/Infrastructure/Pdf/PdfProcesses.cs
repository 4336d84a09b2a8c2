using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Pdf;
using Relay.Infrastructure.Processes;

namespace Relay.UnitTests.Infrastructure.Pdf;

/// <summary>Starts real reading processes, and looks again and again at their memory.</summary>
public sealed class PdfProcesses : IDisposable
{
    /// <summary>Time for one file: shorter than the relay's, for the tests' own sake.</summary>
    internal static readonly TimeSpan Budget = TimeSpan.FromSeconds(4);

    private readonly OrphanGuard _guard = new(NullLogger<OrphanGuard>.Instance);
    private readonly ProcessStarter _starter;

    public PdfProcesses()
    {
        _starter = new ProcessStarter(_guard, NullLogger<ProcessStarter>.Instance, TimeProvider.System);
        Watch = new MemoryWatch(_starter);
        Reader = Make(SandboxMode.Auto);
    }

    internal MemoryWatch Watch { get; }

    internal PdfReader Reader { get; }

    /// <summary>Makes a reader.</summary>
    /// <param name="sandbox">Its <c>SANDBOX</c>.</param>
    /// <param name="program">The program that reads; null for the relay's.</param>
    /// <param name="isClaudeJailed">Whether Claude Code runs in a jail.</param>
    /// <param name="starter">Starts its processes; null for one that watches them.</param>
    /// <param name="budget">Its time for one file; null for <see cref="Budget"/>.</param>
    internal PdfReader Make(
        SandboxMode sandbox,
        string? program = null,
        bool isClaudeJailed = false,
        IProcessStarter? starter = null,
        TimeSpan? budget = null
    )
    {
        var executable = new PdfExecutable(program ?? Path.Combine(AppContext.BaseDirectory, "Relay.Api"), []);
        return new PdfReader(
            new PdfCommand(executable, Options.Create(new ClaudeCodeOptions { Sandbox = sandbox }), () => isClaudeJailed),
            starter ?? Watch,
            NullLogger<PdfReader>.Instance,
            TimeProvider.System
        )
        {
            Budget = budget ?? Budget,
        };
    }

    public void Dispose()
    {
        Reader.Dispose();
        _starter.Dispose();
        _guard.Dispose();
    }

    internal sealed class MemoryWatch(ProcessStarter starter) : IProcessStarter
    {
        private long _most;

        public ConcurrentBag<ChildProcess> Children { get; } = [];

        /// <summary>Most bytes of all children so far.</summary>
        public long Most => Interlocked.Read(ref _most);

        public async Task<IChildProcess> StartAsync(ProcessSpec spec, int maxLineBytes, CancellationToken cancellationToken)
        {
            var child = await starter.StartAsync(spec, maxLineBytes, cancellationToken);
            Children.Add(child);
            _ = LookAsync(child);
            return child;
        }

        private async Task LookAsync(ChildProcess child)
        {
            while (!child.Exited.IsCompleted)
            {
                Interlocked.Exchange(ref _most, Math.Max(Most, child.ResidentBytes));
                await Task.Delay(TimeSpan.FromMilliseconds(20), CancellationToken.None);
            }
        }
    }
}
