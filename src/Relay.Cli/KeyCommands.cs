using System.CommandLine;
using MediatR;
using Relay.Application.Keys;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Infrastructure.Home;

namespace Relay.Cli;

/// <summary><c>relayctl keys</c>.</summary>
internal static class KeyCommands
{
    /// <summary>The command with its subcommands.</summary>
    /// <param name="mediator">Made late: help needs no home.</param>
    public static Command Create(Func<(IMediator Mediator, RelayHome Home)> mediator) => new("keys", "Mint and revoke the keys of your apps.") { Add(mediator), Revoke(mediator) };

    private static Command Add(Func<(IMediator Mediator, RelayHome Home)> services)
    {
        var label = LabelArgument();
        var dailyLimit = new Option<int?>("--daily-limit") { Description = "Requests a UTC day; the relay's PER_KEY_DAILY when left out." };
        var command = new Command("add", "Mint a key. Its secret is the only line on stdout, and is shown this once.") { label, dailyLimit };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (output, error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            var (mediator, home) = services();
            if (!KeyLabel.Create(parsed.GetValue(label)).TryGet(out var keyLabel, out var problem))
            {
                return await RefuseAsync(error, problem);
            }

            var added = await mediator.Send(new AddKeyCommand(keyLabel, parsed.GetValue(dailyLimit)), cancellationToken);
            if (!added.TryGet(out var key, out problem))
            {
                return await RefuseAsync(error, problem);
            }

            await output.WriteLineAsync(key.Secret.Reveal());
            await error.WriteLineAsync($"Key '{keyLabel}' ({key.Key.Id}) works from now on. {home.KeyFile} holds its hash; the secret above is not stored anywhere.");
            return 0;
        });
        return command;
    }

    private static Command Revoke(Func<(IMediator Mediator, RelayHome Home)> services)
    {
        var label = LabelArgument();
        var command = new Command("revoke", "Shut a key for good, within a second.") { label };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var error = parsed.InvocationConfiguration.Error;
            if (!KeyLabel.Create(parsed.GetValue(label)).TryGet(out var keyLabel, out var problem))
            {
                return await RefuseAsync(error, problem);
            }

            var revoked = await services().Mediator.Send(new RevokeKeyCommand(keyLabel), cancellationToken);
            if (!revoked.TryGet(out var key, out problem))
            {
                return await RefuseAsync(error, problem);
            }

            await error.WriteLineAsync($"Key '{key.Label}' ({key.Id}) is revoked.");
            return 0;
        });
        return command;
    }

    private static Argument<string> LabelArgument() => new("label") { Description = $"The app's name: 1 to {KeyLabel.MaxLength} letters, digits, dots, underscores or hyphens." };

    private static async Task<int> RefuseAsync(TextWriter error, RelayError problem)
    {
        await error.WriteLineAsync(problem.Message);
        return 1;
    }
}
