using Relay.Application.State;

namespace Relay.Cli;

/// <summary><c>relayctl state</c>.</summary>
internal static class StateCommands
{
    public static Command Create() =>
        new ExampleCommand(
            "state",
            "Move keys, usage and the day's counts between this relay's files and a Redis that several relays share."
        )
        {
            Copy(),
        };

    private static Command Copy()
    {
        var from = new Option<string>("--from")
        {
            Description = "Source of the copy: local, or a Redis as in STATE; the word STATE for the value of the relay's setting.",
            Required = true,
            HelpName = "state",
        };
        var to = new Option<string>("--to")
        {
            Description = "Target of the copy, in the same form.",
            Required = true,
            HelpName = "state",
        };
        var dryRun = new Option<bool>("--dry-run") { Description = "Count what would be copied, and copy nothing." };
        var force = new Option<bool>("--force")
        {
            Description = "Copy also while relays use either side. Their counts of that time may be missing: copy once more to add them.",
        };
        var json = Json.Option();
        return new ExampleCommand(
            "copy",
            "Copy keys, usage and the day's counts. The copy adds nothing twice: of two counts the larger stays, a revoked key stays "
                + "revoked, and a second run changes nothing. "
                + "The last minute, and answers kept for idempotency keys, are not copied. Other users of this machine see an address on "
                + "the command line: put one with a password into STATE, and write STATE here.",
            "relayctl state copy --from local --to STATE --dry-run",
            "relayctl state copy --from local --to 10.0.0.5:6379",
            "relayctl state copy --from STATE --to local"
        )
        {
            from,
            to,
            dryRun,
            force,
            json,
        }.Runs(
            async (session, cancellationToken) =>
            {
                var command = new CopyStateCommand(
                    Resolve(session, from),
                    Resolve(session, to),
                    session.Value(dryRun),
                    session.Value(force)
                );
                if (!(await session.Mediator.Send(command, cancellationToken)).TryGet(out var copy, out var problem))
                {
                    return session.Refuse(problem);
                }

                if (session.Value(json))
                {
                    Json.Write(session.Output, new { dry_run = command.DryRun, copy });
                    return ExitCode.Done;
                }

                Terminal.WriteTable(
                    session.Output,
                    ["", command.DryRun ? ">WOULD ADD" : ">ADDED", command.DryRun ? ">WOULD CHANGE" : ">CHANGED", ">SAME"],
                    [
                        ["keys", $"{copy.KeysAdded}", $"{copy.KeysChanged}", $"{copy.KeysSame}"],
                        ["rows of usage", $"{copy.UsageRows}", "", $"{copy.UsageRowsSame}"],
                    ]
                );
                return ExitCode.Done;
            }
        );
    }

    /// <summary>The value of the setting, so that no password has to stand on a command line.</summary>
    private static string Resolve(CommandSession session, Option<string> option) =>
        session.Value(option) is "STATE"
            ? session.Settings["STATE"] is { Length: > 0 } state
                ? state
                : "local"
            : session.Value(option)!;
}
