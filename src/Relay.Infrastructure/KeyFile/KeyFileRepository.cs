using Relay.Application.Keys;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.KeyFile;

/// <summary>
/// Changes <c>keys.json</c> under a lock that the relay and the commands share: read, change, write beside it, flush,
/// rename. A crash at any byte leaves the old file or the new one.
/// </summary>
internal sealed class KeyFileRepository(RelayHome home, TimeProvider clock) : IKeyRepository
{
    private static readonly TimeSpan LockRetry = TimeSpan.FromMilliseconds(20);

    /// <summary>Long, for the lock ends with its holder: who waits this long waits behind many, on a slow machine.</summary>
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(30);

    /// <inheritdoc/>
    public async Task<Result<T>> ChangeAsync<T>(
        Func<IReadOnlyList<ApiKey>, Result<(IReadOnlyList<ApiKey> Keys, T Value)>> change, CancellationToken cancellationToken)
    {
        await using var fileLock = await LockAsync(cancellationToken);
        if (fileLock is null)
        {
            return new RelayError(ErrorCode.Conflict, $"Another process has held {home.KeyFile}.lock for {LockTimeout.TotalSeconds} s. Try again.");
        }

        if (!(await ReadAsync(cancellationToken)).TryGet(out var keys, out var error))
        {
            return error;
        }

        if (!change(keys).TryGet(out var changed, out error))
        {
            return error;
        }

        await WriteAsync(KeyFileDocument.Format(changed.Keys), cancellationToken);
        return changed.Value;
    }

    /// <inheritdoc/>
    public async Task<Result<IReadOnlyList<ApiKey>>> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return Result<IReadOnlyList<ApiKey>>.Success(
                File.Exists(home.KeyFile) ? KeyFileDocument.Parse(await File.ReadAllBytesAsync(home.KeyFile, cancellationToken)) : []);
        }
        catch (FormatException exception)
        {
            return new RelayError(ErrorCode.InternalError, $"{home.KeyFile} can't be read: {exception.Message}. Mend it or restore a copy.");
        }
    }

    private async Task WriteAsync(byte[] bytes, CancellationToken cancellationToken)
    {
        var next = home.KeyFile + ".next";
        await using (var file = new FileStream(next, RelayHome.PrivateFile(FileMode.Create, FileAccess.Write, FileShare.None)))
        {
            await file.WriteAsync(bytes, cancellationToken);
            file.Flush(flushToDisk: true);
        }

        File.Move(next, home.KeyFile, overwrite: true);
    }

    /// <summary>Null when it stays taken. The lock is the system's, so that it ends with the process that holds it.</summary>
    private async Task<FileStream?> LockAsync(CancellationToken cancellationToken)
    {
        var started = clock.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream(home.KeyFile + ".lock", RelayHome.PrivateFile(FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException) when (clock.GetElapsedTime(started) < LockTimeout)
            {
                await Task.Delay(LockRetry, clock, cancellationToken);
            }
            catch (IOException)
            {
                return null;
            }
        }
    }
}
