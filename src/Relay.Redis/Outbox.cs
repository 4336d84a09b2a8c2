using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Relay.Application.Timing;
using Relay.Domain;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>
/// Sends commands to the shared state that no answer waits for: costs of requests, and amounts given back. Each of them may be sent
/// twice, and counts once. While the state is away they wait here, up to a bound. Beyond the bound the reserved cost of a request stays
/// spent.
/// </summary>
internal sealed class Outbox(RedisLink link, TimeProvider clock, ILogger<Outbox> logger) : BackgroundService
{
    private const int MostWaiting = 50_000;
    private const int MostAtOnce = 256;

    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly WakeSignal _wake = new();
    private readonly List<Func<IDatabase, Task>> _waiting = [];
    private TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _sending;
    private bool _overflowed;

    /// <summary>The number of commands that wait.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _waiting.Count + _sending;
            }
        }
    }

    /// <summary>Sends a command as soon as possible. A command that is sent twice must count once.</summary>
    public void Post(Func<IDatabase, Task> tell)
    {
        lock (_lock)
        {
            if (_waiting.Count >= MostWaiting)
            {
                if (!_overflowed)
                {
                    _overflowed = true;
                    logger.LogError(
                        "More than {Count} settlements wait for the shared state; now the reserved cost of running requests counts as "
                            + "their cost",
                        MostWaiting
                    );
                }

                return;
            }

            _waiting.Add(tell);
        }

        _wake.Wake();
    }

    /// <summary>Waits for a while until all commands are sent.</summary>
    /// <returns>Whether all were sent.</returns>
    public async Task<bool> FlushAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        Task empty;
        lock (_lock)
        {
            if (_waiting.Count + _sending == 0)
            {
                return true;
            }

            empty = _empty.Task;
        }

        try
        {
            await empty.WaitAsync(patience, clock, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // Also after the time to stop is over: the last settlements take a moment.
        if (!await FlushAsync(FlushTimeout, CancellationToken.None))
        {
            logger.LogError(
                "{Count} settlements could not be sent to the shared state: the reserved cost of their requests will count as their cost",
                Count
            );
        }

        await base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        base.Dispose();
        _wake.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await _wake.WaitAsync(stoppingToken);
            while (Take() is { Count: > 0 } batch)
            {
                var failed = await TellAsync(batch, stoppingToken);
                Return(failed);
                if (failed.Count > 0)
                {
                    await Task.Delay(Retry, clock, stoppingToken);
                }
            }
        }
    }

    /// <summary>Sends all at once, on one connection. Returns those that failed, in their order.</summary>
    private async Task<List<Func<IDatabase, Task>>> TellAsync(List<Func<IDatabase, Task>> batch, CancellationToken cancellationToken)
    {
        var told = await Task.WhenAll(
            batch.Select(async tell =>
            {
                try
                {
                    await link.AskAsync(
                        async database =>
                        {
                            await tell(database);
                            return true;
                        },
                        cancellationToken
                    );
                    return true;
                }
                catch (RelayErrorException exception)
                {
                    // The link has logged this relay's mistake. It must not hold up the commands behind it.
                    return RedisLink.IsMistake(exception.InnerException);
                }
            })
        );
        return [.. batch.Where((_, index) => !told[index])];
    }

    private List<Func<IDatabase, Task>> Take()
    {
        lock (_lock)
        {
            var batch = _waiting.GetRange(0, Math.Min(MostAtOnce, _waiting.Count));
            _waiting.RemoveRange(0, batch.Count);
            _sending = batch.Count;
            return batch;
        }
    }

    private void Return(List<Func<IDatabase, Task>> failed)
    {
        lock (_lock)
        {
            _sending = 0;
            _waiting.InsertRange(0, failed);
            if (_waiting.Count == 0)
            {
                _overflowed = false;
                _empty.TrySetResult();
                _empty = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }
}
