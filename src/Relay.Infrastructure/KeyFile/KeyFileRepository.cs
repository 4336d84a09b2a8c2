using Relay.Application.Keys;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.KeyFile;

/// <summary>
/// Changes <c>keys.json</c> under a lock that the relay and the commands share: read, change, write another file, flush, rename. A crash
/// at any byte leaves the old file or the new one.
/// </summary>
internal sealed class KeyFileRepository(RelayHome home, TimeProvider clock) : IKeyRepository
{
    private static readonly TimeSpan LockRetry = TimeSpan.FromMilliseconds(20);

    /// <summary>Long, because the lock ends with its holder: a command may wait behind many others, on a slow machine.</summary>
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Room for one more key file, and for the bytes that a revocation adds.</summary>
    private const int LeastRoom = 16 * 1024;

    private readonly string _reserve = ReserveOf(home);

    /// <summary>
    /// Keeps room for a revocation on a full disk, as each change does. It is needed for a key file that no change of this version has
    /// written.
    /// </summary>
    /// <exception cref="IOException">The home can't be written.</exception>
    public static async Task ReserveAsync(RelayHome home, CancellationToken cancellationToken)
    {
        // The holder of the lock changes the keys, and keeps the room.
        await using var fileLock = FileLock.TryTake(LockOf(home));
        if (fileLock is not null && new FileInfo(home.KeyFile) is { Exists: true } file)
        {
            await EnsureReserveAsync(ReserveOf(home), file.Length, cancellationToken);
        }
    }

    private static string ReserveOf(RelayHome home) => home.KeyFile + ".reserve";

    private static string LockOf(RelayHome home) => home.KeyFile + ".lock";

    public async Task<Result<T>> ChangeAsync<T>(
        Func<IReadOnlyList<ApiKey>, Result<(IReadOnlyList<ApiKey> Keys, T Value)>> change,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await ChangeLockedAsync(change, cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return new RelayError(
                ErrorCode.InternalError,
                $"{home.KeyFile} can't be changed: {exception.Message} Free space on the disk, or give the file to this user."
            );
        }
    }

    private async Task<Result<T>> ChangeLockedAsync<T>(
        Func<IReadOnlyList<ApiKey>, Result<(IReadOnlyList<ApiKey> Keys, T Value)>> change,
        CancellationToken cancellationToken
    )
    {
        await using var fileLock = await LockAsync(cancellationToken);
        if (fileLock is null)
        {
            return new RelayError(
                ErrorCode.Conflict,
                $"Another process has held {home.KeyFile}.lock for {LockTimeout.TotalSeconds} s. Try again."
            );
        }

        if (!(await ReadAsync(cancellationToken)).TryGet(out var keys, out var error))
        {
            return error;
        }

        if (!change(keys).TryGet(out var changed, out error))
        {
            return error;
        }

        var isRevocation = changed.Keys.Count(key => key.RevokedAt is null) < keys.Count(key => key.RevokedAt is null);
        await WriteAsync(KeyFileDocument.Format(changed.Keys), isRevocation, cancellationToken);
        return changed.Value;
    }

    public async Task<Result<IReadOnlyList<ApiKey>>> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return Result<IReadOnlyList<ApiKey>>.Success(
                Path.Exists(home.KeyFile) ? KeyFileDocument.Parse(await RegularFile.ReadAllBytesAsync(home.KeyFile, cancellationToken)) : []
            );
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return new RelayError(ErrorCode.InternalError, $"{home.KeyFile} can't be read: {exception.Message}");
        }
        catch (FormatException exception)
        {
            return new RelayError(
                ErrorCode.InternalError,
                $"{home.KeyFile} can't be read: {exception.Message}. Mend it or restore a copy."
            );
        }
    }

    private async Task WriteAsync(byte[] bytes, bool isRevocation, CancellationToken cancellationToken)
    {
        var next = home.KeyFile + ".next";
        try
        {
            await WriteFileAsync(next, FileMode.Create, bytes, cancellationToken);
        }
        catch (IOException) when (isRevocation && new FileInfo(_reserve) is { Exists: true } reserve && reserve.Length >= bytes.Length)
        {
            // The room for a revocation was reserved earlier. Nothing else may use it up.
            File.Delete(next);
            next = _reserve;
            await WriteFileAsync(next, FileMode.Open, bytes, cancellationToken);
        }

        File.Move(next, home.KeyFile, overwrite: true);
        await EnsureReserveAsync(_reserve, bytes.Length, cancellationToken);
    }

    private static async Task WriteFileAsync(string path, FileMode mode, byte[] bytes, CancellationToken cancellationToken)
    {
        await using var file = new FileStream(path, RelayHome.PrivateFile(mode, FileAccess.Write, FileShare.None));
        await file.WriteAsync(bytes, cancellationToken);
        file.SetLength(bytes.Length);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Keeps room for the next change, with some to spare: a revocation makes a key a little longer.</summary>
    private static async Task EnsureReserveAsync(string path, long length, CancellationToken cancellationToken)
    {
        if (new FileInfo(path) is { Exists: true } reserve && reserve.Length >= length + LeastRoom)
        {
            return;
        }

        // On a full disk less room is enough for the next change.
        foreach (var room in (int[])[2 * LeastRoom, LeastRoom, LeastRoom / 4])
        {
            try
            {
                // Written with bytes, because a hole in a file takes no room.
                await WriteFileAsync(path, FileMode.Create, new byte[length + room], cancellationToken);
                return;
            }
            catch (IOException)
            {
                // The change itself is written; the next one tries again.
                File.Delete(path);
            }
        }
    }

    /// <summary>Takes the lock; null when another process keeps it. The system's lock ends with the process that holds it.</summary>
    private async Task<FileStream?> LockAsync(CancellationToken cancellationToken)
    {
        var started = clock.GetTimestamp();
        while (true)
        {
            if (FileLock.TryTake(LockOf(home)) is { } taken)
            {
                return taken;
            }

            if (clock.GetElapsedTime(started) >= LockTimeout)
            {
                return null;
            }

            await Task.Delay(LockRetry, clock, cancellationToken);
        }
    }
}
