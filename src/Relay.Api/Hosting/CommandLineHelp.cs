using Relay.Application;
using Relay.Application.Configuration;
using Relay.Infrastructure;
using Relay.Infrastructure.Home;
using Relay.Redis;

namespace Relay.Api.Hosting;

/// <summary>The texts of <c>--help</c> and <c>--version</c>. Both end the program before it touches anything.</summary>
internal static class CommandLineHelp
{
    /// <summary>The text to print; null when the command line asks for a relay.</summary>
    public static string? For(string[] args)
    {
        // The value of a setting may look like one of these words, and follows the name of the setting. So only the first word counts.
        return args is not [var first, ..]
            ? null
            : first switch
            {
                "--help" or "-h" => Help(),
                "--version" => $"claude-relay {typeof(CommandLineHelp).Assembly.GetName().Version?.ToString(3)}",
                _ => null,
            };
    }

    private static string Help()
    {
        var settings = new ServiceCollection()
            .AddRelayApplication()
            .AddRelayRedis(new ConfigurationBuilder().Build())
            .AddRelayInfrastructure(RelayHome.Find(path: null))
            .Where(service => service.ServiceType == typeof(SettingDescription))
            .Select(service => (SettingDescription)service.ImplementationInstance!);
        var lines = settings.Select(setting =>
            $"  {setting.Name}{(setting.Default.Length > 0 ? $" ({setting.Default})" : string.Empty)}{Environment.NewLine}      "
            + $"{setting.Help}"
        );
        return $"""
            usage: claude-relay [--name value ...]

            Starts the relay in the foreground; Ctrl-C or SIGTERM stops it. relayctl operates it: keys, usage, doctor.

              --help      this text
              --version   its version

            Every setting below is given as --port 8800 or --warm-processes=0, in the environment (PORT=8800),
            or in config.env in RELAY_HOME (~/.local/share/claude-relay unless the environment says otherwise).
            The command line overrides the environment. The environment overrides the file.

            {string.Join(Environment.NewLine, lines)}
            """;
    }
}
