using System.Collections.Frozen;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Relay.Application.Keys;
using Relay.Domain.Keys;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.KeyFile;

/// <summary>
/// The keys in memory, found by their hash, following <c>keys.json</c> within a quarter of a second. A file that can't be
/// read keeps the last good keys and says so; a missing one means no keys.
/// </summary>
internal sealed class KeyDirectory(RelayHome home, TimeProvider clock, ILogger<KeyDirectory> logger) : BackgroundService, IKeyDirectory
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMilliseconds(250);

    private volatile FrozenDictionary<string, ApiKey> _active = FrozenDictionary<string, ApiKey>.Empty;
    private volatile string? _problem;
    private (bool Exists, long Length, DateTime ModifiedAt)? _seen;

    /// <inheritdoc/>
    public event Action<IReadOnlySet<string>>? Reloaded;

    /// <inheritdoc/>
    public string? Problem => _problem;

    /// <inheritdoc/>
    public ApiKey? Find(KeySecret secret)
    {
        var hash = secret.Hash;
        return _active.TryGetValue(hash.Value, out var key) && key.Hash.FixedTimeEquals(hash) ? key : null;
    }

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await CheckAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(CheckInterval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await CheckAsync(stoppingToken);
        }
    }

    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        try
        {
            var file = new FileInfo(home.KeyFile);
            var found = file.Exists ? (true, file.Length, file.LastWriteTimeUtc) : (false, 0L, default);
            if (found == _seen)
            {
                return;
            }

            Load(found.Item1 ? KeyFileDocument.Parse(await File.ReadAllBytesAsync(home.KeyFile, cancellationToken)) : []);
            _seen = found;
        }
        catch (FormatException exception)
        {
            Report($"keys.json can't be read: {exception.Message}. The last good keys stay in force.", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Report("keys.json can't be opened; the log says why. The last good keys stay in force.", exception);
        }
    }

    private void Load(IReadOnlyList<ApiKey> keys)
    {
        var active = keys.Where(key => key.IsActive).ToList();
        _active = active.ToFrozenDictionary(key => key.Hash.Value, StringComparer.Ordinal);
        _problem = null;
        logger.LogInformation("{Count} keys in force", active.Count);
        Reloaded?.Invoke(active.Select(key => key.Id).ToHashSet(StringComparer.Ordinal));
    }

    private void Report(string problem, Exception exception)
    {
        if (_problem != problem)
        {
            _problem = problem;
            logger.LogError(exception, "{Problem}", problem);
        }
    }
}
