using Relay.Application.Diagnostics;
using Relay.Domain;
using Spectre.Console;

namespace Relay.Cli;

/// <summary><c>relayctl doctor</c>.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var call = new Option<bool>("--call")
        {
            Description = "Also make one real completion with the default model. It costs one request of the Claude account.",
        };
        var fetch = new Option<string?>("--fetch")
        {
            Description =
                "Fetch this page as /v1/fetch would, instead of all checks, and show each step: look-up, guard, connection, redirects, "
                + "type, "
                + "size. Callers do not see these steps.",
            HelpName = "URL",
        };
        var json = Json.Option();
        return new ExampleCommand(
            "doctor",
            "Look for problems that keep the relay from serving, and say how to solve them: settings, Claude Code, its login, lockdown "
                + "and jail, the relay's files, port and clock. "
                + "Disturbs no running relay and, without --call, makes no call. Exits with 1 when something failed. Run it as the relay's "
                + "user, with the relay's environment.",
            "relayctl doctor",
            "relayctl doctor --call",
            "relayctl doctor --fetch https://example.com/",
            "relayctl doctor --json"
        )
        {
            call,
            fetch,
            json,
        }.Runs(
            async (session, cancellationToken) =>
                Report(
                    session,
                    session.Value(fetch) is { } url
                        ? await session.Mediator.Send(new TraceFetchQuery(url), cancellationToken)
                        : await session.Mediator.Send(new DiagnoseQuery(WithCall: session.Value(call)), cancellationToken),
                    session.Value(json)
                ),
            home: HomeUse.CreateIfMissing
        );
    }

    /// <summary>Writes the findings, and returns the exit code.</summary>
    public static int Report(CommandSession session, Result<Diagnosis> result, bool json)
    {
        if (!result.TryGet(out var diagnosis, out var problem))
        {
            return session.Refuse(problem);
        }

        if (json)
        {
            Json.Write(session.Output, new { healthy = diagnosis.IsHealthy, findings = diagnosis.Findings });
        }
        else
        {
            var grid = new Grid()
                .AddColumn(new GridColumn { NoWrap = true, Padding = new Padding(0, 0, 2, 0) })
                .AddColumn(new GridColumn { NoWrap = true, Padding = new Padding(0, 0, 2, 0) })
                .AddColumn(new GridColumn { Padding = new Padding(0) });
            foreach (var finding in diagnosis.Findings)
            {
                AddRow(grid, finding);
            }

            Terminal.Write(session.Output, grid);
        }

        return diagnosis.IsHealthy ? ExitCode.Done : ExitCode.Failed;
    }

    private static void AddRow(Grid grid, Finding finding)
    {
        var (word, color) = finding.Status switch
        {
            FindingStatus.Pass => ("pass", Color.Green),
            FindingStatus.Warn => ("warn", Color.Yellow),
            _ => ("fail", Color.Red),
        };
        var advice = finding.Advice is { } text ? $"\n-> {Printable.Text(text)}" : string.Empty;
        grid.AddRow(
            new Text(word, new Style(color)),
            new Text(finding.Check, new Style(decoration: Decoration.Bold)),
            new Text(Printable.Text(finding.Detail) + advice)
        );
    }
}
