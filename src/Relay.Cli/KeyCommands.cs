using Relay.Application.Contracts;
using Relay.Application.Keys;
using Relay.Domain.Keys;

namespace Relay.Cli;

/// <summary><c>relayctl keys</c>.</summary>
internal static class KeyCommands
{
    private static readonly TimeSpan DefaultOverlap = TimeSpan.FromHours(24);

    public static Command Create() =>
        new ExampleCommand("keys", "Mint, look at, change and revoke the keys of your apps. A running relay follows within a second.")
        {
            KeyAdd.Create(),
            KeyViews.List(),
            KeyViews.Show(),
            Rotate(),
            Revoke(),
            KeySetLimits.Create(),
        };

    /// <summary>The label, which every command on one key takes.</summary>
    public static Argument<KeyLabel> LabelArgument() =>
        new("label")
        {
            Description = $"The app's name: 1 to {KeyLabel.MaxLength} letters, digits, dots, underscores or hyphens.",
            CustomParser = Parsing.Label,
        };

    /// <summary>Shows a secret: alone on stdout, or in a JSON document. It can't be cancelled: it is shown only once.</summary>
    public static async Task ShowSecretAsync(
        CommandSession session,
        AddedKey added,
        bool json,
        string explanation,
        CancellationToken cancellationToken
    )
    {
        if (json)
        {
            Json.Write(
                session.Output,
                new
                {
                    secret = added.Secret.Reveal(),
                    key = KeyContract.From(added.Key, lastUsedAt: null, session.Get<TimeProvider>().GetUtcNow()),
                }
            );
        }
        else
        {
            await session.Output.WriteLineAsync(added.Secret.Reveal().AsMemory(), cancellationToken);
        }

        await session.Error.WriteLineAsync(explanation.AsMemory(), cancellationToken);
    }

    private static Command Rotate()
    {
        var label = LabelArgument();
        var json = Json.Option();
        var overlap = new Option<TimeSpan?>("--overlap")
        {
            Description =
                $"Let the old secret work for this long: 0 for not at all, 30m, 7d; at most {ApiKey.MaxOverlap.TotalDays}d; 24h when "
                + $"left out.",
            CustomParser = result => Parsing.Duration(result),
            HelpName = "time",
        };
        return new ExampleCommand(
            "rotate",
            "Give a key a new secret, which is the only line on stdout and is shown only once. Its limits and usage stay. The old secret "
                + "works for a day.",
            "relayctl keys rotate shop",
            "relayctl keys rotate shop --overlap 0   # the old secret leaked"
        )
        {
            label,
            overlap,
            json,
        }.Runs(
            async (session, cancellationToken) =>
            {
                var time = session.Value(overlap) ?? DefaultOverlap;
                var rotated = await session.Mediator.Send(new RotateKeyCommand(session.Value(label), time), cancellationToken);
                if (!rotated.TryGet(out var key, out var problem))
                {
                    return session.Refuse(problem);
                }

                await ShowSecretAsync(
                    session,
                    key,
                    session.Value(json),
                    time == TimeSpan.Zero
                        ? $"Key '{key.Key.Label}' has a new secret. The old one stops working within a second."
                        : $"Key '{key.Key.Label}' has a new secret. The old one works until "
                            + $"{Terminal.Time(key.Key.OldSecrets.Max(old => old.Until))}.",
                    CancellationToken.None
                );
                return ExitCode.Done;
            },
            needsSettings: false
        );
    }

    private static Command Revoke()
    {
        var label = LabelArgument();
        return new ExampleCommand(
            "revoke",
            "Revoke a key for good. Within a second its waiting and running requests end, too.",
            "relayctl keys revoke shop"
        )
        {
            label,
        }.Runs(
            async (session, cancellationToken) =>
            {
                var revoked = await session.Mediator.Send(new RevokeKeyCommand(session.Value(label)), cancellationToken);
                if (!revoked.TryGet(out var key, out var problem))
                {
                    return session.Refuse(problem);
                }

                await session.Error.WriteLineAsync($"Key '{key.Label}' ({key.Id}) is revoked.");
                return ExitCode.Done;
            },
            needsSettings: false
        );
    }
}
