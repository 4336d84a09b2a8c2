using Relay.Application.Health;
using Relay.Application.Timing;
using Relay.Domain;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Tells whether completions may run, and on which executable. The engine is out of service until a self-test has passed, and again after
/// a turn that fails its lockdown check. After a request of another form it stays in service while the self-test runs again.
/// </summary>
internal sealed class EngineState(ClaudeSandbox sandbox, LoginHealth login, TimeProvider clock) : IEngineHealth, IDisposable
{
    private static readonly RelayError NotChecked = new(
        ErrorCode.Overloaded,
        "The relay is checking its Claude Code and will be ready in a moment.",
        RetryAfter: TimeSpan.FromSeconds(2)
    );

    private readonly WakeSignal _wake = new();

    private volatile Snapshot _snapshot = new(null, NotChecked, null, null);
    private int _generations;
    private bool _isRecheckDue;

    public event Action? Changed;

    public EngineStatus Status
    {
        get
        {
            var (generation, _, lastVersion, verifiedAt) = _snapshot;
            var problem = Problem;
            return new EngineStatus(
                (generation?.Version ?? lastVersion)?.ToString(),
                sandbox.IsJailed ? "bwrap" : "off",
                sandbox.Note,
                generation is not null,
                problem is not null ? [problem]
                    : login.Problem is { } refused ? [refused]
                    : []
            )
            {
                LoginEndsAt = login.EndsAt,
                LockdownVerifiedAt = verifiedAt,
            };
        }
    }

    /// <summary>The executable in use; null while out of service.</summary>
    public EngineGeneration? Current => sandbox.FindManagedPolicy() is null ? _snapshot.Generation : null;

    /// <summary>The reason why none is in use.</summary>
    public RelayError? Problem => PolicyProblem ?? _snapshot.Problem;

    /// <summary>The error while a managed policy would reach into completions; null without one.</summary>
    public RelayError? PolicyProblem => sandbox.FindManagedPolicy() is { } policy ? ManagedPolicy(policy) : null;

    public EngineGeneration EnterService(ClaudeBinary binary, Version version)
    {
        var generation = new EngineGeneration(++_generations, binary, version);
        Set(new Snapshot(generation, null, version, clock.GetUtcNow()));
        return generation;
    }

    /// <summary>Leaves service: nothing may run until a self-test passes.</summary>
    public void LeaveService(RelayError problem, Version? version = null) =>
        Set(new Snapshot(null, problem, version ?? _snapshot.LastVersion, null));

    /// <summary>Leaves service because a process of this generation failed its lockdown check, and has the self-test run at once.</summary>
    public void ReportViolation(EngineGeneration generation)
    {
        if (_snapshot.Generation?.Number == generation.Number)
        {
            LeaveService(Violation);
        }

        _wake.Wake();
    }

    /// <summary>Has the self-test run again at once. Processes serve meanwhile.</summary>
    public void Recheck()
    {
        _isRecheckDue = true;
        _wake.Wake();
    }

    /// <summary>Whether the self-test is to run although nothing changed. The answer is given once.</summary>
    public bool TakeRecheck() => Interlocked.Exchange(ref _isRecheckDue, false);

    /// <summary>Waits until the self-test is to run at once, or until the time is over.</summary>
    public async Task WaitForWakeAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        using var deadline = new Deadline(time, clock, cancellationToken);
        await _wake.WaitAsync(deadline.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }

    public void Dispose() => _wake.Dispose();

    /// <summary>The error that callers get for a violation. It does not tell the finding.</summary>
    public static RelayError Violation { get; } =
        new(
            ErrorCode.LockdownViolation,
            "Claude Code failed its lockdown check, so its output was withheld. The relay is running its self-test again. Operators: see "
                + "lockdown_violation in the audit log.",
            RetryAfter: TimeSpan.FromSeconds(5)
        );

    /// <summary>Tells which part of Claude Code's requests differs. The text holds no value, so that callers may see it.</summary>
    public static RelayError OtherForm(Version? version, string difference) =>
        new(
            ErrorCode.LockdownViolation,
            $"Claude Code {version} failed the self-test, so no completion runs ({difference}). Operators: install a tested version, or a "
                + $"newer relay.",
            RetryAfter: TimeSpan.FromMinutes(1)
        );

    private static RelayError ManagedPolicy(string directory) =>
        new(
            ErrorCode.LockdownViolation,
            $"{directory} exists: managed policy (hooks, settings) would reach into completions. Run the relay with bubblewrap, or remove "
                + $"that directory.",
            RetryAfter: TimeSpan.FromMinutes(1)
        );

    private void Set(Snapshot snapshot)
    {
        _snapshot = snapshot;
        Changed?.Invoke();
    }

    private sealed record Snapshot(EngineGeneration? Generation, RelayError? Problem, Version? LastVersion, DateTimeOffset? VerifiedAt);
}
