using Relay.Domain.Models;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Keeps account of the spares: a fixed number of blank ones, and those that belong to a profile, because they have served it or are
/// prepared for it. Starts no process.
/// </summary>
internal sealed class SpareStock(ClaudeCodeOptions options, TimeProvider clock, Action<ClaudeProcess> end)
{
    public static readonly TimeSpan MaxAge = TimeSpan.FromHours(1);

    /// <summary>The time after which the spare of an unused profile ends.</summary>
    private static readonly TimeSpan LongestIdle = TimeSpan.FromMinutes(10);

    /// <summary>Number of profiles that are counted, to learn which repeat.</summary>
    private const int MaxObserved = 1024;

    private readonly Lock _lock = new();
    private readonly SpareShelf _blanks = new();
    private readonly Dictionary<ProfileId, SpareShelf> _profiles = [];
    private IReadOnlySet<string>? _keyIds;

    /// <summary>Number of parked spares of either kind, and the age of the oldest.</summary>
    public (int Blank, int Prepared, TimeSpan? Oldest) Count
    {
        get
        {
            lock (_lock)
            {
                var prepared = _profiles.Values.SelectMany(profile => profile.Spares).ToList();
                TimeSpan? oldest =
                    _blanks.Spares.Count + prepared.Count == 0
                        ? null
                        : _blanks.Spares.Concat(prepared).Max(spare => clock.GetElapsedTime(spare.StartedAt));
                return (_blanks.Spares.Count, prepared.Count, oldest);
            }
        }
    }

    /// <summary>
    /// Counts a use of the profile, and takes its spare, or else a blank one. Without either, <paramref name="returning"/> gives a process
    /// that is being taken back; its result is null when it can't serve again.
    /// </summary>
    public ClaudeProcess? Take(
        EngineGeneration generation,
        ProfileId id,
        Preparation preparation,
        out Task<ClaudeProcess?>? returning,
        CancellationToken cancellationToken
    )
    {
        lock (_lock)
        {
            returning = null;
            if (_keyIds?.Contains(id.KeyId) == false)
            {
                // The request was let in before its key was revoked: no spare is kept for that key again.
                return TakeBlank(generation, id.Model, preparation);
            }

            var profile = Observe(id, preparation);
            profile.InUse++;
            if (TakeLive(profile.Spares, generation) is { } spare)
            {
                return spare;
            }

            return profile.TryAwaitReturn(generation, out returning, cancellationToken)
                ? null
                : TakeBlank(generation, id.Model, preparation);
        }
    }

    /// <summary>
    /// A blank spare; null for none. A request with a schema gets none, because blank spares are started for a single call of the API. A
    /// change to a full id makes Claude Code try the model with a call that no caller asked for. A start with that id makes no such call.
    /// </summary>
    public ClaudeProcess? TakeBlank(EngineGeneration generation, string model, Preparation preparation)
    {
        lock (_lock)
        {
            return preparation.Schema is null && ModelName.Create(model) is { Error: null, Value: var name }
                ? TakeLive(_blanks.Spares, generation, blank => name.IsFamily || blank.Model == model)
                : null;
        }
    }

    /// <summary>Notes that a process was started for the profile, apart from the stock.</summary>
    public void BeginUse(ProfileId id)
    {
        lock (_lock)
        {
            if (_profiles.TryGetValue(id, out var profile))
            {
                profile.InUse++;
            }
        }
    }

    /// <summary>Notes that a process of the profile has ended, or that a request did not get one.</summary>
    public void EndUse(ProfileId id)
    {
        lock (_lock)
        {
            if (_profiles.TryGetValue(id, out var profile))
            {
                profile.InUse = Math.Max(0, profile.InUse - 1);
            }
        }
    }

    /// <summary>Notes that a process of the profile is being taken back. <see cref="EndReturn"/> must follow.</summary>
    public void BeginReturn(ProfileId id)
    {
        lock (_lock)
        {
            if (_profiles.TryGetValue(id, out var profile))
            {
                profile.InUse = Math.Max(0, profile.InUse - 1);
                profile.Returning++;
            }
        }
    }

    /// <summary>Takes a process back (null: it can't serve again) for a waiting request or to be parked. False: not wanted.</summary>
    public bool EndReturn(ClaudeProcess? process, ProfileId id)
    {
        lock (_lock)
        {
            if (!_profiles.TryGetValue(id, out var profile))
            {
                return false;
            }

            profile.Returning = Math.Max(0, profile.Returning - 1);
            var isTaken = process is not null && !process.Exited.IsCompleted && (profile.TryHandOver(process) || TryPark(process, profile));
            profile.ReleaseHopeless();
            return isTaken;
        }
    }

    /// <summary>Parks a spare that was just started; false when no such spare is wanted any more.</summary>
    public bool TryPark(ClaudeProcess spare, ProfileId? id)
    {
        lock (_lock)
        {
            if (id is { } wanted)
            {
                return _profiles.GetValueOrDefault(wanted) is { Spares.Count: 0 } profile && TryPark(spare, profile);
            }

            if (_blanks.Spares.Count >= options.WarmProcesses)
            {
                return false;
            }

            _blanks.Spares.Add(spare);
            return true;
        }
    }

    /// <summary>One blank spare first, then those of repeated profiles, then the other blank ones; null when full or paused.</summary>
    public SpareNeed? NextNeed()
    {
        lock (_lock)
        {
            var mayStartBlank = !_blanks.IsPaused(clock);
            if (mayStartBlank && _blanks.Spares.Count == 0 && options.WarmProcesses > 0)
            {
                return new SpareNeed(null);
            }

            foreach (var id in WantedProfiles())
            {
                // A process that serves now comes back by itself.
                if (
                    _profiles[id] is { Spares.Count: 0, Returning: 0, Preparation: { } preparation } profile
                    && (profile.InUse == 0 || !options.ReusesProcesses)
                    && !profile.IsPaused(clock)
                )
                {
                    return new SpareNeed(new SpareProfile(id, preparation));
                }
            }

            return mayStartBlank && _blanks.Spares.Count < options.WarmProcesses ? new SpareNeed(null) : null;
        }
    }

    /// <summary>Pauses after a spare could not be started or prepared. Only spares of its kind wait.</summary>
    public TimeSpan? Pause(SpareNeed need)
    {
        lock (_lock)
        {
            return (need.Profile is { } profile ? _profiles.GetValueOrDefault(profile.Id) : _blanks)?.Pause(clock);
        }
    }

    /// <summary>Never prepares a spare for this profile again: its schema is invalid, or too much for a process.</summary>
    public void NeverPrepare(ProfileId id, EngineGeneration? refusedBy)
    {
        lock (_lock)
        {
            if (_profiles.TryGetValue(id, out var profile))
            {
                (profile.IsUnfit, profile.RefusedBy, profile.Preparation) = (true, refusedBy ?? profile.RefusedBy, null);
            }
        }
    }

    /// <summary>Whether this executable has refused the profile's schema, so that no process need be started for it.</summary>
    public bool WasRefused(ProfileId id, EngineGeneration generation)
    {
        lock (_lock)
        {
            if (!_profiles.TryGetValue(id, out var profile) || profile.RefusedBy != generation)
            {
                return false;
            }

            profile.LastUsedAt = clock.GetTimestamp();
            return true;
        }
    }

    /// <summary>Ends spares that are too old, idle, of another executable or dead.</summary>
    /// <returns>The pause of the kind of spare that died by itself; null when none did.</returns>
    public TimeSpan? Sweep(EngineGeneration? current)
    {
        lock (_lock)
        {
            foreach (
                var id in _profiles
                    .Where(pair => pair.Value is { InUse: 0, Returning: 0 } && clock.GetElapsedTime(pair.Value.LastUsedAt) > LongestIdle)
                    .Select(pair => pair.Key)
                    .ToList()
            )
            {
                Drop(id);
            }

            var wanted = WantedProfiles();
            foreach (var (_, unwanted) in _profiles.Where(pair => !wanted.Contains(pair.Key)))
            {
                unwanted.Preparation = null;
            }

            TimeSpan? pause = null;
            foreach (var shelf in _profiles.Values.Append(_blanks))
            {
                var useless = shelf.Spares.Where(spare => IsUseless(spare, current)).ToList();
                useless.ForEach(spare => shelf.Spares.Remove(spare));
                useless.ForEach(end);
                if (useless.Exists(spare => spare.Exited.IsCompleted))
                {
                    // A spare that dies while it is parked would die again. A prepared one may die of its caller's words.
                    pause = shelf.Pause(clock) ?? pause;
                }
            }

            return pause;
        }
    }

    /// <summary>Forgets the profiles of revoked keys, and ends their spares. Those of expired keys end with their idle time.</summary>
    public void KeepKeys(IReadOnlySet<string> keyIds)
    {
        lock (_lock)
        {
            _keyIds = keyIds;
            foreach (var id in _profiles.Keys.Where(id => !keyIds.Contains(id.KeyId)).ToList())
            {
                Drop(id);
            }
        }
    }

    public void Clear()
    {
        lock (_lock)
        {
            _blanks.Spares.ForEach(end);
            _blanks.Spares.Clear();
            foreach (var id in _profiles.Keys.ToList())
            {
                Drop(id);
            }
        }
    }

    private static ClaudeProcess? TakeLive(List<ClaudeProcess> spares, EngineGeneration generation, Func<ClaudeProcess, bool>? fits = null)
    {
        var spare = spares.FirstOrDefault(candidate =>
            candidate.Generation == generation
            && !candidate.Exited.IsCompleted
            && candidate.Ticket?.IsSpoilt != true
            && fits?.Invoke(candidate) != false
        );
        if (spare is not null)
        {
            spares.Remove(spare);
        }

        return spare;
    }

    /// <summary>Parks a profile's spare. At the cap it ends the longest unused one of the key with the most spares.</summary>
    private bool TryPark(ClaudeProcess spare, SpareShelf profile)
    {
        if (options.WarmProfiles == 0)
        {
            return false;
        }

        profile.Spares.Add(spare);
        if (_profiles.Values.Sum(shelf => shelf.Spares.Count) > options.WarmProfiles)
        {
            var loser = _profiles
                .Where(pair => pair.Value.Spares.Count > 0)
                .GroupBy(pair => pair.Key.KeyId, StringComparer.Ordinal)
                .MaxBy(group => group.Sum(pair => pair.Value.Spares.Count))!
                .MinBy(pair => pair.Value.LastUsedAt)
                .Value.Spares;
            end(loser[0]);
            loser.RemoveAt(0);
        }

        return true;
    }

    /// <summary>Counts a use. The caller's words are kept only for profiles that repeat.</summary>
    private SpareShelf Observe(ProfileId id, Preparation preparation)
    {
        if (!_profiles.TryGetValue(id, out var profile))
        {
            if (_profiles.Count >= MaxObserved)
            {
                Drop(_profiles.MinBy(pair => pair.Value.LastUsedAt).Key);
            }

            _profiles[id] = profile = new SpareShelf();
        }

        profile.LastUsedAt = clock.GetTimestamp();
        if (profile.Uses++ > 0 && !profile.IsUnfit)
        {
            profile.Preparation = preparation;
        }

        return profile;
    }

    private bool IsUseless(ClaudeProcess spare, EngineGeneration? current) =>
        spare.Exited.IsCompleted || spare.Generation != current || clock.GetElapsedTime(spare.StartedAt) > MaxAge;

    /// <summary>
    /// The profiles that repeat and were used last, within the caps: one key has at most half of them. A profile beyond the caps, whose
    /// words were dropped, is wanted again only after its next use.
    /// </summary>
    private HashSet<ProfileId> WantedProfiles() =>
        [
            .. _profiles
                .Where(pair => pair.Value.Preparation is not null)
                .OrderByDescending(pair => pair.Value.LastUsedAt)
                .GroupBy(pair => pair.Key.KeyId, StringComparer.Ordinal)
                .SelectMany(group => group.Take(Math.Max(1, options.WarmProfiles / 2)))
                .OrderByDescending(pair => pair.Value.LastUsedAt)
                .Take(options.WarmProfiles)
                .Select(pair => pair.Key),
        ];

    private void Drop(ProfileId id)
    {
        if (_profiles.Remove(id, out var profile))
        {
            profile.Spares.ForEach(end);
            profile.Returning = 0;
            profile.ReleaseHopeless();
        }
    }
}
