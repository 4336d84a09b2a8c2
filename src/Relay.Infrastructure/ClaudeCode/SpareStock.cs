using System.Security.Cryptography;
using System.Text;
using Relay.Domain.Completions;
using Relay.Domain.Models;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>What a process is told before a caller's turn, and can be told while it is parked.</summary>
/// <param name="System">The system prompt; null for none.</param>
/// <param name="Schema">The schema its answer must fit; null for free text.</param>
internal sealed record Preparation(PromptText? System, OutputSchema? Schema)
{
    /// <summary>What a request asks for.</summary>
    public static Preparation Of(CompletionRequest request) => new(request.System, request.Schema);
}

/// <summary>What a spare can be prepared for. It belongs to one key; system prompt and schema stand in it as their hashes.</summary>
internal readonly record struct ProfileId(string KeyId, string Model, string SystemHash, string SchemaHash)
{
    /// <summary>The profile of a request.</summary>
    public static ProfileId Of(string keyId, ModelName model, Preparation preparation) =>
        new(keyId, model.Value, Hash(preparation.System?.Reveal()), Hash(preparation.Schema?.Reveal()));

    private static string Hash(string? text) => text is null ? string.Empty : Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}

/// <summary>A profile with all that its processes are told.</summary>
internal sealed record SpareProfile(ProfileId Id, Preparation Preparation);

/// <summary>A spare that should be started.</summary>
/// <param name="Profile">The profile to prepare it for; null for a blank one.</param>
internal sealed record SpareNeed(SpareProfile? Profile);

/// <summary>
/// Which spares are parked, and which are worth having: a fixed number of blank ones, and one for each of the profiles that
/// repeat and were used last. Keeps the books; starts nothing.
/// </summary>
/// <param name="options">The caps.</param>
/// <param name="clock">For ages.</param>
/// <param name="end">Ends a spare in the background.</param>
internal sealed class SpareStock(ClaudeCodeOptions options, TimeProvider clock, Action<ClaudeProcess> end)
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromHours(1);

    /// <summary>How many profiles are counted, to learn which repeat.</summary>
    private const int MaxObserved = 1024;

    private readonly Lock _lock = new();
    private readonly Shelf _blanks = new();
    private readonly Dictionary<ProfileId, Shelf> _profiles = [];
    private IReadOnlySet<string>? _keyIds;

    /// <summary>How many are parked of either kind, and for how long the oldest has been.</summary>
    public (int Blank, int Prepared, TimeSpan? Oldest) Count
    {
        get
        {
            lock (_lock)
            {
                var prepared = _profiles.Values.SelectMany(profile => profile.Spares).ToList();
                TimeSpan? oldest = _blanks.Spares.Count + prepared.Count == 0
                    ? null
                    : _blanks.Spares.Concat(prepared).Max(spare => clock.GetElapsedTime(spare.StartedAt));
                return (_blanks.Spares.Count, prepared.Count, oldest);
            }
        }
    }

    /// <summary>
    /// Counts a use of the profile, and takes its spare, or else a blank one; null when there is neither. For a schema no blank
    /// one will do: they are started to make a single call of the API.
    /// </summary>
    public ClaudeProcess? Take(EngineGeneration generation, ProfileId id, Preparation preparation)
    {
        lock (_lock)
        {
            if (_keyIds?.Contains(id.KeyId) == false)
            {
                // A request that was let in before its key was revoked: nothing is prepared for that key again.
                return TakeBlank(generation, id.Model, preparation);
            }

            var profile = Observe(id, preparation);
            return TakeLive(profile.Spares, generation) ?? TakeBlank(generation, id.Model, preparation);
        }
    }

    /// <summary>Parks a spare; false when no such spare is wanted any more.</summary>
    /// <param name="spare">Just started.</param>
    /// <param name="id">The profile it was prepared for; null for a blank one.</param>
    public bool TryPark(ClaudeProcess spare, ProfileId? id)
    {
        lock (_lock)
        {
            var (shelf, room) = id is { } wanted ? (_profiles.GetValueOrDefault(wanted), 1) : (_blanks, options.WarmProcesses);
            if (shelf is null || shelf.Spares.Count >= room)
            {
                return false;
            }

            shelf.Spares.Add(spare);
            return true;
        }
    }

    /// <summary>One blank spare first, then the profiles that callers repeat, then the other blank ones; null when all is there or pauses.</summary>
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
                if (_profiles[id] is { Spares.Count: 0, Preparation: { } preparation } profile && !profile.IsPaused(clock))
                {
                    return new SpareNeed(new SpareProfile(id, preparation));
                }
            }

            return mayStartBlank && _blanks.Spares.Count < options.WarmProcesses ? new SpareNeed(null) : null;
        }
    }

    /// <summary>A spare could not be started or prepared: the next of its kind waits, and no other kind does.</summary>
    /// <returns>How long it waits.</returns>
    public TimeSpan? Pause(SpareNeed need)
    {
        lock (_lock)
        {
            return (need.Profile is { } profile ? _profiles.GetValueOrDefault(profile.Id) : _blanks)?.Pause(clock);
        }
    }

    /// <summary>
    /// The profile's schema is too much for a process, or no schema at all: no spare is prepared for it again, as long as the
    /// profile is remembered.
    /// </summary>
    /// <param name="id">The profile.</param>
    /// <param name="refusedBy">The CLI that takes it for no schema; null where it did not get as far.</param>
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

    /// <summary>Whether this CLI has refused the profile's schema: it would do so again, and no process need be started to learn it.</summary>
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

    /// <summary>Ends spares that are too old, idle, of another CLI or dead.</summary>
    /// <returns>How long the kind of spare waits that died by itself; null when none did.</returns>
    public TimeSpan? Sweep(EngineGeneration? current)
    {
        lock (_lock)
        {
            foreach (var id in _profiles.Where(pair => clock.GetElapsedTime(pair.Value.LastUsedAt) > options.WarmIdle).Select(pair => pair.Key).ToList())
            {
                Drop(id);
            }

            var wanted = WantedProfiles();
            foreach (var (_, unwanted) in _profiles.Where(pair => !wanted.Contains(pair.Key)))
            {
                unwanted.Spares.ForEach(end);
                unwanted.Spares.Clear();
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
                    // One that dies while it is parked would die again, and a prepared one may die of its caller's words.
                    pause = shelf.Pause(clock) ?? pause;
                }
            }

            return pause;
        }
    }

    /// <summary>Forgets the profiles of all other keys, which are revoked, and ends their spares. Those of a key that expires go with their idle time.</summary>
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

    /// <summary>Ends every spare.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _profiles.Values.Append(_blanks).SelectMany(shelf => shelf.Spares).ToList().ForEach(end);
            _blanks.Spares.Clear();
            _profiles.Clear();
        }
    }

    /// <summary>
    /// Told to change to a full id, Claude Code tries it with a call that nobody asked for. Started with it, it makes none.
    /// </summary>
    private ClaudeProcess? TakeBlank(EngineGeneration generation, string model, Preparation preparation) =>
        preparation.Schema is null && ModelName.Create(model) is { Error: null, Value: var name } ? TakeLive(_blanks.Spares, generation, blank => name.IsFamily || blank.Model == model) : null;

    /// <summary>The oldest spare that still lives and is of the CLI in use.</summary>
    private static ClaudeProcess? TakeLive(List<ClaudeProcess> spares, EngineGeneration generation, Func<ClaudeProcess, bool>? fits = null)
    {
        var spare = spares.FirstOrDefault(candidate => candidate.Generation == generation && !candidate.Exited.IsCompleted && fits?.Invoke(candidate) != false);
        if (spare is not null)
        {
            spares.Remove(spare);
        }

        return spare;
    }

    /// <summary>Counts a use. The caller's words themselves are kept only of profiles that repeat.</summary>
    private Shelf Observe(ProfileId id, Preparation preparation)
    {
        if (!_profiles.TryGetValue(id, out var profile))
        {
            if (_profiles.Count >= MaxObserved)
            {
                Drop(_profiles.MinBy(pair => pair.Value.LastUsedAt).Key);
            }

            _profiles[id] = profile = new Shelf();
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
    /// The profiles that repeat and were used last, within the caps. One whose words were let go, because it was beyond the caps,
    /// is wanted again only after its next use.
    /// </summary>
    private HashSet<ProfileId> WantedProfiles() =>
    [
        .. _profiles
            .Where(pair => pair.Value.Preparation is not null)
            .OrderByDescending(pair => pair.Value.LastUsedAt)
            .GroupBy(pair => pair.Key.KeyId, StringComparer.Ordinal)
            .SelectMany(group => group.Take(options.WarmProfilesPerKey))
            .OrderByDescending(pair => pair.Value.LastUsedAt)
            .Take(options.WarmProfiles)
            .Select(pair => pair.Key),
    ];

    private void Drop(ProfileId id)
    {
        if (_profiles.Remove(id, out var profile))
        {
            profile.Spares.ForEach(end);
        }
    }

    /// <summary>Spares of one kind, blank or of one profile, and how long the next of them waits after one failed or died.</summary>
    private sealed class Shelf
    {
        private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(2);
        private static readonly TimeSpan LastPause = TimeSpan.FromMinutes(1);

        private TimeSpan _pause;
        private long _pausedAt;

        public List<ClaudeProcess> Spares { get; } = [];

        public bool IsPaused(TimeProvider clock) => clock.GetElapsedTime(_pausedAt) < _pause;

        /// <summary>Each pause is twice as long as the one before; a quiet minute begins anew. Null while it pauses already.</summary>
        public TimeSpan? Pause(TimeProvider clock)
        {
            if (IsPaused(clock))
            {
                return null;
            }

            _pause = _pause > TimeSpan.Zero && clock.GetElapsedTime(_pausedAt) < _pause + LastPause
                ? TimeSpan.FromTicks(Math.Min(_pause.Ticks * 2, LastPause.Ticks))
                : FirstPause;
            _pausedAt = clock.GetTimestamp();
            return _pause;
        }

        /// <summary>What its spares are told; null while it does not repeat, or is beyond the caps.</summary>
        public Preparation? Preparation { get; set; }

        public EngineGeneration? RefusedBy { get; set; }

        public bool IsUnfit { get; set; }

        public int Uses { get; set; }

        public long LastUsedAt { get; set; }
    }
}
