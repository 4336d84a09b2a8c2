using Relay.Infrastructure.Home;
using Relay.Infrastructure.Processes;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// The directory in which Claude Code runs without a jail. Its path reaches the model with every prompt, so it is the same for all
/// callers and tells nothing (unless <c>TMPDIR</c> does). It is empty, and no other user can put anything in.
/// </summary>
internal static class WorkingDirectory
{
    public static string Location => Path.Combine(Path.GetTempPath(), "claude-relay");

    /// <summary>The directory, made if missing.</summary>
    /// <exception cref="IOException">Another user's directory is in its place, or it is not empty. The message says what to do.</exception>
    public static string Ensure()
    {
        var path = Location;
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
