using Relay.Application.Diagnostics;

namespace Relay.Cli;

/// <summary><c>relayctl ready</c>.</summary>
internal static class ReadyCommand
{
    public static Command Create()
    {
        var wait = new Option<TimeSpan>("--wait")
        {
            Description =
                "Wait for it at most this long, such as 60s. Ends at once when only you can help: Claude Code is missing or not logged in.",
            CustomParser = Parsing.Duration,
        };
        return new ExampleCommand(
            "ready",
            "Ask the relay that runs with these settings whether it is ready. Exits with 0 when it is, with 5 when it is not, "
                + "with 1 when no relay answers.",
            "relayctl ready",
            "relayctl ready --wait 60s && ./deploy-the-apps"
        )
        {
            wait,
        }.Runs(
            async (session, cancellationToken) =>
            {
                if (
                    !(await session.Mediator.Send(new AwaitReadinessQuery(session.Value(wait)), cancellationToken)).TryGet(
                        out var relay,
                        out var problem
                    )
                )
                {
                    return session.Refuse(problem);
                }

                if (relay.IsReady)
                {
                    await session.Output.WriteLineAsync($"The relay at {relay.Url} is ready.".AsMemory(), cancellationToken);
                    return ExitCode.Done;
                }

                await session.Error.WriteLineAsync(
                    relay.Answers ? $"The relay at {relay.Url} runs and is not ready." : $"No relay answers at {relay.Url}."
                );
                foreach (var one in relay.Problems)
                {
                    await session.Error.WriteLineAsync(Printable.Text($"{one.Code}: {one.Message}"));
                }

                return relay.Answers ? ExitCode.NotReady : ExitCode.Failed;
            },
            home: HomeUse.CreateIfMissing
        ); // Created if needed: the command may run before a relay's first start has created it.
    }
}
