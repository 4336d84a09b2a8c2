using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Relay.Application.Health;
using Relay.Application.Keys;
using Relay.Application.Timing;
using Relay.Domain;
using Relay.Domain.Keys;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>
/// The fleet's keys in memory, found by their hash. A change is told at once, and each pulse looks for changes that were not told. Only
/// changed keys are read. While the state is away the last known keys stay in force. A relay that has never reached the state knows no
/// keys, and says so.
/// </summary>
internal sealed class RedisKeyDirectory(
    RedisLink link,
    FleetView fleet,
    RedisKeyRepository repository,
    TimeProvider clock,
    ILogger<RedisKeyDirectory> logger
) : BackgroundService, IKeyDirectory, IHealthCheck
{
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(500);

    private readonly WakeSignal _wake = new();
    private readonly ConcurrentDictionary<string, ApiKey> _byId = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ApiKey> _byHash = new(StringComparer.Ordinal);
    private long _version = Unknown;
    private volatile string? _problem;

    /// <summary>The version before anything was read.</summary>
    private const long Unknown = -1;

    public event Action<IReadOnlySet<string>>? Reloaded;

    public bool IsKnown => Interlocked.Read(ref _version) != Unknown;

    public string Part => "keys";

    public string? Problem =>
        _problem ?? (IsKnown ? null : "The keys are not known yet: the shared state has not been reached since the relay was started.");

    public ApiKey? Find(KeySecret secret) => Find(secret.Hash);

    public ApiKey? Find(KeyHash hash)
    {
        var now = clock.GetUtcNow();
        return _byHash.TryGetValue(hash.Value, out var key) && key.Opens(hash, now) ? key : null;
    }

    public bool IsRevoked(string keyId) => !_byId.TryGetValue(keyId, out var key) || key.RevokedAt is not null;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        link.Told += OnTold;
        fleet.Heard += OnHeard;
        await FollowAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        link.Told -= OnTold;
        fleet.Heard -= OnHeard;
        base.Dispose();
        _wake.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            if (IsKnown)
            {
                await _wake.WaitAsync(stoppingToken);
            }
            else
            {
                await Task.Delay(Retry, clock, stoppingToken);
            }

            await FollowAsync(stoppingToken);
        }
    }

    private void OnTold(string news)
    {
        if (news == "keys")
        {
            _wake.Wake();
        }
    }

    private void OnHeard(long keysVersion, HashEntry[] upstream)
    {
        if (keysVersion != Interlocked.Read(ref _version))
        {
            _wake.Wake();
        }
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        try
        {
            var startedAt = clock.GetTimestamp();
            var version = Interlocked.Read(ref _version);
            if (version == Unknown)
            {
                var (read, keys) = await repository.ReadAllAsync(cancellationToken);
                TakeAll(keys);
                Interlocked.Exchange(ref _version, read);
            }
            else
            {
                var (read, changes) = await repository.ReadChangesAsync(version, cancellationToken);
                if (read < version)
                {
                    // The state is older than the last read: it was emptied, or a replica without the last changes has taken over.
                    logger.LogWarning("The shared keys have gone back from version {Known} to {Version}; all are read anew", version, read);
                    Interlocked.Exchange(ref _version, Unknown);
                    await FollowAsync(cancellationToken);
                    return;
                }

                foreach (var (id, key) in changes)
                {
                    Take(id, key);
                }

                Interlocked.Exchange(ref _version, read);
            }

            _problem = null;
            var now = clock.GetUtcNow();
            var unrevoked = _byId.Values.Where(key => key.RevokedAt is null).ToList();
            logger.LogInformation(
                "{Count} keys in force, loaded in {Milliseconds:0} ms",
                unrevoked.Count(key => key.IsActive(now)),
                clock.GetElapsedTime(startedAt).TotalMilliseconds
            );
            Reloaded?.Invoke(unrevoked.Select(key => key.Id).ToHashSet(StringComparer.Ordinal));
        }
        catch (RelayErrorException)
        {
            // The link has logged it. The pulse wakes this loop again when the state answers.
        }
        catch (FormatException exception)
        {
            if (_problem is null)
            {
                logger.LogError("The shared keys can't be read: {Reason}. The last good keys stay in force", exception.Message);
            }

            _problem = "The shared keys can't be read; the relay's log says why. The last good keys stay in force.";
        }
    }

    private void TakeAll(List<ApiKey> keys)
    {
        var ids = keys.Select(key => key.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var gone in _byId.Keys.Where(id => !ids.Contains(id)))
        {
            Take(gone, null);
        }

        foreach (var key in keys)
        {
            Take(key.Id, key);
        }
    }

    /// <summary>
    /// Changes the maps in this order: a key that is found by its new hash must not count as revoked, and a hash that no longer works
    /// must find no key.
    /// </summary>
    private void Take(string id, ApiKey? key)
    {
        _byId.TryGetValue(id, out var before);
        if (key is null)
        {
            _byId.TryRemove(id, out _);
        }
        else
        {
            _byId[id] = key;
        }

        var hashes = key is null || key.RevokedAt is not null ? [] : HashesOf(key).ToList();
        foreach (var hash in hashes)
        {
            _byHash[hash] = key!;
        }

        foreach (var old in before is null ? [] : HashesOf(before).Except(hashes, StringComparer.Ordinal))
        {
            _byHash.TryRemove(old, out _);
        }
    }

    private static IEnumerable<string> HashesOf(ApiKey key) => key.OldSecrets.Select(old => old.Hash.Value).Prepend(key.Hash.Value);
}
