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

/// <summary>A spare that should be started.</summary>
/// <param name="Profile">What to prepare it for; null for a blank one.</param>
/// <param name="Preparation">What that profile's processes are told.</param>
internal sealed record SpareNeed(ProfileId? Profile, Preparation? Preparation);

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
    private readonly List<ClaudeProcess> _blanks = [];
    private readonly Dictionary<ProfileId, Profile> _profiles = [];
    private IReadOnlySet<string>? _keyIds;

    /// <summary>How many are parked of either kind, and for how long the oldest has been.</summary>
    public (int Blank, int Prepared, TimeSpan? Oldest) Count
    {
        get
        {
            lock (_lock)
            {
                var prepared = _profiles.Values.SelectMany(profile => profile.Spares).ToList();
                TimeSpan? oldest = _blanks.Count + prepared.Count == 0 ? null : _blanks.Concat(prepared).Max(spare => clock.GetElapsedTime(spare.StartedAt));
                return (_blanks.Count, prepared.Count, oldest);
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

    /// <summary>Parks a blank spare.</summary>
    public void Park(ClaudeProcess blank)
    {
        lock (_lock)
        {
            _blanks.Add(blank);
        }
    }

    /// <summary>Parks a prepared spare; false when its profile is wanted no more.</summary>
    public bool TryPark(ClaudeProcess prepared, ProfileId id)
    {
        lock (_lock)
        {
            if (!_profiles.TryGetValue(id, out var profile) || profile.Spares.Count > 0)
            {
                return false;
            }

            profile.Spares.Add(prepared);
            return true;
        }
    }

    /// <summary>One blank spare first, then what callers repeat, then the other blank ones; null when all is there.</summary>
    public SpareNeed? NextNeed()
    {
        lock (_lock)
        {
            if (_blanks.Count == 0 && options.WarmProcesses > 0)
            {
                return new SpareNeed(null, null);
            }

            foreach (var id in WantedProfiles())
            {
                if (_profiles[id] is { Spares.Count: 0 } profile)
                {
                    return new SpareNeed(id, profile.Preparation);
                }
            }

            return _blanks.Count < options.WarmProcesses ? new SpareNeed(null, null) : null;
        }
    }

    /// <summary>Ends spares that are too old, idle, of another CLI or dead; tells whether any had died by itself.</summary>
    public bool Sweep(EngineGeneration? current)
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

            var died = false;
            foreach (var spares in _profiles.Values.Select(profile => profile.Spares).Append(_blanks))
            {
                foreach (var spare in spares.Where(spare => IsUseless(spare, current)).ToList())
                {
                    died |= spare.Exited.IsCompleted;
                    spares.Remove(spare);
                    end(spare);
                }
            }

            return died;
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
            _profiles.Values.SelectMany(profile => profile.Spares).Concat(_blanks).ToList().ForEach(end);
            _blanks.Clear();
            _profiles.Clear();
        }
    }

    /// <summary>
    /// Told to change to a full id, Claude Code tries it with a call that nobody asked for. Started with it, it makes none.
    /// </summary>
    private ClaudeProcess? TakeBlank(EngineGeneration generation, string model, Preparation preparation) =>
        preparation.Schema is null && ModelName.Create(model) is { Error: null, Value: var name } ? TakeLive(_blanks, generation, blank => name.IsFamily || blank.Model == model) : null;

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
    private Profile Observe(ProfileId id, Preparation preparation)
    {
        if (!_profiles.TryGetValue(id, out var profile))
        {
            if (_profiles.Count >= MaxObserved)
            {
                Drop(_profiles.MinBy(pair => pair.Value.LastUsedAt).Key);
            }

            _profiles[id] = profile = new Profile();
        }

        profile.LastUsedAt = clock.GetTimestamp();
        if (profile.Uses++ > 0)
        {
            profile.Preparation = preparation;
        }

        return profile;
    }

    private bool IsUseless(ClaudeProcess spare, EngineGeneration? current) =>
        spare.Exited.IsCompleted || spare.Generation != current || clock.GetElapsedTime(spare.StartedAt) > MaxAge;

    /// <summary>The profiles that repeat and were used last, within the caps.</summary>
    private HashSet<ProfileId> WantedProfiles() =>
    [
        .. _profiles
            .Where(pair => pair.Value.Uses > 1)
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

    private sealed class Profile
    {
        public List<ClaudeProcess> Spares { get; } = [];

        public Preparation? Preparation { get; set; }

        public int Uses { get; set; }

        public long LastUsedAt { get; set; }
    }
}
