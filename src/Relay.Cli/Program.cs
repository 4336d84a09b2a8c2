using Relay.Cli;

return await Relayctl.RunAsync(args, console: null, CancellationToken.None);
