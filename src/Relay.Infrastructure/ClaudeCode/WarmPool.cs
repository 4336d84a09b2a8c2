using System.ComponentModel;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Application.Health;
using Relay.Application.Keys;
using Relay.Application.Timing;
using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Locked-down processes that are started already and parked. Blank spares know nothing of any caller. The others have the model and the
/// system prompt of one key, and come back here after each completion of that key. Spares are started one at a time in the background,
/// while the models think, and never while a request still waits for its process to start.
/// </summary>
internal sealed class WarmPool : BackgroundService, IEngineLoad
{
    /// <summary>
    /// The time between starts, so that refills do not take all of a small machine. A process with one completion takes 0.6 to 0.9 s of
    /// processor time.
    /// </summary>
    private static readonly TimeSpan RefillSpacing = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    /// <summary>A process holds 150 MB at its start and 286 MB after 500 turns (measured on 2.1.330).</summary>
    private const long MaxParkedBytes = 400L * 1024 * 1024;

    private readonly EngineState _state;
    private readonly ClaudeProcesses _processes;
    private readonly ClaudeCodeOptions _options;
    private readonly CompletionOptions _completions;
    private readonly AcceptedShapes _shapes;
    private readonly IKeyDirectory _keys;
    private readonly TimeProvider _clock;
    private readonly ILogger<WarmPool> _logger;

    private readonly SpareStock _stock;
    private readonly WakeSignal _wake = new();
    private readonly CancellationTokenSource _stopping = new();
    private int _opening;
    private long _hits;
    private long _misses;

    public WarmPool(
        EngineState state,
        ClaudeProcesses processes,
        IOptions<ClaudeCodeOptions> options,
        IOptions<CompletionOptions> completionOptions,
        AcceptedShapes shapes,
        IKeyDirectory keys,
        TimeProvider clock,
        ILogger<WarmPool> logger
    )
    {
        (_state, _processes, _shapes, _keys, _clock, _logger) = (state, processes, shapes, keys, clock, logger);
        (_options, _completions) = (options.Value, completionOptions.Value);
        _stock = new SpareStock(options.Value, clock, processes.End);
        _state.Changed += _wake.Wake;
        _keys.Reloaded += _stock.KeepKeys;
    }

    public EngineLoad Load
    {
        get
        {
            var parked = _stock.Count;
            return new EngineLoad(
                _processes.Alive,
                parked.Blank,
                parked.Prepared,
                parked.Oldest,
                Interlocked.Read(ref _hits),
                Interlocked.Read(ref _misses)
            );
        }
    }

    /// <summary>The best spare, or a cold start. <see cref="GiveBack"/> must follow.</summary>
    /// <exception cref="Win32Exception">A cold start failed.</exception>
    public async Task<ClaimedProcess> ClaimAsync(
        EngineGeneration generation,
        ProfileId id,
        Preparation preparation,
        CancellationToken cancellationToken
    )
    {
        var spare = _stock.Take(generation, id, preparation, out var returning, cancellationToken);
        if (returning is not null)
        {
            spare = await AwaitReturnAsync(returning, id) ?? _stock.TakeBlank(generation, id.Model, preparation);
        }

        if (spare is not null)
        {
            Interlocked.Increment(ref _opening);
            var origin = spare.IsPrepared ? ProcessOrigin.Prepared : ProcessOrigin.Blank;
            _logger.LogDebug(
                "Pool hit: {Origin} process {ProcessId}, parked for {Age}; {Hits} hits, {Misses} misses so far",
                origin,
                spare.Id,
                _clock.GetElapsedTime(spare.StartedAt),
                Interlocked.Increment(ref _hits),
                Interlocked.Read(ref _misses)
            );
            return new ClaimedProcess(spare, origin, Opened);
        }

        _logger.LogDebug(
            "Pool miss: starting a process; {Hits} hits, {Misses} misses so far",
            Interlocked.Read(ref _hits),
            Interlocked.Increment(ref _misses)
        );
        return await StartAsync(generation, id, preparation, cancellationToken);
    }

    private async Task<ClaudeProcess?> AwaitReturnAsync(Task<ClaudeProcess?> returning, ProfileId id)
    {
        try
        {
            return await returning;
        }
        catch (OperationCanceledException)
        {
            _stock.EndUse(id);
            throw;
        }
    }

    /// <summary>Takes a process back: to serve its key again, or without a finished turn to be ended.</summary>
    public void GiveBack(ClaimedProcess claimed, ProfileId id, FinishedTurn? finished)
    {
        claimed.Opened();
        var process = claimed.Process;
        process.Uses++;
        if (finished is null || !MayServeAgain(process))
        {
            _processes.End(process);
            _stock.EndUse(id);
            return;
        }

        _stock.BeginReturn(id);
        _ = TakeBackAsync(process, id, finished);
    }

    private bool MayServeAgain(ClaudeProcess process) =>
        _options.ReusesProcesses
        && process.Uses < _options.ProcessUses
        && process.Ticket is { IsSpoilt: false }
        && process.Generation == _state.Current
        && process.ResidentBytes < MaxParkedBytes
        && _clock.GetElapsedTime(process.StartedAt) < SpareStock.MaxAge;

    private async Task TakeBackAsync(ClaudeProcess process, ProfileId id, FinishedTurn finished)
    {
        var isBack = false;
        try
        {
            await Task.Yield();
            isBack = await finished.TakeBackAsync(process, _clock, _stopping.Token);
            // Its system prompt stays, and so does its schema.
            process.IsPrepared = isBack;
        }
        catch (Exception exception)
        {
            _logger.LogError(exception, "Process {ProcessId} could not be taken back", process.Id);
        }

        if (_stock.EndReturn(isBack ? process : null, id))
        {
            if (process.Uses == 1)
            {
                Parked(process);
            }
        }
        else
        {
            _processes.End(process);
        }
    }

    /// <summary>Starts a new process, even if there are spares. <see cref="GiveBack"/> must follow.</summary>
    /// <exception cref="Win32Exception">The process can't be started.</exception>
    public Task<ClaimedProcess> StartColdAsync(
        EngineGeneration generation,
        ProfileId id,
        Preparation preparation,
        CancellationToken cancellationToken
    )
    {
        _stock.BeginUse(id);
        return StartAsync(generation, id, preparation, cancellationToken);
    }

    private async Task<ClaimedProcess> StartAsync(
        EngineGeneration generation,
        ProfileId id,
        Preparation preparation,
        CancellationToken cancellationToken
    )
    {
        Interlocked.Increment(ref _opening);
        try
        {
            var process = await _processes.StartAsync(generation, id.Model, takesSchema: preparation.Schema is not null, cancellationToken);
            return new ClaimedProcess(process, ProcessOrigin.Cold, Opened);
        }
        catch
        {
            Opened();
            _stock.EndUse(id);
            throw;
        }
    }

    public void NeverPrepare(ProfileId id, EngineGeneration? refusedBy) => _stock.NeverPrepare(id, refusedBy);

    public bool WasRefused(ProfileId id, EngineGeneration generation) => _stock.WasRefused(id, generation);

    public override void Dispose()
    {
        _state.Changed -= _wake.Wake;
        _keys.Reloaded -= _stock.KeepKeys;
        base.Dispose();
        _wake.Dispose();
        _stopping.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await using var sweeps = _clock.CreateTimer(_ => _wake.Wake(), null, SweepInterval, SweepInterval);
        while (!stoppingToken.IsCancellationRequested)
        {
            await _wake.WaitAsync(stoppingToken);
            while (NextRefill() is { } refill)
            {
                if (!await TryRefillAsync(refill, stoppingToken) && _stock.Pause(refill.Need) is { } pause)
                {
                    LogPause(pause);
                }

                // After any outcome: no way through this loop may keep a processor busy.
                await Task.Delay(RefillSpacing, _clock, stoppingToken);
            }
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await _stopping.CancelAsync();
        _stock.Clear();
    }

    /// <summary>The spare to start next. It looks anew each time, because keys and profiles go while a process is started.</summary>
    private Refill? NextRefill()
    {
        if (_stock.Sweep(_state.Current) is { } pause)
        {
            LogPause(pause);
        }

        return _state.Current is { } generation && Volatile.Read(ref _opening) <= 0 && _stock.NextNeed() is { } need
            ? new Refill(generation, need)
            : null;
    }

    private async Task<bool> TryRefillAsync(Refill refill, CancellationToken cancellationToken)
    {
        ClaudeProcess? spare = null;
        try
        {
            var profile = refill.Need.Profile;
            spare = await _processes.StartAsync(
                refill.Generation,
                profile?.Id.Model ?? _completions.DefaultModel,
                profile?.Preparation.Schema is not null,
                cancellationToken
            );
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
                return false;
            }

            if (spare.Ticket is not null)
            {
                _shapes.Accept(
                    spare,
                    await spare.RehearseAsync(
                        TurnExpectation.Rehearsal(spare.Model, preparation, _completions.MaxOutputTokens),
                        cancellationToken
                    )
                );
            }

            return true;
        }
        catch (ClaudeProtocolException exception) when (exception.IsDifference)
        {
            _processes.ReportDifference(spare, id.KeyId, exception.Message);
            return false;
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
            _wake.Wake();
        }
    }

    private void LogPause(TimeSpan pause) =>
        _logger.LogWarning("Spare processes of one kind keep ending by themselves: the next one is started in {Pause}", pause);

    private void Parked(ClaudeProcess spare)
    {
        _logger.LogDebug("Parked {Origin} process {ProcessId}", spare.IsPrepared ? ProcessOrigin.Prepared : ProcessOrigin.Blank, spare.Id);
        _ = spare.Exited.ContinueWith(_ => _wake.Wake(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private sealed record Refill(EngineGeneration Generation, SpareNeed Need);
}
