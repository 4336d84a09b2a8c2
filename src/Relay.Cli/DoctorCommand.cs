using System.CommandLine;
using Relay.Application.Diagnostics;
using Relay.Domain;
using Spectre.Console;

namespace Relay.Cli;

/// <summary><c>relayctl doctor</c>.</summary>
internal static class DoctorCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var call = new Option<bool>("--call") { Description = "Also make one real completion with the default model. It costs one request of the Claude account." };
        var json = Json.Option();
        return new ExampleCommand(
            "doctor",
            "Look for what would keep the relay from serving, and say what to do about it: settings, Claude Code, its login, lockdown and jail, the relay's files, port and clock. "
            + "Disturbs no running relay and, without --call, makes no call. Exits with 1 when something failed. Run it as the relay's user, with the relay's environment.",
            "relayctl doctor",
            "relayctl doctor --call",
            "relayctl doctor --json")
        {
            call, json,
        }.Runs(
            async (operation, cancellationToken) =>
                Report(operation, await operation.Mediator.Send(new DiagnoseQuery(WithCall: operation.Value(call)), cancellationToken), operation.Value(json)),
            asItIs: true);
    }

    /// <summary>Writes what was found.</summary>
    /// <returns>The exit code.</returns>
    public static int Report(Operation operation, Result<Diagnosis> result, bool json)
    {
        if (!result.TryGet(out var diagnosis, out var problem))
        {
            return operation.Refuse(problem);
        }

        if (json)
        {
            Json.Write(operation.Output, new { healthy = diagnosis.IsHealthy, findings = diagnosis.Findings });
        }
        else
        {
            var console = Terminal.Over(operation.Output);
            foreach (var finding in diagnosis.Findings)
            {
                Write(console, finding);
            }
        }

        return diagnosis.IsHealthy ? ExitCode.Done : ExitCode.Failed;
    }

    private static void Write(IAnsiConsole console, Finding finding)
    {
        var (word, color) = finding.Status switch
        {
            FindingStatus.Pass => ("pass", Color.Green),
            FindingStatus.Warn => ("warn", Color.Yellow),
            _ => ("fail", Color.Red),
        };
        console.Write(new Text($"{word}  ", new Style(color)));
        console.Write(new Text($"{finding.Check,-15} ", new Style(decoration: Decoration.Bold)));
        console.Write(new Text(Printable.Text(finding.Detail)));
        console.WriteLine();
        if (finding.Advice is { } advice)
        {
            console.Write(new Text($"      {string.Empty,-15} -> {Printable.Text(advice)}"));
            console.WriteLine();
        }
    }
}
