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
/// <param name="Process">The caller's from now on, to be disposed of by it.</param>
/// <param name="Origin">How it came about.</param>
internal sealed record ClaimedProcess(ClaudeProcess Process, ProcessOrigin Origin);

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
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LastPause = TimeSpan.FromMinutes(1);

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

    /// <summary>The best spare there is, or a cold start. <see cref="Opened"/> must follow, once.</summary>
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
            return new ClaimedProcess(spare, origin);
        }

        _logger.LogDebug("Pool miss: starting a process; {Hits} hits, {Misses} misses so far", Interlocked.Read(ref _hits), Interlocked.Increment(ref _misses));
        return await StartColdAsync(generation, id.Model, preparation.Schema is not null, cancellationToken);
    }

    /// <summary>A new process, whatever the pool holds. <see cref="Opened"/> must follow, once.</summary>
    /// <exception cref="Win32Exception">It can't be started.</exception>
    public async Task<ClaimedProcess> StartColdAsync(EngineGeneration generation, string model, bool takesSchema, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _opening);
        try
        {
            return new ClaimedProcess(await _processes.StartAsync(generation, model, takesSchema, cancellationToken), ProcessOrigin.Cold);
        }
        catch
        {
            Opened();
            throw;
        }
    }

    /// <summary>A claimed process has sent its request to the API, or ended: its start needs the processor no more.</summary>
    public void Opened()
    {
        if (Interlocked.Decrement(ref _opening) == 0)
        {
            Wake();
        }
    }

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
        var pause = TimeSpan.Zero;
        var troubleAt = 0L;
        while (!stoppingToken.IsCancellationRequested)
        {
            await _wake.WaitAsync(stoppingToken);
            var died = _stock.Sweep(_state.Current);
            var failed = false;
            while (!died && !failed && NextRefill() is { } refill)
            {
                failed = !await TryRefillAsync(refill, stoppingToken);
            }

            if (died || failed)
            {
                // What dies while it is parked would die again: no spinning, and requests start their own meanwhile. A start
                // that succeeds proves nothing, so only a quiet minute begins anew.
                pause = pause > TimeSpan.Zero && _clock.GetElapsedTime(troubleAt) < LastPause
                    ? TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LastPause.Ticks))
                    : FirstPause;
                _logger.LogWarning("Spare processes do not last; the next is started in {Pause}", pause);
                await Task.Delay(pause, _clock, stoppingToken);
                troubleAt = _clock.GetTimestamp();
                Wake();
            }
        }
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        _stock.Clear();
    }

    /// <summary>What to start next, if anything may be started now.</summary>
    private Refill? NextRefill() =>
        _state.Current is { } generation && Volatile.Read(ref _opening) <= 0 && _stock.NextNeed() is { } need ? new Refill(generation, need) : null;

    private async Task<bool> TryRefillAsync(Refill refill, CancellationToken cancellationToken)
    {
        try
        {
            var spare = await _processes.StartAsync(refill.Generation, refill.Need.Profile?.Model ?? _defaultModel, refill.Need.Preparation?.Schema is not null, cancellationToken);
            if (refill.Need is { Profile: { } id, Preparation: { } preparation })
            {
                return await PrepareAsync(spare, id, preparation, cancellationToken);
            }

            _stock.Park(spare);
            Parked(spare);
            await Task.Delay(RefillSpacing, _clock, cancellationToken);
            return true;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            _logger.LogWarning(exception, "A spare process could not be started");
            return false;
        }
    }

    private async Task<bool> PrepareAsync(ClaudeProcess spare, ProfileId id, Preparation preparation, CancellationToken cancellationToken)
    {
        try
        {
            var found = await spare.PrepareAsync(preparation.System, preparation.Schema, cancellationToken);
            if (found.Violation is { } violation)
            {
                _processes.ReportViolation(spare, id.KeyId, violation);
                return false;
            }

            if (found.AcceptsSchema && _stock.TryPark(spare, id))
            {
                Parked(spare);
            }
            else
            {
                _processes.End(spare);
            }

            return true;
        }
        catch (ClaudeProtocolException exception)
        {
            _logger.LogWarning("A spare process could not be prepared: {Problem}", exception.Message);
            _processes.End(spare);
            return false;
        }
        catch
        {
            _processes.End(spare);
            throw;
        }
    }

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
