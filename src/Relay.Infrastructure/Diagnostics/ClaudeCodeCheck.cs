using Microsoft.Extensions.Options;
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
    private static readonly TimeSpan SoonEnding = TimeSpan.FromDays(7);

    public DiagnosticArea Area => DiagnosticArea.ClaudeCode;

    public string Name => "claude";

    private string Mode =>
        options.Value.Auth switch
        {
            ClaudeAuth.Login => "login",
            ClaudeAuth.OauthToken => "oauth-token",
            ClaudeAuth.ApiKey => "api-key",
            ClaudeAuth.Bedrock => "bedrock",
            _ => "vertex",
        };

    public async Task<IReadOnlyList<Finding>> RunAsync(DiagnoseQuery query, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        if (locator.Find().TryGet(out var binary, out var missing))
        {
            findings.Add(Finding.Pass(Name, $"Claude Code is {binary.Path}."));
            var report = await selfTest.RunAsync(binary, cancellationToken);
            findings.Add(OfVersion(report));
            findings.Add(OfLockdown(report, options.Value.UsesGate));
            findings.Add(await OfLoginAsync(binary, report, cancellationToken));
            findings.AddRange(OfLoginsEnd());
            if (query.WithCall && report is { Problem: null, Version: { } version })
            {
                findings.Add(OfCall(await trial.RunAsync(new EngineGeneration(0, binary, version), cancellationToken)));
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

        findings.AddRange(OfStrayVariables());
        return findings;
    }

    private static Finding OfVersion(SelfTestReport report) =>
        report switch
        {
            { Version: null } => Finding.Fail(
                "version",
                report.Problem?.Message ?? "Claude Code does not tell its version.",
                "Run 'claude --version' as this user, and check CLAUDE_BIN."
            ),
            { Version: { } version } when version < ClaudeBinary.MinimumVersion => Finding.Fail(
                "version",
                $"Claude Code {version} is too old: the lockdown needs {ClaudeBinary.MinimumVersion} or later.",
                "Run 'claude update'."
            ),
            { Version: { } version } when version > ClaudeBinary.NewestTestedVersion => Finding.Warn(
                "version",
                $"Claude Code {version} is newer than {ClaudeBinary.NewestTestedVersion}, the newest this relay was tested with.",
                "The self-test decides whether it may serve; look for a newer version of the relay."
            ),
            { Version: { } version } => Finding.Pass(
                "version",
                $"Claude Code {version} is in the tested range ({ClaudeBinary.MinimumVersion} to {ClaudeBinary.NewestTestedVersion})."
            ),
        };

    private static Finding OfLockdown(SelfTestReport report, bool usesGate) =>
        report switch
        {
            { Violation: { } violation } => Finding.Fail(
                "lockdown",
                $"The self-test failed: {violation}. No completion would run.",
                "Install a tested version of Claude Code, or see SECURITY.md."
            ),
            { Problem: null or { Code: ErrorCode.NotLoggedIn } } => Finding.Pass(
                "lockdown",
                "A process started as completions are can't act: no tools, no commands, no servers."
                    + (usesGate ? $" The requests of Claude Code {report.Version} had the expected form just now." : string.Empty)
            ),
            _ => Finding.Fail("lockdown", $"Not tested: {report.Problem.Message}"),
        };

    private async Task<Finding> OfLoginAsync(ClaudeBinary binary, SelfTestReport report, CancellationToken cancellationToken)
    {
        const string check = "login";
        var where = environment.LoginDirectory is { } directory ? $"CLAUDE_AUTH={Mode} ({directory})" : $"CLAUDE_AUTH={Mode}";
        if (report.Problem is { Code: ErrorCode.NotLoggedIn })
        {
            return Finding.Fail(check, $"{where}: not logged in.", HowToLogIn);
        }

        if (report.Problem is not null)
        {
            return Finding.Fail(check, $"{where}: not tested, because Claude Code failed before.");
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
            { LoggedIn: false } => Finding.Fail(check, $"{where}: not logged in.", HowToLogIn),
            null => Finding.Pass(check, $"{where}: Claude Code reports no missing login."),
        };
    }

    private IEnumerable<Finding> OfLoginsEnd()
    {
        if (loginHealth.EndsAt is not { } end)
        {
            return [];
        }

        var left = end - clock.GetUtcNow();
        var sentence = $"The login ends on {end:yyyy-MM-dd HH:mm} UTC.";
        return
        [
            left <= TimeSpan.Zero ? Finding.Fail("login end", $"The login ended on {end:yyyy-MM-dd HH:mm} UTC.", HowToLogIn)
            : left < SoonEnding ? Finding.Warn("login end", sentence, HowToLogIn)
            : Finding.Pass("login end", sentence),
        ];
    }

    private string HowToLogIn =>
        options.Value.Auth == ClaudeAuth.Login
            ? "Run 'relayctl login'; or run 'claude setup-token' and put CLAUDE_AUTH=oauth-token and CLAUDE_CODE_OAUTH_TOKEN into "
                + "config.env."
            : "Check the credential that this mode of CLAUDE_AUTH uses.";

    private static Finding OfCall(Result<Trial> called) =>
        called.TryGet(out var trial, out var error)
            ? Finding.Pass(
                "call",
                $"{trial.Model} answered in {trial.Time.TotalSeconds:0.0} s "
                    + $"({trial.Usage.InputTokens + trial.Usage.CacheCreationInputTokens + trial.Usage.CacheReadInputTokens} tokens in, "
                    + $"{trial.Usage.OutputTokens} out, ${trial.Usage.CostUsd ?? 0:0.000000} by list price)."
            )
            : Finding.Fail("call", $"The call failed ({error.WireName}): {error.Message}");

    private IEnumerable<Finding> OfStrayVariables() =>
        environment
            .StrayVariables.Distinct(StringComparer.Ordinal)
            .Select(name =>
                Finding.Warn(
                    "environment",
                    $"{name} is set here and not given to Claude Code: CLAUDE_AUTH={Mode} does not use it.",
                    "Unset it, or choose the CLAUDE_AUTH that uses it."
                )
            );
}
