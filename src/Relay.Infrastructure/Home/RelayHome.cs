using System.Text;
using Relay.Application.Configuration;

namespace Relay.Infrastructure.Home;

/// <summary><c>RELAY_HOME</c>: the one directory that the relay writes to. Only its owner can read it and its files.</summary>
public sealed class RelayHome
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerDirectory = OwnerOnly | UnixFileMode.UserExecute;

    private RelayHome(string path) => Path = path;

    public string Path { get; }

    public string ConfigFile => System.IO.Path.Combine(Path, "config.env");

    /// <summary>The keys' hashes.</summary>
    public string KeyFile => System.IO.Path.Combine(Path, "keys.json");

    /// <summary>The usage of keys.</summary>
    public string DatabaseFile => System.IO.Path.Combine(Path, "relay.db");

    /// <summary>The audit log, one file a day.</summary>
    public string AuditDirectory => System.IO.Path.Combine(Path, "audit");

    /// <summary>Throw-away homes of running Claude Code processes; emptied at start.</summary>
    public string RunDirectory => System.IO.Path.Combine(Path, "run");

    /// <summary>The relay's own Claude login, if one was made.</summary>
    public string ClaudeDirectory => System.IO.Path.Combine(Path, "claude");

    /// <summary>Finds the directory, and makes it, 0700. Without a path it is <c>~/.local/share/claude-relay</c>.</summary>
    public static RelayHome Open(string? path)
    {
        var home = Find(path);
        CreatePrivateDirectory(home.Path);
        return home;
    }

    /// <summary>Finds the directory, and does not create or change it.</summary>
    public static RelayHome Find(string? path)
    {
        var fallback = System.IO.Path.Combine(
            Environment.GetFolderPath(Environment.SpecialFolder.UserProfile),
            ".local",
            "share",
            "claude-relay"
        );
        return new RelayHome(System.IO.Path.GetFullPath(string.IsNullOrWhiteSpace(path) ? fallback : path));
    }

    /// <summary>Makes a directory that only its owner may enter, or closes one that is open to others.</summary>
    public static void CreatePrivateDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
            return;
        }

        Directory.CreateDirectory(path, OwnerDirectory);
        if (File.GetUnixFileMode(path) != OwnerDirectory)
        {
            File.SetUnixFileMode(path, OwnerDirectory);
        }
    }

    /// <summary>Options for a file that only its owner may read, from its first byte on.</summary>
    public static FileStreamOptions PrivateFile(FileMode mode, FileAccess access, FileShare share)
    {
        var options = new FileStreamOptions
        {
            Mode = mode,
            Access = access,
            Share = share,
        };
        if (!OperatingSystem.IsWindows() && mode is not (FileMode.Open or FileMode.Truncate))
        {
            options.UnixCreateMode = OwnerOnly;
        }

        return options;
    }

    /// <summary>Writes a <c>config.env</c> with each default, commented out, unless there is one. Returns whether it wrote it.</summary>
    public bool WriteDefaultConfig(IEnumerable<SettingDescription> settings)
    {
        if (File.Exists(ConfigFile))
        {
            return false;
        }

        var text = new StringBuilder()
            .AppendLine(
                "# claude-relay's settings. Remove the # of a line to change it, then restart the relay; where it says so, no restart is "
                    + "needed."
            )
            .AppendLine("# The environment overrides this file, the command line overrides both.")
            .AppendLine();
        foreach (var setting in settings)
        {
            text.Append("# ")
                .Append(setting.Help)
                .AppendLine(setting.Reloads ? " No restart needed." : string.Empty)
                .Append('#')
                .Append(setting.Name)
                .Append('=')
                .AppendLine(setting.Default)
                .AppendLine();
        }

        try
        {
            using var file = new FileStream(ConfigFile, PrivateFile(FileMode.CreateNew, FileAccess.Write, FileShare.None));
            file.Write(Encoding.UTF8.GetBytes(text.ToString()));
            return true;
        }
        catch (IOException exception)
        {
            throw new StartupException(
                $"{ConfigFile} can't be written: {exception.Message} RELAY_HOME must be a directory that this user may write."
            );
        }
    }
}
