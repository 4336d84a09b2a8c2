using System.Buffers.Text;
using System.Security.Cryptography;
using Relay.Application.Keys;
using Relay.Domain.Keys;

namespace Relay.Api.Dashboard;

/// <summary>
/// The sessions of the dashboard: a random token and a random proof for the secret of a key. All are kept as hashes and in memory only,
/// so that a restart ends all sessions. Only both together open a session: another program on the same host may get the token, which is a
/// cookie, but the proof never leaves the page's origin. A session ends with its key, with the replacement of the secret and its overlap,
/// and with the scope.
/// </summary>
internal sealed class DashboardSessions(IKeyDirectory keys, TimeProvider clock)
{
    /// <summary>Longest time without a request. A visible page asks every few seconds, a hidden one does not.</summary>
    public static readonly TimeSpan IdleLimit = TimeSpan.FromMinutes(30);

    /// <summary>Longest time in total.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    /// <summary>Most sessions. A further one replaces the one that has been idle for longest.</summary>
    public const int MaxSessions = 100;

    private const int TokenBytes = 32;

    private readonly Lock _lock = new();
    private readonly Dictionary<KeyHash, Session> _sessions = [];

    /// <summary>Begins a session of an admin key. Token and proof are 256 random bits each, as base64url, and are not stored.</summary>
    public SessionSecrets Open(KeySecret secret)
    {
        var (token, proof) = (
            Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenBytes)),
            Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenBytes))
        );
        lock (_lock)
        {
            RemoveEnded();
            if (_sessions.Count >= MaxSessions)
            {
                _sessions.Remove(_sessions.MinBy(pair => pair.Value.UsedAt).Key);
            }

            var now = clock.GetTimestamp();
            _sessions.Add(KeyHash.Of(token), new Session(secret.Hash, KeyHash.Of(proof), now) { UsedAt = now });
        }

        return new SessionSecrets(token, proof);
    }

    /// <summary>
    /// Returns the key of a session, and extends its idle time. Null without a session, for one that is over, and for another proof.
    /// </summary>
    public ApiKey? Use(string? token, string? proof)
    {
        if (token is null || proof is null)
        {
            return null;
        }

        var hash = KeyHash.Of(token);
        lock (_lock)
        {
            if (!_sessions.TryGetValue(hash, out var session) || !session.Proof.FixedTimeEquals(KeyHash.Of(proof)))
            {
                return null;
            }

            if (IsOver(session) || keys.Find(session.Secret) is not { } key || !key.Scopes.HasFlag(KeyScopes.Admin))
            {
                _sessions.Remove(hash);
                return null;
            }

            session.UsedAt = clock.GetTimestamp();
            return key;
        }
    }

    public void Close(string? token)
    {
        if (token is not null)
        {
            lock (_lock)
            {
                _sessions.Remove(KeyHash.Of(token));
            }
        }
    }

    private bool IsOver(Session session) =>
        clock.GetElapsedTime(session.UsedAt) >= IdleLimit || clock.GetElapsedTime(session.OpenedAt) >= Lifetime;

    private void RemoveEnded()
    {
        foreach (var (hash, _) in _sessions.Where(pair => IsOver(pair.Value)).ToList())
        {
            _sessions.Remove(hash);
        }
    }

    private sealed class Session(KeyHash secret, KeyHash proof, long openedAt)
    {
        public KeyHash Secret { get; } = secret;

        public KeyHash Proof { get; } = proof;

        public long OpenedAt { get; } = openedAt;

        public long UsedAt { get; set; }
    }
}

/// <summary>The two halves of a session: the value of the cookie, and the value for the page's own storage.</summary>
internal readonly record struct SessionSecrets(string Token, string Proof)
{
    public override string ToString() => "***";
}

/// <summary>Marks routes that accept a session of the dashboard in place of a key.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class AcceptsSessionAttribute : Attribute;
