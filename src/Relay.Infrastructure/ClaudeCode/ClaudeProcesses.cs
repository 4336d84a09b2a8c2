using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Relay.Application.Auditing;
using Relay.Application.Telemetry;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.Processes;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>Starts and ends every Claude Code process that serves or may serve, and knows when all are gone.</summary>
internal sealed class ClaudeProcesses(
    IProcessStarter starter,
    ClaudeSandbox sandbox,
    GateListener gate,
    EngineState state,
    IAuditLog auditLog,
    RelayMetrics metrics,
    TimeProvider clock,
    ILogger<ClaudeProcesses> logger
) : IHostedService, IDisposable
{
    /// <summary>
    /// Most memory of one process. It starts with 110 to 150 MB; the largest schema that is taken needs 600 MB and the most pixels
    /// 700 MB (measured on 2.1.330).
    /// </summary>
    public const long MaxMemoryBytes = 1024L * 1024 * 1024;

    private static readonly TimeSpan MemoryCheckInterval = TimeSpan.FromMilliseconds(500);

    private ITimer? _memoryCheck;

    /// <summary>Each live process, with the task of its end: completed until that begins.</summary>
    private readonly ConcurrentDictionary<ClaudeProcess, Task> _processes = new();

    /// <summary>The number of live processes: working, parked, and ending.</summary>
    public int Alive => _processes.Count;

    /// <exception cref="System.ComponentModel.Win32Exception">The executable can't be run.</exception>
    public async Task<ClaudeProcess> StartAsync(
        EngineGeneration generation,
        string model,
        bool takesSchema,
        CancellationToken cancellationToken
    )
    {
        var process = await ClaudeProcess.StartAsync(starter, sandbox, gate, generation, model, takesSchema, clock, cancellationToken);
        _processes[process] = Task.CompletedTask;
        return process;
    }

    /// <summary>Ends a process in the background, once, however often this is called. The stop of the relay waits for it.</summary>
    public void End(ClaudeProcess process)
    {
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_processes.TryUpdate(process, gone.Task, Task.CompletedTask))
        {
            _ = EndAsync(process, gone);
        }
    }

    /// <summary>Ends a process that failed its lockdown check, and takes the engine out of service.</summary>
    public void ReportViolation(ClaudeProcess process, string keyId, string violation)
    {
        EndFor(violation, process, keyId);
        logger.LogError("Lockdown violation: {Violation}. No completion runs until the self-test passes", violation);
        state.ReportViolation(process.Generation);
    }

    /// <summary>Ends a process whose request differed from its caller's. None of it left, so the engine stays in service.</summary>
    public void ReportDifference(ClaudeProcess process, string keyId, string difference)
    {
        EndFor(difference, process, keyId);
        logger.LogError("A request of Claude Code was not forwarded: {Difference}. The self-test runs again", difference);
        state.Recheck();
    }

    private void EndFor(string finding, ClaudeProcess process, string keyId)
    {
        process.Kill();
        End(process);
        metrics.LockdownViolated(inSelfTest: false);
        auditLog.Write(
            new AuditEntry("lockdown_violation")
            {
                KeyId = keyId,
                Error = EngineState.Violation.WireName,
                Detail = finding,
            }
        );
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _memoryCheck = clock.CreateTimer(_ => EndTheLargest(), null, MemoryCheckInterval, MemoryCheckInterval);
        return Task.CompletedTask;
    }

    /// <summary>Waits for all processes that are ending. Requests and the pool have stopped before, so no further one can come.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAll(_processes.Values).WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            logger.LogError(
                "{Count} Claude Code processes have not ended in time: {ProcessIds}",
                Alive,
                string.Join(", ", _processes.Keys.Select(process => process.Id))
            );
            throw;
        }
    }

    public void Dispose() => _memoryCheck?.Dispose();

    /// <summary>Kills each process that has outgrown its bound: one request must not take the memory of all.</summary>
    private void EndTheLargest()
    {
        foreach (var process in _processes.Keys.Where(process => process.ResidentBytes > MaxMemoryBytes))
        {
            logger.LogWarning("Process {ProcessId} was ended: it held more than {Bytes} bytes of memory", process.Id, MaxMemoryBytes);
            process.KillForMemory();
        }
    }

    private async Task EndAsync(ClaudeProcess process, TaskCompletionSource gone)
    {
        await Task.Yield();
        try
        {
            await process.DisposeAsync();
        }
        catch (Exception exception)
        {
            logger.LogError(exception, "Process {ProcessId} could not be cleaned up", process.Id);
        }
        finally
        {
            _processes.TryRemove(process, out _);
            gone.SetResult();
        }
    }
}
