using Relay.Infrastructure.Home;
using Relay.Infrastructure.Processes;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Where Claude Code runs when there is no jail. Its path reaches the model with every prompt, so it is the same for
/// everybody and says nothing (unless <c>TMPDIR</c> does); it is empty, and nobody else can put anything in.
/// </summary>
internal static class WorkingDirectory
{
    /// <summary>The directory, made if missing.</summary>
    /// <exception cref="IOException">Somebody else's directory is in its place, or something is in it; says what to do.</exception>
    public static string Ensure()
    {
        var path = Path.Combine(Path.GetTempPath(), "claude-relay");
        var directory = new DirectoryInfo(path);
        if (directory.LinkTarget is not null)
        {
            throw new IOException($"{path} is a symbolic link. Remove it, or set TMPDIR to a directory of your own.");
        }

        Directory.CreateDirectory(path);
        if (!OperatingSystem.IsWindows() && !NativeMethods.TakeOwnership(path))
        {
            throw new IOException($"{path} belongs to another user. Set TMPDIR to a directory of your own.");
        }

        RelayHome.CreatePrivateDirectory(path);
        return Directory.EnumerateFileSystemEntries(path).Any()
            ? throw new IOException($"{path} is not empty, and Claude Code must find nothing there. Empty or remove it.")
            : path;
    }
}

/// <summary>A home and a temporary directory that live and die with one process.</summary>
internal sealed class ScratchDirectory : IDisposable
{
    private readonly string _root;

    private ScratchDirectory(string root) => _root = root;

    /// <summary>Its <c>HOME</c>.</summary>
    public string Home => Path.Combine(_root, "home");

    /// <summary>Its <c>TMPDIR</c>.</summary>
    public string Temporary => Path.Combine(_root, "tmp");

    /// <summary>Makes one below <c>RELAY_HOME/run</c>.</summary>
    public static ScratchDirectory Create(RelayHome home)
    {
        RelayHome.CreatePrivateDirectory(home.RunDirectory);
        var scratch = new ScratchDirectory(Path.Combine(home.RunDirectory, Path.GetRandomFileName()));
        RelayHome.CreatePrivateDirectory(scratch._root);
        Directory.CreateDirectory(scratch.Home);
        Directory.CreateDirectory(scratch.Temporary);
        return scratch;
    }

    /// <summary>Removes what a relay that was killed left behind.</summary>
    public static void Sweep(RelayHome home)
    {
        if (Directory.Exists(home.RunDirectory))
        {
            Directory.Delete(home.RunDirectory, recursive: true);
        }
    }

    /// <summary>Removes it with all that was written there.</summary>
    public void Dispose()
    {
        if (Directory.Exists(_root))
        {
            Directory.Delete(_root, recursive: true);
        }
    }
}
