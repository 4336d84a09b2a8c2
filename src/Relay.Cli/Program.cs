using System.CommandLine;
using MediatR;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Relay.Application;
using Relay.Cli;
using Relay.Infrastructure;
using Relay.Infrastructure.Home;

var home = new Option<string?>("--home") { Description = "The relay's home directory; RELAY_HOME, or ~/.local/share/claude-relay, when left out.", Recursive = true };
var root = new RootCommand("Operates a claude-relay on this machine.") { home };
var parsed = default(ParseResult);
root.Add(KeyCommands.Create(Open));
parsed = root.Parse(args);
return await parsed.InvokeAsync();

(IMediator Mediator, RelayHome Home) Open()
{
    var configuration = new ConfigurationBuilder().AddEnvironmentVariables().Build();
    var relayHome = RelayHome.Open(parsed?.GetValue(home) ?? configuration["RELAY_HOME"]);
    var services = new ServiceCollection()
        .AddSingleton<IConfiguration>(configuration)
        .AddRelayApplication()
        .AddRelayKeyFile(relayHome)
        .BuildServiceProvider();
    return (services.GetRequiredService<IMediator>(), relayHome);
}
