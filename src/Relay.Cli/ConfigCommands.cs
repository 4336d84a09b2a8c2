using System.Text.RegularExpressions;
using Relay.Application.Configuration;
using Relay.Application.Diagnostics;

namespace Relay.Cli;

/// <summary><c>relayctl config</c>.</summary>
internal static partial class ConfigCommands
{
    private const string Environment = "environment";
    private const string File = "config.env";
    private const string Default = "default";

    public static Command Create() => new ExampleCommand("config", "Look at the relay's settings.") { Show(), Check(), Init() };

    private static Command Init() =>
        new ExampleCommand(
            "init",
            "Make the relay's home and a config.env with every setting and its default, as a relay's first start does. An existing "
                + "config.env stays as it is.",
            "relayctl config init"
        ).Runs(
            async (session, cancellationToken) =>
            {
                var made = session.Home.WriteDefaultConfig(session.GetAll<SettingDescription>());
                await session.Output.WriteLineAsync(
                    (made ? $"Wrote {session.Home.ConfigFile}" : $"{session.Home.ConfigFile} exists already").AsMemory(),
                    cancellationToken
                );
                return ExitCode.Done;
            },
            home: HomeUse.CreateAndClose
        );

    private static Command Show()
    {
        var json = Json.Option();
        return new ExampleCommand(
            "show",
            "Show every setting with its value and its source. The environment is this shell's, which may not be the relay's. "
                + "Credentials are shown as ***.",
            "relayctl config show",
            "relayctl config show --json"
        )
        {
            json,
        }.Runs(
            async (session, _) =>
            {
                var settings = session.GetAll<SettingDescription>().Select(setting => ToValue(session, setting)).ToList();
                if (session.Value(json))
                {
                    Json.Write(session.Output, new { home = session.Home.Path, settings });
                }
                else
                {
                    Terminal.WriteTable(
                        session.Output,
                        ["SETTING", "VALUE", "FROM"],
                        settings.Select(setting => (IReadOnlyList<string>)[setting.Name, setting.Value, setting.Source])
                    );
                    await session.Error.WriteLineAsync(
                        Printable.Text(
                            $"The relay's home is {session.Home.Path}. A relay that runs has the settings it was started with, but for "
                                + "limits, "
                                + $"which it follows."
                        )
                    );
                }

                return ExitCode.Done;
            }
        );
    }

    private static Command Check()
    {
        var json = Json.Option();
        return new ExampleCommand(
            "check",
            "Check the settings as the relay does when it starts: all problems at once, and unknown names in config.env. Exits "
                + "with 1 when the relay would not start.",
            "relayctl config check",
            "relayctl config check && systemctl --user restart claude-relay"
        )
        {
            json,
        }.Runs(
            async (session, cancellationToken) =>
            {
                var diagnosis = await session.Mediator.Send(new DiagnoseQuery(DiagnosticArea.Configuration), cancellationToken);
                return DoctorCommand.Report(session, diagnosis, session.Value(json));
            },
            home: HomeUse.CreateIfMissing
        );
    }

    private static SettingValue ToValue(CommandSession session, SettingDescription setting)
    {
        // As the relay reads them: the environment overrides the file, also with an empty value, and an empty value means the default.
        var (value, source) = session.EnvironmentSettings[setting.Name] is { } variable
            ? (variable, Environment)
            : (session.FileSettings[setting.Name] ?? string.Empty, File);
        return value.Length == 0
            ? new SettingValue(setting.Name, setting.Default, Default, setting.Help, setting.Reloads)
            : new SettingValue(
                setting.Name,
                setting.Secret ? "***" : Login().Replace(value, "://***@"),
                source,
                setting.Help,
                setting.Reloads
            );
    }

    private sealed record SettingValue(string Name, string Value, string Source, string Help, bool Reloads);

    /// <summary>A name and a password in a URL.</summary>
    [GeneratedRegex("://[^/@]*@", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Login();
}
