using System.CommandLine.Invocation;
using Relay.Application.Diagnostics;

namespace Relay.Cli;

/// <summary>All commands, put together.</summary>
internal static class Relayctl
{
    private const string Outcomes = """
        Exit codes:
          0  done; for 'doctor' and 'config check', nothing failed
          1  failed or refused; stderr says why
          2  wrong usage
          3  there is no such key
          4  the label is taken
          5  the relay runs and is not ready
        """;

    /// <summary>
    /// Parses and runs one command line, and returns one of <see cref="ExitCode"/>. Without a console it writes to this process' stdout and
    /// stderr.
    /// </summary>
    public static async Task<int> RunAsync(string[] args, InvocationConfiguration? console, CancellationToken cancellationToken)
    {
        console ??= new InvocationConfiguration();
        var parsed = CreateRoot().Parse(args);
        if (parsed.Action is ParseErrorAction)
        {
            // The library would write to stdout as well, where a script expects a secret or nothing.
            var error = console.Error;
            foreach (var mistake in parsed.Errors)
            {
                await error.WriteLineAsync(Printable.Text(mistake.Message));
            }

            await error.WriteLineAsync("The same command with --help shows its usage.");
            return ExitCode.WrongUsage;
        }

        return await parsed.InvokeAsync(console, cancellationToken);
    }

    private static RootCommand CreateRoot()
    {
        var root = new RootCommand(
            "Operates a claude-relay on this machine: its keys, usage, audit log, settings and health. It works on the relay's files, so "
                + "also while the relay is down."
        )
        {
            CommandSession.HomeOption,
            KeyCommands.Create(),
            UsageCommand.Create(),
            AuditCommands.Create(),
            ConfigCommands.Create(),
            DoctorCommand.Create(),
            ReadyCommand.Create(),
            FleetCommand.Create(),
            StateCommands.Create(),
            LoginCommand.Create(),
        };
        ExampleHelp.AddTo(root, Outcomes);
        return root;
    }
}
