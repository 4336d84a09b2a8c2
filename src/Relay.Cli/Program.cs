using System.CommandLine;
using System.CommandLine.Invocation;
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
if (parsed.Action is ParseErrorAction mistake)
{
    // The help would go to stdout, where a script expects a secret or nothing.
    mistake.ShowHelp = false;
}

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
