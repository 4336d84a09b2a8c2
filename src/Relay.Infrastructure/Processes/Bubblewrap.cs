namespace Relay.Infrastructure.Processes;

/// <summary>The parts that the command lines of all jails have in common.</summary>
internal static class Bubblewrap
{
    public const string Path = "/usr/bin/bwrap";

    /// <summary>Isolates everything but the network, which some jails need.</summary>
    public static readonly IReadOnlyList<string> Isolation =
    [
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--hostname",
        "relay",
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
    ];

    /// <summary>The jail's own directories in place of the host's.</summary>
    public static readonly IReadOnlyList<string> Mounts = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/home"];

    /// <summary>The host's libraries, read-only, without its commands: there is no shell, no curl, no git.</summary>
    public static IEnumerable<string> Libraries() =>
        ["--ro-bind", "/usr", "/usr", "--tmpfs", "/usr/bin", "--tmpfs", "/usr/sbin", "--tmpfs", "/usr/local", .. SystemLinks()];

    /// <summary><c>/lib</c> and similar directories: links into <c>/usr</c>, or real directories on systems that have those.</summary>
    private static IEnumerable<string> SystemLinks()
    {
        foreach (var directory in (string[])["/lib", "/lib64", "/lib32", "/bin", "/sbin"])
        {
            var link = new DirectoryInfo(directory);
            if (link.LinkTarget is { } target)
            {
                yield return "--symlink";
                yield return target;
                yield return directory;
            }
            else if (link.Exists && directory.StartsWith("/lib", StringComparison.Ordinal))
            {
                yield return "--ro-bind";
                yield return directory;
                yield return directory;
            }
        }
    }
}
