using System.ComponentModel;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Application.Keys;
using Relay.Domain.Completions;
using Relay.Domain.Models;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>What a spare can be prepared for. It belongs to one key; the system prompt stands in it as its hash.</summary>
internal readonly record struct ProfileId(string KeyId, string Model, string SystemHash)
{
    /// <summary>The profile of a request.</summary>
    public static ProfileId Of(string keyId, ModelName model, PromptText? system) =>
        new(keyId, model.Value, system is null ? string.Empty : Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(system.Value))));
}

/// <summary>A process for one completion.</summary>
/// <param name="Process">The caller's from now on, to be disposed of by it.</param>
/// <param name="Origin">How it came about.</param>
internal sealed record ClaimedProcess(ClaudeProcess Process, ProcessOrigin Origin);

/// <summary>
/// Parked, locked-down, already started processes, each for one completion. Blank spares know nothing of any caller;
/// prepared ones have the model and system prompt that a key repeats. Refilled one at a time in the background, and never
/// while a request waits for a process of its own.
/// </summary>
internal sealed class WarmPool : BackgroundService
{
    /// <summary>A process starts in about 0.4 s of one core: one in that time is what a small machine can spare.</summary>
    private static readonly TimeSpan RefillSpacing = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxAge = TimeSpan.FromHours(1);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LastPause = TimeSpan.FromMinutes(1);

    /// <summary>How many profiles are counted, to learn which repeat.</summary>
    private const int MaxObserved = 1024;

    private readonly EngineState _state;
    private readonly ClaudeProcesses _processes;
    private readonly ClaudeCodeOptions _options;
    private readonly string _defaultModel;
    private readonly IKeyDirectory _keys;
    private readonly TimeProvider _clock;
    private readonly ILogger<WarmPool> _logger;

    private readonly Lock _lock = new();
    private readonly List<ClaudeProcess> _blanks = [];
    private readonly Dictionary<ProfileId, Profile> _profiles = [];
    private readonly SemaphoreSlim _wake = new(0, 1);
    private int _coldStarts;
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
        (_state, _processes, _options, _keys, _clock, _logger) = (state, processes, options.Value, keys, clock, logger);
        _defaultModel = completionOptions.Value.DefaultModel;
        _state.Changed += Wake;
        _keys.Reloaded += DropProfilesOfOtherKeys;
    }

    /// <summary>The best spare there is, or a cold start.</summary>
    /// <exception cref="Win32Exception">A cold start failed.</exception>
    public async Task<ClaimedProcess> ClaimAsync(EngineGeneration generation, ProfileId id, PromptText? system, CancellationToken cancellationToken)
    {
        if (TakeSpare(generation, id, system) is { } spare)
        {
            Wake();
            var origin = spare.IsPrepared ? ProcessOrigin.Prepared : ProcessOrigin.Blank;
            _logger.LogDebug(
                "Pool hit: {Origin} process {ProcessId}, parked for {Age}; {Hits} hits, {Misses} misses so far",
                origin, spare.Id, _clock.GetElapsedTime(spare.StartedAt), Interlocked.Increment(ref _hits), Interlocked.Read(ref _misses));
            return new ClaimedProcess(spare, origin);
        }

        _logger.LogDebug("Pool miss: starting a process; {Hits} hits, {Misses} misses so far", Interlocked.Read(ref _hits), Interlocked.Increment(ref _misses));
        return await StartColdAsync(generation, id.Model, cancellationToken);
    }

    /// <summary>A new process, whatever the pool holds.</summary>
    /// <exception cref="Win32Exception">It can't be started.</exception>
    public async Task<ClaimedProcess> StartColdAsync(EngineGeneration generation, string model, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _coldStarts);
        try
        {
            return new ClaimedProcess(await _processes.StartAsync(generation, model, cancellationToken), ProcessOrigin.Cold);
        }
        catch
        {
            ColdStartEnded();
            throw;
        }
    }

    /// <summary>To be called once for every cold start that came back, when it has shown its <c>init</c> frame or ended.</summary>
    public void ColdStartEnded()
    {
        if (Interlocked.Decrement(ref _coldStarts) == 0)
        {
            Wake();
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _state.Changed -= Wake;
        _keys.Reloaded -= DropProfilesOfOtherKeys;
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
            var died = Sweep();
            var failed = false;
            while (!died && !failed && NextNeed() is { } refill)
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
        lock (_lock)
        {
            _profiles.Values.SelectMany(profile => profile.Spares).Concat(_blanks).ToList().ForEach(_processes.End);
            _blanks.Clear();
            _profiles.Clear();
        }
    }

    private ClaudeProcess? TakeSpare(EngineGeneration generation, ProfileId id, PromptText? system)
    {
        lock (_lock)
        {
            var profile = Observe(id, system);
            return TakeLive(profile.Spares, generation) ?? TakeLive(_blanks, generation);
        }
    }

    /// <summary>The oldest spare that still lives and is of the CLI in use.</summary>
    private static ClaudeProcess? TakeLive(List<ClaudeProcess> spares, EngineGeneration generation)
    {
        var spare = spares.FirstOrDefault(candidate => candidate.Generation == generation && !candidate.Exited.IsCompleted);
        if (spare is not null)
        {
            spares.Remove(spare);
        }

        return spare;
    }

    /// <summary>Counts a use. The system prompt itself is kept only of profiles that repeat.</summary>
    private Profile Observe(ProfileId id, PromptText? system)
    {
        if (!_profiles.TryGetValue(id, out var profile))
        {
            if (_profiles.Count >= MaxObserved)
            {
                var oldest = _profiles.MinBy(pair => pair.Value.LastUsedAt);
                _profiles.Remove(oldest.Key);
                oldest.Value.Spares.ForEach(_processes.End);
            }

            _profiles[id] = profile = new Profile();
        }

        profile.LastUsedAt = _clock.GetTimestamp();
        if (profile.Uses++ > 0)
        {
            profile.System = system;
        }

        return profile;
    }

    /// <summary>Ends spares that are too old, idle, of another CLI or dead; tells whether any had died by itself.</summary>
    private bool Sweep()
    {
        lock (_lock)
        {
            foreach (var (id, _) in _profiles.Where(pair => _clock.GetElapsedTime(pair.Value.LastUsedAt) > _options.WarmIdle).ToList())
            {
                DropProfile(id);
            }

            var wanted = WantedProfiles();
            foreach (var (id, profile) in _profiles.Where(pair => pair.Value.System is not null || pair.Value.Spares.Count > 0))
            {
                if (!wanted.Contains(id))
                {
                    profile.Spares.ForEach(_processes.End);
                    profile.Spares.Clear();
                }
            }

            var died = false;
            foreach (var spares in _profiles.Values.Select(profile => profile.Spares).Append(_blanks))
            {
                foreach (var spare in spares.Where(IsUseless).ToList())
                {
                    died |= spare.Exited.IsCompleted;
                    spares.Remove(spare);
                    _processes.End(spare);
                }
            }

            return died;
        }
    }

    private bool IsUseless(ClaudeProcess spare) =>
        spare.Exited.IsCompleted || spare.Generation != _state.Current || _clock.GetElapsedTime(spare.StartedAt) > MaxAge;

    /// <summary>The profiles that repeat and were used last, within the caps.</summary>
    private HashSet<ProfileId> WantedProfiles() =>
    [
        .. _profiles
            .Where(pair => pair.Value.Uses > 1)
            .OrderByDescending(pair => pair.Value.LastUsedAt)
            .GroupBy(pair => pair.Key.KeyId, StringComparer.Ordinal)
            .SelectMany(group => group.Take(_options.WarmProfilesPerKey))
            .OrderByDescending(pair => pair.Value.LastUsedAt)
            .Take(_options.WarmProfiles)
            .Select(pair => pair.Key),
    ];

    /// <summary>One blank spare first, then what callers repeat, then the other blank ones.</summary>
    private Refill? NextNeed()
    {
        if (_state.Current is not { } generation || Volatile.Read(ref _coldStarts) > 0)
        {
            return null;
        }

        lock (_lock)
        {
            if (_blanks.Count == 0 && _options.WarmProcesses > 0)
            {
                return new Refill(generation, null, null);
            }

            foreach (var id in WantedProfiles())
            {
                if (_profiles[id] is { Spares.Count: 0 } profile)
                {
                    return new Refill(generation, id, profile.System);
                }
            }

            return _blanks.Count < _options.WarmProcesses ? new Refill(generation, null, null) : null;
        }
    }

    private async Task<bool> TryRefillAsync(Refill refill, CancellationToken cancellationToken)
    {
        try
        {
            var spare = await _processes.StartAsync(refill.Generation, refill.Profile?.Model ?? _defaultModel, cancellationToken);
            if (refill.Profile is { } id)
            {
                return await PrepareAsync(spare, id, refill.System, cancellationToken);
            }

            lock (_lock)
            {
                _blanks.Add(spare);
            }

            LogParked(spare);
            _ = spare.Exited.ContinueWith(_ => Wake(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            await Task.Delay(RefillSpacing, _clock, cancellationToken);
            return true;
        }
        catch (Exception exception) when (exception is Win32Exception or IOException)
        {
            _logger.LogWarning(exception, "A spare process could not be started");
            return false;
        }
    }

    private async Task<bool> PrepareAsync(ClaudeProcess spare, ProfileId id, PromptText? system, CancellationToken cancellationToken)
    {
        try
        {
            var found = await spare.PrepareAsync(system, cancellationToken);
            if (found.Violation is { } violation)
            {
                _processes.ReportViolation(spare, id.KeyId, violation);
                return false;
            }

            lock (_lock)
            {
                if (_profiles.TryGetValue(id, out var profile) && profile.Spares.Count == 0)
                {
                    profile.Spares.Add(spare);
                    LogParked(spare);
                    _ = spare.Exited.ContinueWith(_ => Wake(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
                    return true;
                }
            }

            _processes.End(spare);
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

    private void DropProfilesOfOtherKeys(IReadOnlySet<string> activeKeyIds)
    {
        lock (_lock)
        {
            foreach (var id in _profiles.Keys.Where(id => !activeKeyIds.Contains(id.KeyId)).ToList())
            {
                DropProfile(id);
            }
        }
    }

    private void DropProfile(ProfileId id)
    {
        if (_profiles.Remove(id, out var profile))
        {
            profile.Spares.ForEach(_processes.End);
        }
    }

    private void LogParked(ClaudeProcess spare) =>
        _logger.LogDebug("Parked {Origin} process {ProcessId}", spare.IsPrepared ? ProcessOrigin.Prepared : ProcessOrigin.Blank, spare.Id);

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

    private sealed record Refill(EngineGeneration Generation, ProfileId? Profile, PromptText? System);

    private sealed class Profile
    {
        public List<ClaudeProcess> Spares { get; } = [];

        public PromptText? System { get; set; }

        public int Uses { get; set; }

        public long LastUsedAt { get; set; }
    }
}
