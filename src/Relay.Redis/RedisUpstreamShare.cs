using System.Globalization;
using Relay.Application.Quotas;
using Relay.Infrastructure.ClaudeCode;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>
/// Shares the limits of one Claude login between its relays: a hash named by the login's fingerprint, read with each pulse.
/// </summary>
internal sealed class RedisUpstreamShare : IUpstreamShare
{
    /// <summary>Longer than any limit that Anthropic has: a week.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(8);

    private readonly RedisLink _link;
    private readonly Outbox _outbox;
    private readonly LoginFingerprint _login;

    public RedisUpstreamShare(RedisLink link, FleetView fleet, Outbox outbox, LoginFingerprint login)
    {
        (_link, _outbox, _login) = (link, outbox, login);
        fleet.Heard += (_, limits) => Heard?.Invoke([.. limits.Select(Parse).OfType<SharedLimit>()]);
    }

    public event Action<IReadOnlyList<SharedLimit>>? Heard;

    public void Tell(SharedLimit limit)
    {
        var name = _link.Names.UpstreamLimits(_login.Value);
        var value = string.Create(
            CultureInfo.InvariantCulture,
            $"{limit.Until.ToUnixTimeMilliseconds()} {(long)limit.Backoff.TotalMilliseconds}"
        );
        _outbox.Post(async database =>
        {
            await database.HashSetAsync(name, FieldOf(limit), value);
            await database.KeyExpireAsync(name, Longest);
        });
    }

    public void TellOver(SharedLimit limit) =>
        _outbox.Post(database => database.HashDeleteAsync(_link.Names.UpstreamLimits(_login.Value), FieldOf(limit)));

    private static string FieldOf(SharedLimit limit) => $"{limit.Kind}|{limit.Scope}";

    private static SharedLimit? Parse(HashEntry entry)
    {
        var (name, numbers) = (entry.Name.ToString().Split('|'), entry.Value.ToString().Split(' '));
        return
            name.Length == 2
            && numbers.Length == 2
            && long.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out var until)
            && long.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out var backoff)
            ? new SharedLimit(
                name[0].Length == 0 ? null : name[0],
                name[1],
                DateTimeOffset.FromUnixTimeMilliseconds(until),
                TimeSpan.FromMilliseconds(backoff)
            )
            : null;
    }
}
