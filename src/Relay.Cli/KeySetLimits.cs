using Relay.Application.Keys;

namespace Relay.Cli;

/// <summary><c>relayctl keys set-limits</c>.</summary>
internal static class KeySetLimits
{
    public static Command Create()
    {
        var label = KeyCommands.LabelArgument();
        var rpm = Limit("--rpm", "Requests in any sixty seconds");
        var daily = Limit("--daily", "Requests a UTC day");
        var concurrency = Limit("--concurrency", "Requests that run at once");
        var usd = new Option<LimitChange<decimal>?>("--usd")
        {
            Description = $"US dollars a UTC day, by list price, or '{Parsing.Default}' for no such limit.",
            CustomParser = Parsing.MoneyLimit,
            HelpName = "x",
        };
        return new ExampleCommand(
            "set-limits",
            "Change a key's limits. A running relay follows within a second. Limits that are not named stay.",
            "relayctl keys set-limits shop --rpm 60 --daily 2000",
            "relayctl keys set-limits shop --usd default"
        )
        {
            label,
            rpm,
            daily,
            concurrency,
            usd,
        }.Runs(
            async (session, cancellationToken) =>
            {
                var command = new SetKeyLimitsCommand(
                    session.Value(label),
                    session.Value(rpm),
                    session.Value(daily),
                    session.Value(concurrency),
                    session.Value(usd)
                );
                if (!(await session.Mediator.Send(command, cancellationToken)).TryGet(out var key, out var problem))
                {
                    return session.Refuse(problem);
                }

                await session.Error.WriteLineAsync($"Key '{key.Label}' ({key.Id}) has its new limits.");
                return ExitCode.Done;
            },
            needsSettings: false
        );
    }

    private static Option<LimitChange<int>?> Limit(string name, string what) =>
        new(name)
        {
            Description = $"{what}, or '{Parsing.Default}' for the relay's setting.",
            CustomParser = Parsing.Limit,
            HelpName = "n",
        };
}
