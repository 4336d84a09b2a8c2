using System.Runtime.InteropServices;

namespace Relay.Infrastructure.Home;

/// <summary>
/// Reads files of the relay's home. A pipe in a file's place would block the reader for ever, and a device may never end: neither is
/// opened, and the error says so.
/// </summary>
internal static partial class RegularFile
{
    private const int CurrentDirectory = -100;
    private const uint WithType = 1;
    private const ushort TypeMask = 0xF000;
    private const ushort TypeOfFile = 0x8000;

    /// <summary>Opens a file to read, unbuffered, without a lock.</summary>
    /// <exception cref="IOException">It is a directory, a pipe, a socket or a device, or can't be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not read it.</exception>
    public static FileStream OpenRead(string path)
    {
        if (Directory.Exists(path))
        {
            throw new IOException($"{path} is a directory, and a file is expected there. Move it away.");
        }

        return OperatingSystem.IsLinux() && File.Exists(path) && !IsRegular(path)
            ? throw new IOException($"{path} is a pipe, a socket or a device, and a file is expected there. Move it away.")
            : new FileStream(path, new FileStreamOptions { Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 });
    }

    /// <summary>Reads all of a file; throws as <see cref="OpenRead"/> does.</summary>
    public static async Task<byte[]> ReadAllBytesAsync(string path, CancellationToken cancellationToken)
    {
        await using var file = OpenRead(path);
        using var bytes = new MemoryStream();
        await file.CopyToAsync(bytes, cancellationToken);
        return bytes.ToArray();
    }

    /// <summary>Reads the lines of a file; no lines for a missing file. Throws as <see cref="OpenRead"/> does.</summary>
    public static IReadOnlyList<string> ReadLines(string path)
    {
        if (!Path.Exists(path))
        {
            return [];
        }

        using var reader = new StreamReader(OpenRead(path));
        var lines = new List<string>();
        while (reader.ReadLine() is { } line)
        {
            lines.Add(line);
        }

        return lines;
    }

    /// <summary>Whether it is a regular file. True also when the system does not say: opening then tells why.</summary>
    private static bool IsRegular(string path) =>
        ReadStatus(CurrentDirectory, path, 0, WithType, out var status) != 0 || (status.Mode & TypeMask) == TypeOfFile;

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ReadStatus(int directory, string path, int flags, uint mask, out FileStatus status);

    /// <summary>The kernel's <c>struct statx</c>, which is the same on every processor.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct FileStatus
    {
        [FieldOffset(28)]
        public ushort Mode;
    }
}
