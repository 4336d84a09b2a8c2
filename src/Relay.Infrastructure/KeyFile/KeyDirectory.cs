using System.Buffers;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Relay.Application.Health;
using Relay.Application.Keys;
using Relay.Application.Timing;
using Relay.Domain.Keys;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.KeyFile;

/// <summary>
/// The keys in memory, found by their hash. They follow <c>keys.json</c>: the system tells of changes, and the relay looks four times a
/// second, because not every file system tells. When the file can't be read, the last good keys stay in force and the log says so. A
/// missing file means no keys.
/// </summary>
internal sealed class KeyDirectory(RelayHome home, TimeProvider clock, ILogger<KeyDirectory> logger)
    : BackgroundService,
        IKeyDirectory,
        IHealthCheck
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMilliseconds(250);

    private readonly KeyFileReader _reader = new();
    private readonly WakeSignal _wake = new();

    private volatile Dictionary<string, ApiKey> _byHash = [];
    private volatile HashSet<string> _unrevokedIds = [];
    private volatile string? _problem;
    private volatile bool _told;
    private string? _reported;
    private (bool Exists, long Length, DateTime ModifiedAt)? _seen;

    public event Action<IReadOnlySet<string>>? Reloaded;

    public string Part => "keys";

    public string? Problem => _problem;

    public ApiKey? Find(KeySecret secret) => Find(secret.Hash);

    public ApiKey? Find(KeyHash hash)
    {
        var now = clock.GetUtcNow();
        return _byHash.TryGetValue(hash.Value, out var key) && key.Opens(hash, now) ? key : null;
    }

    /// <summary>True: a missing file means no keys, and a file that can't be read is reported.</summary>
    public bool IsKnown => true;

    public bool IsRevoked(string keyId) => !_unrevokedIds.Contains(keyId);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await CheckAsync(cancellationToken);
        try
        {
            await KeyFileRepository.ReserveAsync(home, cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            logger.LogWarning("Room for a revocation on a full disk can't be kept: {Reason}", exception.Message);
        }

        await base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        base.Dispose();
        _wake.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var watcher = Watch();
        await using var timer = clock.CreateTimer(_ => _wake.Wake(), null, CheckInterval, CheckInterval);
        while (!stoppingToken.IsCancellationRequested)
        {
            await _wake.WaitAsync(stoppingToken);
            await CheckAsync(stoppingToken);
        }
    }

    /// <summary>Null when the system has no watch left: looking regularly is enough.</summary>
    private FileSystemWatcher? Watch()
    {
        try
        {
            var watcher = new FileSystemWatcher(home.Path, Path.GetFileName(home.KeyFile))
            {
                NotifyFilter = NotifyFilters.FileName | NotifyFilters.LastWrite | NotifyFilters.Size,
            };
            watcher.Changed += (_, _) => Told();
            watcher.Created += (_, _) => Told();
            watcher.Deleted += (_, _) => Told();
            watcher.Renamed += (_, _) => Told();
            watcher.EnableRaisingEvents = true;
            return watcher;
        }
        catch (Exception exception) when (exception is IOException or ArgumentException)
        {
            logger.LogWarning(exception, "keys.json can't be watched; the relay looks at it four times a second");
            return null;
        }
    }

    /// <summary>Reads also a file that looks the same: two changes within one tick of the file's clock may do so.</summary>
    private void Told()
    {
        _told = true;
        _wake.Wake();
    }

    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        try
        {
            var told = _told;
            _told = false;
            var file = new FileInfo(home.KeyFile);
            // A directory in the file's place does not count as a missing file: reading it reports the mistake.
            var found = Path.Exists(home.KeyFile) ? (true, file.Exists ? file.Length : 0, file.LastWriteTimeUtc) : (false, 0L, default);
            if (found == _seen && !told)
            {
                return;
            }

            var startedAt = clock.GetTimestamp();
            var inForce = Load(found.Item1 ? await ReadAsync(cancellationToken) : []);
            logger.LogInformation(
                "{Count} keys in force, loaded in {Milliseconds:0} ms",
                inForce,
                clock.GetElapsedTime(startedAt).TotalMilliseconds
            );
            _seen = found;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // After any error the relay goes on with the keys that it has, and looks again.
            Report(exception);
        }
    }

    /// <summary>Reads into a buffer that is used again: tens of megabytes of garbage at each change would delay requests.</summary>
    private async Task<IReadOnlyList<ApiKey>> ReadAsync(CancellationToken cancellationToken)
    {
        await using var file = RegularFile.OpenRead(home.KeyFile);
        var buffer = ArrayPool<byte>.Shared.Rent((int)file.Length + 1);
        try
        {
            var length = await file.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
            return length < buffer.Length
                ? _reader.Read(buffer.AsSpan(0, length))
                : throw new IOException("keys.json grew while it was read.");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private int Load(IReadOnlyList<ApiKey> keys)
    {
        var now = clock.GetUtcNow();
        var byHash = new Dictionary<string, ApiKey>(keys.Count, StringComparer.Ordinal);
        var ids = new HashSet<string>(keys.Count, StringComparer.Ordinal);
        var inForce = 0;
        foreach (var key in keys.Where(key => key.RevokedAt is null))
        {
            ids.Add(key.Id);
            if (!key.IsActive(now))
            {
                continue;
            }

            inForce++;
            byHash.Add(key.Hash.Value, key);
            foreach (var old in key.OldSecrets)
            {
                byHash.Add(old.Hash.Value, key);
            }
        }

        // In this order: a key that is found by its new hash must not count as revoked.
        _unrevokedIds = ids;
        _byHash = byHash;
        (_problem, _reported) = (null, null);
        Reloaded?.Invoke(ids);
        return inForce;
    }

    /// <summary>Logs the problem. <c>/health/ready</c> leaves it out: anybody may ask, and the file holds labels.</summary>
    private void Report(Exception exception)
    {
        if (_reported != exception.Message)
        {
            _reported = exception.Message;
            _problem = "keys.json can't be read; the relay's log says why. The last good keys stay in force.";
            logger.LogError(exception, "keys.json can't be read: {Reason}. The last good keys stay in force", exception.Message);
        }
    }
}
