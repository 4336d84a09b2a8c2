using System.Text;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.ApiGate;

/// <summary>The path of the gate's Unix socket.</summary>
internal static class GateSocket
{
    /// <summary>Longest path that Linux and macOS both take, without the final zero (sun_path of 104 bytes on macOS).</summary>
    private const int MaxPathBytes = 103;

    /// <summary>
    /// Finds a path below <c>RELAY_HOME/run</c>, with the number of this process, because <c>relayctl doctor</c> has a gate beside the
    /// relay's. A home whose path is too long gets a private directory below the temporary one.
    /// </summary>
    /// <returns>The path, free to be bound. A socket of a killed relay is removed.</returns>
    /// <exception cref="StartupException">No path is short enough.</exception>
    public static string Prepare(RelayHome home)
    {
        RelayHome.CreatePrivateDirectory(home.RunDirectory);
        var fileName = $"gate-{Environment.ProcessId}.sock";
        var path = Path.Combine(home.RunDirectory, fileName);
        if (Encoding.UTF8.GetByteCount(path) > MaxPathBytes)
        {
            path = Path.Combine(Directory.CreateTempSubdirectory("claude-relay-").FullName, fileName);
        }

        if (Encoding.UTF8.GetByteCount(path) > MaxPathBytes)
        {
            throw new StartupException(
                $"No path for the gate's socket is short enough: {path} has more than {MaxPathBytes} bytes. Set RELAY_HOME to a shorter "
                    + $"path."
            );
        }

        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StartupException(
                $"The gate's socket {path} can't be made ({exception.Message}). Set RELAY_HOME to a directory of this user."
            );
        }

        return path;
    }

    /// <summary>Removes the socket, and its directory where that was made for it.</summary>
    public static void Remove(RelayHome home, string path)
    {
        File.Delete(path);
        if (Path.GetDirectoryName(path) is { } directory && directory != home.RunDirectory && Directory.Exists(directory))
        {
            Directory.Delete(directory);
        }
    }
}
