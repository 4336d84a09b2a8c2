using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Auditing;
using Relay.Application.Telemetry;
using Relay.Domain;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Keeps the engine's state true. It tests the jail at start, and runs the self-test at start, after every change of the CLI binary and
/// after every doubt. While something is missing it tries again with growing pauses. An update that fails the self-test is skipped where
/// the previous executable is still there.
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
    private ClaudeBinary? _passedOver;
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

        if (environment.StrayVariables.Distinct(StringComparer.Ordinal).ToList() is { Count: > 0 } stray)
        {
            logger.LogWarning(
                "{Variables} are set here but not given to Claude Code: CLAUDE_AUTH={Mode} does not use them",
                stray,
                options.Value.Auth
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
            await state.WaitForDoubtAsync(state.Current is not null ? BinaryCheckInterval : pause, clock, stoppingToken);
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
            // Without an answer the relay does not go on without a jail.
            return $"The jail could not be tried: {exception.Message} Free space on the disk of {home.Path}, or give the directory to "
                + $"this user.";
        }
    }

    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        if (!locator.Find().TryGet(out var binary, out var missing))
        {
            Refuse(new SelfTestReport(null, missing));
            return;
        }

        var current = state.Current;
        if (current is not null && binary == _passedOver && current.Binary.IsUnchanged)
        {
            binary = current.Binary;
        }

        var isSame = current?.Binary == binary;
        if (isSame && (clock.GetElapsedTime(_recheckedAt) < RecheckPause || !state.TakeRecheck()))
        {
            return;
        }

        _recheckedAt = isSame ? clock.GetTimestamp() : _recheckedAt;

        if (current is not null && !isSame)
        {
            logger.LogInformation("The claude executable changed; testing it before it serves");
            state.LeaveService(
                new RelayError(ErrorCode.Overloaded, "The relay's Claude Code was updated and is being checked.", RetryAfter: FirstRetry)
            );
        }

        if (sandbox.FindManagedPolicy() is not null && state.Problem is { } policy)
        {
            Refuse(new SelfTestReport(null, policy));
            return;
        }

        var report = await selfTest.RunAsync(binary, cancellationToken);
        if (report is { Problem: null, Version: { } version })
        {
            if (!isSame)
            {
                Serve(binary, version);
            }
        }
        else if (report.Violation is { } violation && current is not null && !isSame && current.Binary.IsUnchanged)
        {
            PassOver(binary, violation, current);
        }
        else if (isSame && report.Violation is null)
        {
            // A busy machine or a full disk is not a reason to stop a Claude Code that has passed before.
            logger.LogWarning("The self-test could not be repeated: {Problem} It is tried again", report.Problem!.Message);
            state.Recheck();
        }
        else
        {
            Refuse(report);
        }
    }

    private void PassOver(ClaudeBinary update, string violation, EngineGeneration accepted)
    {
        _passedOver = update;
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
            logger.LogWarning(
                "Claude Code {Version} is newer than {Tested}, the newest this relay was tested with",
                version,
                ClaudeBinary.NewestTestedVersion
            );
        }
    }

    private void Refuse(SelfTestReport report)
    {
        var problem = report.Problem!;
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
