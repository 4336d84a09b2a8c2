using Relay.Application.Diagnostics;
using Relay.Application.Keys;
using Relay.Domain.Keys;
using Relay.Domain.Models;

namespace Relay.Cli;

/// <summary><c>relayctl keys add</c>.</summary>
internal static class KeyAdd
{
    public static Command Create()
    {
        var label = KeyCommands.LabelArgument();
        var json = Json.Option();
        var daily = new Option<int?>("--daily", "--daily-limit")
        {
            Description = "Allow this many requests in a UTC day. When left out, the relay's PER_KEY_DAILY.",
            HelpName = "n",
        };
        var rpm = new Option<int?>("--rpm")
        {
            Description = "Allow this many requests in any sixty seconds. When left out, the relay's PER_KEY_RPM.",
            HelpName = "n",
        };
        var concurrency = new Option<int?>("--concurrency")
        {
            Description = "Run at most this many requests at once. When left out, the relay's PER_KEY_CONCURRENCY.",
            HelpName = "n",
        };
        var usd = new Option<decimal?>("--usd")
        {
            Description = "Allow this many US dollars in a UTC day, by list price. When left out, there is no such limit.",
            HelpName = "x",
            CustomParser = result => Parsing.Money(result),
        };
        var scopes = new Option<KeyScopes?>("--scope")
        {
            Description =
                $"Scopes of the key: some of {string.Join(", ", KeyScopeNames.All)}, separated by commas; "
                + $"{string.Join(",", KeyScopes.Default.ToNames())} when left out.",
            CustomParser = result => Parsing.Scopes(result),
            HelpName = "names",
        };
        var models = new Option<IReadOnlyList<ModelName>?>("--model")
        {
            Description = "Allow only these models, separated by commas. When left out, all models of the relay.",
            CustomParser = Parsing.Models,
            HelpName = "names",
        };
        var noTools = new Option<bool>("--no-tools")
        {
            Description = "Refuse requests that declare tools, or whose conversation calls some. Tools run at the caller, never here.",
        };
        var expires = new Option<TimeSpan?>("--expires")
        {
            Description = "Let the key expire after this time: 12h, 30d, 52w. When left out, it works until it is revoked.",
            CustomParser = result => Parsing.Duration(result),
            HelpName = "time",
        };
        return new ExampleCommand(
            "add",
            "Mint a key. Its secret is the only line on stdout, and is shown only once.",
            "relayctl keys add shop",
            "relayctl keys add shop --daily 500 --rpm 10 --usd 2.50",
            "relayctl keys add trial --model haiku --expires 30d",
            "SECRET=$(relayctl keys add shop)   # everything but the secret goes to stderr"
        )
        {
            label,
            daily,
            rpm,
            concurrency,
            usd,
            scopes,
            models,
            noTools,
            expires,
            json,
        }.Runs(
            async (session, cancellationToken) =>
            {
                var limits = new KeyLimits(session.Value(rpm), session.Value(daily), session.Value(concurrency), session.Value(usd));
                var added = await session.Mediator.Send(
                    new AddKeyCommand(
                        session.Value(label),
                        limits,
                        session.Value(scopes) ?? KeyScopes.Default,
                        session.Value(models),
                        session.Value(expires)
                    )
                    {
                        AllowsTools = !session.Value(noTools),
                    },
                    cancellationToken
                );
                if (!added.TryGet(out var key, out var problem))
                {
                    return session.Refuse(problem);
                }

                await KeyCommands.ShowSecretAsync(
                    session,
                    key,
                    session.Value(json),
                    Printable.Text(
                        $"Key '{key.Key.Label}' ({key.Key.Id}) works from now on. Only its hash is kept: the secret above is not stored "
                            + $"anywhere."
                    ),
                    CancellationToken.None
                );
                return ExitCode.Done;
            },
            home: HomeUse.CreateAndClose,
            needsSettings: false
        );
    }
}
