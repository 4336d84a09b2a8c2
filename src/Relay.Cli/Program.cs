using Relay.Cli;

return await Relayctl.RunAsync(args, CancellationToken.None);
