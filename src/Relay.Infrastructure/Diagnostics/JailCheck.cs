using Microsoft.Extensions.Options;
using Relay.Application.Diagnostics;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Pdf;

namespace Relay.Infrastructure.Diagnostics;

/// <summary>Checks whether Claude Code and PDFs have a jail, and which policies reach a Claude Code without one.</summary>
internal sealed class JailCheck(ClaudeSandbox sandbox, PdfReader pdfs, IOptions<ClaudeCodeOptions> options) : IDiagnosticCheck
{
    public DiagnosticArea Area => DiagnosticArea.ClaudeCode;

    public string Name => "jail";

    public async Task<IReadOnlyList<Finding>> RunAsync(DiagnoseQuery query, CancellationToken cancellationToken)
    {
        if (await sandbox.ProbeAsync(cancellationToken) is { } problem)
        {
            return [Finding.Fail(Name, problem)];
        }

        var findings = new List<Finding>
        {
            sandbox.IsJailed
                ? Finding.Pass(Name, "Claude Code runs in a bubblewrap jail.")
                : Finding.Warn(
                    Name,
                    $"Claude Code runs without a jail: {sandbox.Note}. Its own lockdown still holds.",
                    options.Value.Sandbox == SandboxMode.Off
                        ? "Set SANDBOX=auto, where bubblewrap works."
                        : "Make bubblewrap work for this user, and set SANDBOX=bwrap to insist on it."
                ),
        };
        if (sandbox.IsJailed && await pdfs.FindJailProblemAsync(cancellationToken) is { } obstacle)
        {
            findings.Add(
                Finding.Warn(
                    "pdf_jail",
                    $"bubblewrap can't make a jail for a process that reads a PDF ({obstacle}). The relay refuses PDFs.",
                    "Mend the named reason. Other pages and completions are not affected."
                )
            );
        }

        if (sandbox.FindManagedPolicy() is { } policy)
        {
            findings.Add(
                Finding.Fail(
                    "managed policy",
                    $"{policy} exists: its hooks and settings would reach into completions.",
                    "Make the jail work, or remove that directory."
                )
            );
        }

        return findings;
    }
}
