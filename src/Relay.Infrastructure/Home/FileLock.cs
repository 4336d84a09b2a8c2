namespace Relay.Infrastructure.Home;

/// <summary>
/// The system's lock on a file, which ends with the process that holds it. A lock of another process, and a file that can't be opened,
/// are told apart: a full disk holds no lock.
/// </summary>
internal static class FileLock
{
    private const int WouldBlockLinux = 11;
    private const int WouldBlockMacOS = 35;
    private const int SharingViolation = 32;
    private const int LockViolation = 33;

    /// <summary>Opens the file, made if it is missing, for this process alone; null while another process has it.</summary>
    /// <exception cref="IOException">It can't be opened or made, for example on a full disk.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not open it.</exception>
    public static FileStream? TryTake(string path)
    {
        try
        {
            return new FileStream(path, RelayHome.PrivateFile(FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException exception) when (IsHeld(exception))
        {
            return null;
        }
    }

    /// <summary>Whether another process holds the lock. .NET puts the system's error number into an exception of opening.</summary>
    private static bool IsHeld(IOException exception) =>
        OperatingSystem.IsWindows() ? (exception.HResult & 0xFFFF) is SharingViolation or LockViolation
        : OperatingSystem.IsMacOS() ? exception.HResult == WouldBlockMacOS
        : exception.HResult == WouldBlockLinux;
}
