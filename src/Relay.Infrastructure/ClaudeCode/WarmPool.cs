using System.ComponentModel;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Application.Health;
using Relay.Application.Keys;
using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>A process for one completion.</summary>
/// <param name="process">The caller's from now on, to be disposed of by it.</param>
/// <param name="origin">How it came about.</param>
/// <param name="opened">Called once.</param>
internal sealed class ClaimedProcess(ClaudeProcess process, ProcessOrigin origin, Action opened)
{
    private int _opened;

    /// <summary>The process.</summary>
    public ClaudeProcess Process => process;

    /// <summary>How it came about.</summary>
    public ProcessOrigin Origin => origin;

    /// <summary>It has sent its request to the API, or ended: its start needs the processor no more. May be called again.</summary>
    public void Opened()
    {
        if (Interlocked.Exchange(ref _opened, 1) == 0)
        {
            opened();
        }
    }
}

/// <summary>
/// Parked, locked-down, already started processes, each for one completion. Blank spares know nothing of any caller;
/// prepared ones have the model and system prompt that a key repeats. Refilled one at a time in the background, while the
/// models think: never while a request still waits for its own process to get going.
/// </summary>
internal sealed class WarmPool : BackgroundService, IEngineLoad
{
    /// <summary>A process starts in about 0.4 s of one core: one in that time is what a small machine can spare.</summary>
    private static readonly TimeSpan RefillSpacing = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    private readonly EngineState _state;
    private readonly ClaudeProcesses _processes;
    private readonly string _defaultModel;
    private readonly IKeyDirectory _keys;
    private readonly TimeProvider _clock;
    private readonly ILogger<WarmPool> _logger;

    private readonly SpareStock _stock;
    private readonly SemaphoreSlim _wake = new(0, 1);
    private int _opening;
    private long _hits;
    private long _misses;

    public WarmPool(
        EngineState state,
        ClaudeProcesses processes,
        IOptions<ClaudeCodeOptions> options,
        IOptions<CompletionOptions> completionOptions,
        IKeyDirectory keys,
        TimeProvider clock,
        ILogger<WarmPool> logger)
    {
        (_state, _processes, _keys, _clock, _logger) = (state, processes, keys, clock, logger);
        _stock = new SpareStock(options.Value, clock, processes.End);
        _defaultModel = completionOptions.Value.DefaultModel;
        _state.Changed += Wake;
        _keys.Reloaded += _stock.KeepKeys;
    }

    /// <inheritdoc/>
    public EngineLoad Load
    {
        get
        {
            var parked = _stock.Count;
            return new EngineLoad(_processes.Alive, parked.Blank, parked.Prepared, parked.Oldest, Interlocked.Read(ref _hits), Interlocked.Read(ref _misses));
        }
    }

    /// <summary>The best spare there is, or a cold start. <see cref="ClaimedProcess.Opened"/> must follow.</summary>
    /// <exception cref="Win32Exception">A cold start failed.</exception>
    public async Task<ClaimedProcess> ClaimAsync(EngineGeneration generation, ProfileId id, Preparation preparation, CancellationToken cancellationToken)
    {
        if (_stock.Take(generation, id, preparation) is { } spare)
        {
            Interlocked.Increment(ref _opening);
            var origin = spare.IsPrepared ? ProcessOrigin.Prepared : ProcessOrigin.Blank;
            _logger.LogDebug(
                "Pool hit: {Origin} process {ProcessId}, parked for {Age}; {Hits} hits, {Misses} misses so far",
                origin, spare.Id, _clock.GetElapsedTime(spare.StartedAt), Interlocked.Increment(ref _hits), Interlocked.Read(ref _misses));
            return new ClaimedProcess(spare, origin, Opened);
        }

        _logger.LogDebug("Pool miss: starting a process; {Hits} hits, {Misses} misses so far", Interlocked.Read(ref _hits), Interlocked.Increment(ref _misses));
        return await StartColdAsync(generation, id.Model, preparation.Schema is not null, cancellationToken);
    }

    /// <summary>A new process, whatever the pool holds. <see cref="ClaimedProcess.Opened"/> must follow.</summary>
    /// <exception cref="Win32Exception">It can't be started.</exception>
    public async Task<ClaimedProcess> StartColdAsync(EngineGeneration generation, string model, bool takesSchema, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _opening);
        try
        {
            return new ClaimedProcess(await _processes.StartAsync(generation, model, takesSchema, cancellationToken), ProcessOrigin.Cold, Opened);
        }
        catch
        {
            Opened();
            throw;
        }
    }

    /// <summary>No spare is prepared for this profile again.</summary>
    /// <param name="id">The profile.</param>
    /// <param name="refusedBy">The CLI that takes its schema for none; null where it did not get as far.</param>
    public void NeverPrepare(ProfileId id, EngineGeneration? refusedBy) => _stock.NeverPrepare(id, refusedBy);

    /// <summary>Whether this CLI has refused the profile's schema before.</summary>
    public bool WasRefused(ProfileId id, EngineGeneration generation) => _stock.WasRefused(id, generation);

    /// <inheritdoc/>
    public override void Dispose()
    {
        _state.Changed -= Wake;
        _keys.Reloaded -= _stock.KeepKeys;
        base.Dispose();
        _wake.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await using var sweeps = _clock.CreateTimer(_ => Wake(), null, SweepInterval, SweepInterval);
        while (!stoppingToken.IsCancellationRequested)
        {
            await _wake.WaitAsync(stoppingToken);
            while (NextRefill() is { } refill)
            {
                if (!await TryRefillAsync(refill, stoppingToken) && _stock.Pause(refill.Need) is { } pause)
                {
                    LogPause(pause);
                }

                // Whatever came of it: no way through this loop may keep a processor busy.
                await Task.Delay(RefillSpacing, _clock, stoppingToken);
            }
        }
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        _stock.Clear();
    }

    /// <summary>The spare to start next, if any may be started now. Looks anew each time: keys and profiles go while one is started.</summary>
    private Refill? NextRefill()
    {
        if (_stock.Sweep(_state.Current) is { } pause)
        {
            LogPause(pause);
        }

        return _state.Current is { } generation && Volatile.Read(ref _opening) <= 0 && _stock.NextNeed() is { } need ? new Refill(generation, need) : null;
    }

    private async Task<bool> TryRefillAsync(Refill refill, CancellationToken cancellationToken)
    {
        ClaudeProcess? spare = null;
        try
        {
            var profile = refill.Need.Profile;
            spare = await _processes.StartAsync(refill.Generation, profile?.Id.Model ?? _defaultModel, profile?.Preparation.Schema is not null, cancellationToken);
            var isReady = profile is null || await PrepareAsync(spare, profile, cancellationToken);
            if (isReady && _stock.TryPark(spare, profile?.Id))
            {
                Parked(spare);
                spare = null;
            }

            return isReady;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            _logger.LogWarning(exception, "A spare process could not be started");
            return false;
        }
        finally
        {
            if (spare is not null)
            {
                _processes.End(spare);
            }
        }
    }

    private async Task<bool> PrepareAsync(ClaudeProcess spare, SpareProfile profile, CancellationToken cancellationToken)
    {
        var (id, preparation) = profile;
        try
        {
            var found = await spare.PrepareAsync(preparation.System, preparation.Schema, cancellationToken);
            if (found.Violation is { } violation)
            {
                _processes.ReportViolation(spare, id.KeyId, violation);
                return false;
            }

            if (!found.AcceptsSchema)
            {
                _stock.NeverPrepare(id, spare.Generation);
            }

            return found.AcceptsSchema;
        }
        catch (ClaudeProtocolException exception)
        {
            _logger.LogWarning("A spare process could not be prepared: {Problem}", exception.Message);
            if (exception.WasTooMuch && preparation.Schema is not null)
            {
                _stock.NeverPrepare(id, refusedBy: null);
            }

            return false;
        }
    }

    private void Opened()
    {
        if (Interlocked.Decrement(ref _opening) == 0)
        {
            Wake();
        }
    }

    private void LogPause(TimeSpan pause) => _logger.LogWarning("A kind of spare processes does not last: the next is started in {Pause}", pause);

    private void Parked(ClaudeProcess spare)
    {
        _logger.LogDebug("Parked {Origin} process {ProcessId}", spare.IsPrepared ? ProcessOrigin.Prepared : ProcessOrigin.Blank, spare.Id);
        _ = spare.Exited.ContinueWith(_ => Wake(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private void Wake()
    {
        lock (_wake)
        {
            if (_wake.CurrentCount == 0)
            {
                _wake.Release();
            }
        }
    }

    private sealed record Refill(EngineGeneration Generation, SpareNeed Need);
}
