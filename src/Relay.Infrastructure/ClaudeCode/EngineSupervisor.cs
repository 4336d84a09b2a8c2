using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Auditing;
using Relay.Application.Configuration;
using Relay.Application.Telemetry;
using Relay.Domain;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Keeps the engine's state true. It tests the jail at start, and runs the self-test at start, after every change of the executable, after
/// every lockdown violation and after every request of another form. While something is missing it tries again with growing pauses. An
/// update that fails the self-test is skipped if the previous executable is still there.
/// </summary>
internal sealed class EngineSupervisor(
    EngineState state,
    ClaudeLocator locator,
    ClaudeSandbox sandbox,
    ClaudeEnvironment environment,
    LockdownSelfTest selfTest,
    RelayHome home,
    IAuditLog auditLog,
    RelayMetrics metrics,
    IOptions<ClaudeCodeOptions> options,
    TimeProvider clock,
    ILogger<EngineSupervisor> logger
) : BackgroundService
{
    private static readonly TimeSpan BinaryCheckInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(30);

    /// <summary>The pause between repeated self-tests, because each starts a process.</summary>
    private static readonly TimeSpan RecheckPause = TimeSpan.FromMinutes(1);

    private RelayError? _reported;
    private ClaudeBinary? _skipped;
    private long _recheckedAt;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (await ProbeAsync(cancellationToken) is { } problem)
        {
            throw new StartupException(problem);
        }

        if (sandbox.IsJailed)
        {
            logger.LogInformation("Claude Code runs in a bubblewrap jail");
        }
        else
        {
            logger.LogWarning("Claude Code runs without a jail: {Reason}. Its own lockdown still holds", sandbox.Note);
        }

        if (environment.StrayVariables.Select(variable => variable.Name).ToList() is { Count: > 0 } stray)
        {
            logger.LogWarning(
                "{Variables} are set here but not given to Claude Code: CLAUDE_AUTH={Mode} does not use them",
                stray,
                SettingsBinder.Format(options.Value.Auth)
            );
        }

        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = FirstRetry;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await CheckAsync(stoppingToken);
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                // After any error nothing may run, and the relay stays up to say so.
                logger.LogError(exception, "The check of Claude Code failed");
                state.LeaveService(
                    new RelayError(
                        ErrorCode.ClaudeMissing,
                        "The relay could not check its Claude Code. Its log says why.",
                        RetryAfter: LastRetry
                    )
                );
            }

            pause = state.Current is not null ? FirstRetry : TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LastRetry.Ticks));
            await state.WaitForWakeAsync(state.Current is not null ? BinaryCheckInterval : pause, stoppingToken);
        }
    }

    private async Task<string?> ProbeAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await sandbox.ProbeAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // If the probe fails, the relay does not start, rather than run unjailed.
            return $"The jail could not be tried: {exception.Message} Free space on the disk of {home.Path}, or give the directory to "
                + $"this user.";
        }
    }

    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        if (!locator.Find().TryGet(out var found, out var missing))
        {
            Refuse(new SelfTestReport.Failed(null, missing));
            return;
        }

        var current = state.Current;
        if (current is not null && (found == current.Binary || (found == _skipped && current.Binary.IsUnchanged)))
        {
            await RepeatAsync(current, cancellationToken);
        }
        else
        {
            await AdoptAsync(found, current, cancellationToken);
        }
    }

    /// <summary>Repeats the self-test of the executable that serves, where a repetition is due.</summary>
    private async Task RepeatAsync(EngineGeneration current, CancellationToken cancellationToken)
    {
        if (clock.GetElapsedTime(_recheckedAt) < RecheckPause || !state.TakeRecheck())
        {
            return;
        }

        _recheckedAt = clock.GetTimestamp();
        switch (await selfTest.RunAsync(current.Binary, cancellationToken))
        {
            case SelfTestReport.Failed { Violation: null, Problem: var problem }:
                // A busy machine or a full disk is not a reason to stop a Claude Code that has passed before.
                logger.LogWarning("The self-test could not be repeated: {Problem} It is tried again", problem.Message);
                state.Recheck();
                break;
            case SelfTestReport.Failed failed:
                Refuse(failed);
                break;
        }
    }

    /// <summary>Lets another executable serve if it passes the self-test.</summary>
    private async Task AdoptAsync(ClaudeBinary found, EngineGeneration? current, CancellationToken cancellationToken)
    {
        if (current is not null)
        {
            logger.LogInformation("The claude executable changed; testing it before it serves");
            state.LeaveService(
                new RelayError(ErrorCode.Overloaded, "The relay's Claude Code was updated and is being checked.", RetryAfter: FirstRetry)
            );
        }

        if (state.PolicyProblem is { } policy)
        {
            Refuse(new SelfTestReport.Failed(null, policy));
            return;
        }

        switch (await selfTest.RunAsync(found, cancellationToken))
        {
            case SelfTestReport.Passed passed:
                Serve(found, passed.Version);
                break;
            case SelfTestReport.Failed { Violation: { } violation } when current is { Binary.IsUnchanged: true }:
                Skip(found, violation, current);
                break;
            case SelfTestReport.Failed failed:
                Refuse(failed);
                break;
        }
    }

    private void Skip(ClaudeBinary update, string violation, EngineGeneration accepted)
    {
        _skipped = update;
        metrics.LockdownViolated(inSelfTest: true);
        logger.LogError(
            "The updated Claude Code at {Path} failed the lockdown self-test: {Violation}. The relay goes on with {Version} at "
                + "{AcceptedPath}",
            update.Path,
            violation,
            accepted.Version,
            accepted.Binary.Path
        );
        auditLog.Write(
            new AuditEntry("lockdown_violation") { Error = EngineState.Violation.WireName, Detail = $"self-test of an update: {violation}" }
        );
        state.EnterService(accepted.Binary, accepted.Version);
    }

    private void Serve(ClaudeBinary binary, Version version)
    {
        state.EnterService(binary, version);
        _reported = null;
        logger.LogInformation("Claude Code {Version} at {Path} passed the lockdown self-test", version, binary.Path);
        if (version > ClaudeBinary.NewestTestedVersion)
        {
            logger.LogWarning("{Problem}", ClaudeBinary.Untested(version));
        }
    }

    private void Refuse(SelfTestReport.Failed report)
    {
        var problem = report.Problem;
        state.LeaveService(problem, report.Version);
        if (_reported == problem)
        {
            return;
        }

        _reported = problem;
        if (report.Violation is { } violation)
        {
            metrics.LockdownViolated(inSelfTest: true);
            logger.LogError("Lockdown self-test failed: {Violation}. No completion runs until it passes", violation);
            auditLog.Write(new AuditEntry("lockdown_violation") { Error = problem.WireName, Detail = $"self-test: {violation}" });
        }
        else
        {
            logger.LogError("Not ready: {Problem}", problem.Message);
        }
    }
}
