using Microsoft.Extensions.Options;
using Relay.Application.Configuration;
using Relay.Application.Diagnostics;
using Relay.Domain;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.Diagnostics;

/// <summary>Checks Claude Code: executable, version, login, and lockdown in a process that is started as completions are.</summary>
internal sealed class ClaudeCodeCheck(
    ClaudeLocator locator,
    ClaudeSandbox sandbox,
    ClaudeEnvironment environment,
    LockdownSelfTest selfTest,
    LoginStatusReader loginStatus,
    TrialCompletion trial,
    LoginHealth loginHealth,
    TimeProvider clock,
    IOptions<ClaudeCodeOptions> options
) : IDiagnosticCheck
{
    private const string LockedDown = "Claude Code, started in the same way as for completions, has no tools, commands or servers.";

    private static readonly TimeSpan SoonEnding = TimeSpan.FromDays(7);

    public DiagnosticArea Area => DiagnosticArea.ClaudeCode;

    public string Name => "claude";

    private string Mode => SettingsBinder.Format(options.Value.Auth);

    public async Task<IReadOnlyList<Finding>> RunAsync(DiagnoseQuery query, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        if (locator.Find().TryGet(out var binary, out var missing))
        {
            findings.Add(Finding.Pass(Name, $"Claude Code is {binary.Path}."));
            var report = await selfTest.RunAsync(binary, cancellationToken);
            findings.Add(CheckVersion(report));
            findings.Add(CheckLockdown(report, options.Value.UsesGate));
            findings.Add(await CheckLoginAsync(binary, report, cancellationToken));
            findings.AddRange(CheckLoginEnd());
            if (query.WithCall && report is SelfTestReport.Passed { Version: var version })
            {
                findings.Add(DescribeCall(await trial.RunAsync(new EngineGeneration(0, binary, version), cancellationToken)));
            }
            else if (query.WithCall)
            {
                findings.Add(Finding.Fail("call", "Not made: solve the problems above first."));
            }
        }
        else
        {
            findings.Add(Finding.Fail(Name, missing.Message));
        }

        findings.AddRange(environment.StrayVariables.Select(variable => DescribeStray(variable, Mode)));
        return findings;
    }

    private static Finding CheckVersion(SelfTestReport report) =>
        report switch
        {
            SelfTestReport.Passed passed => CheckVersion(passed.Version),
            SelfTestReport.Failed { Version: { } version } => CheckVersion(version),
            SelfTestReport.Failed failed => Finding.Fail(
                "version",
                failed.Problem.Message,
                "Run 'claude --version' as this user, and check CLAUDE_BIN."
            ),
            _ => throw new ArgumentOutOfRangeException(nameof(report)),
        };

    private static Finding CheckVersion(Version version) =>
        version < ClaudeBinary.MinimumVersion ? Finding.Fail("version", ClaudeBinary.TooOld(version), "Run 'claude update'.")
        : version > ClaudeBinary.NewestTestedVersion
            ? Finding.Warn(
                "version",
                ClaudeBinary.Untested(version),
                "The self-test decides whether it may serve; look for a newer version of the relay."
            )
        : Finding.Pass(
            "version",
            $"Claude Code {version} is in the tested range ({ClaudeBinary.MinimumVersion} to {ClaudeBinary.NewestTestedVersion})."
        );

    internal static Finding CheckLockdown(SelfTestReport report, bool usesGate) =>
        report switch
        {
            SelfTestReport.Failed { Violation: { } violation } => Finding.Fail(
                "lockdown",
                $"The self-test failed: {violation}. No completion would run.",
                "Install a tested version of Claude Code, or see SECURITY.md."
            ),
            SelfTestReport.Passed passed when usesGate => Finding.Pass(
                "lockdown",
                $"{LockedDown} The requests of Claude Code {passed.Version} had the expected form just now."
            ),
            // Without a login the self-test ends before it looks at a request.
            SelfTestReport.Failed { Problem: { Code: not ErrorCode.NotLoggedIn } problem } => Finding.Fail(
                "lockdown",
                $"Not tested: {problem.Message}"
            ),
            _ => Finding.Pass("lockdown", LockedDown),
        };

    private async Task<Finding> CheckLoginAsync(ClaudeBinary binary, SelfTestReport report, CancellationToken cancellationToken)
    {
        const string check = "login";
        var where = environment.LoginDirectory is { } directory ? $"CLAUDE_AUTH={Mode} ({directory})" : $"CLAUDE_AUTH={Mode}";
        if (report is SelfTestReport.Failed { Problem: var problem })
        {
            return problem.Code == ErrorCode.NotLoggedIn
                ? Finding.Fail(check, $"{where}: not logged in.", options.Value.LoginAdvice)
                : Finding.Fail(check, $"{where}: not tested, because Claude Code failed before.");
        }

        if (options.Value.UsesGate)
        {
            return Finding.Pass(check, $"{where}: a credential is there. Claude Code itself holds a placeholder.");
        }

        var command = sandbox.Confine(binary, LoginStatusReader.Arguments);
        using var scratch = command.Scratch;
        return await loginStatus.ReadAsync(command.Spec, cancellationToken) switch
        {
            { LoggedIn: true, Method: var method } => Finding.Pass(check, $"{where}: logged in ({method})."),
            { LoggedIn: false } => Finding.Fail(check, $"{where}: not logged in.", options.Value.LoginAdvice),
            null => Finding.Pass(check, $"{where}: Claude Code reports no problem with the login."),
        };
    }

    private IEnumerable<Finding> CheckLoginEnd()
    {
        if (loginHealth.EndsAt is not { } end)
        {
            return [];
        }

        var left = end - clock.GetUtcNow();
        var sentence = $"The login ends on {end:yyyy-MM-dd HH:mm} UTC.";
        return
        [
            left <= TimeSpan.Zero ? Finding.Fail("login end", $"The login ended on {end:yyyy-MM-dd HH:mm} UTC.", options.Value.LoginAdvice)
            : left < SoonEnding ? Finding.Warn("login end", sentence, options.Value.LoginAdvice)
            : Finding.Pass("login end", sentence),
        ];
    }

    private static Finding DescribeCall(Result<Trial> called) =>
        called.TryGet(out var trial, out var error)
            ? Finding.Pass(
                "call",
                $"{trial.Model} answered in {trial.Time.TotalSeconds:0.0} s "
                    + $"({trial.Usage.InputTokens + trial.Usage.CacheCreationInputTokens + trial.Usage.CacheReadInputTokens} tokens in, "
                    + $"{trial.Usage.OutputTokens} out, ${trial.Usage.CostUsd ?? 0:0.000000} by list price)."
            )
            : Finding.Fail("call", $"The call failed ({error.WireName}): {error.Message}");

    internal static Finding DescribeStray(StrayVariable variable, string mode) =>
        variable.UsedBy is { } other
            ? Finding.Warn(
                "environment",
                $"{variable.Name} is set here and not given to Claude Code: CLAUDE_AUTH={mode} does not use it.",
                $"Unset it, or set CLAUDE_AUTH={SettingsBinder.Format(other)}."
            )
            : Finding.Warn(
                "environment",
                $"{variable.Name} is set here and not given to Claude Code: the relay never uses it.",
                "Unset it."
            );
}
