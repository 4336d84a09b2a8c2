using Relay.Application.Auditing;
using Relay.Application.Diagnostics;

namespace Relay.Cli;

/// <summary><c>relayctl audit</c>.</summary>
internal static class AuditCommands
{
    private const int MostLines = 100_000;

    public static Command Create() =>
        new ExampleCommand(
            "audit",
            "Read the audit log: who used the relay, who changed what. It holds no prompt, no answer and no secret."
        )
        {
            Tail(),
        };

    private static Command Tail()
    {
        var follow = new Option<bool>("--follow", "-f") { Description = "Follow new lines, over midnight too, until Ctrl-C." };
        var key = new Option<string?>("--key") { Description = "Show lines of this key only.", HelpName = "label" };
        var lines = new Option<int>("--lines", "-n")
        {
            Description = "Show this many of the last lines.",
            DefaultValueFactory = _ => 20,
            HelpName = "n",
        };
        var json = new Option<bool>("--json") { Description = "Write the lines unchanged: one JSON object each." };
        lines.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 0 or > MostLines)
            {
                result.AddError($"--lines goes from 0 to {MostLines}.");
            }
        });
        return new ExampleCommand(
            "tail",
            "Show the last lines of the audit log, one for each entry.",
            "relayctl audit tail",
            "relayctl audit tail --follow --key shop",
            "relayctl audit tail --lines 1000 --json | jq 'select(.status >= 500)'"
        )
        {
            follow,
            key,
            lines,
            json,
        }.Runs(
            async (session, cancellationToken) =>
            {
                var asIs = session.Value(json);
                var console = Terminal.Over(session.Output);
                try
                {
                    await foreach (
                        var line in session
                            .Get<IAuditReader>()
                            .Tail(session.Value(lines), session.Value(key), session.Value(follow), cancellationToken)
                    )
                    {
                        if (asIs)
                        {
                            await session.Output.WriteLineAsync(Printable.Text(line));
                        }
                        else
                        {
                            AuditText.Write(console, line);
                        }
                    }
                }
                catch (OperationCanceledException) when (session.Value(follow) && cancellationToken.IsCancellationRequested)
                {
                    return ExitCode.Done; // The usual end of following.
                }

                return ExitCode.Done;
            }
        );
    }
}
