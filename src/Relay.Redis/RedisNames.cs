using System.Globalization;
using Relay.Domain.Quotas;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>
/// The names of everything in the shared state. All share one hash tag, so that a script may touch any of them in Redis Cluster.
/// </summary>
internal sealed class RedisNames(string prefix)
{
    private static readonly int FirstDay = DateOnly.FromDateTime(DateTimeOffset.UnixEpoch.UtcDateTime).DayNumber;

    private readonly string _prefix = $"{{{prefix}}}:";

    /// <summary>The channel of news: <c>keys</c>, and <c>place</c> with a member of <see cref="Open"/>.</summary>
    public string Channel => _prefix + "news";

    public RedisKey Relays => _prefix + "relays";

    public RedisKey Fleet => _prefix + "fleet";

    public RedisKey Keys => _prefix + "keys";

    public RedisKey KeysVersion => _prefix + "keys:version";

    public RedisKey KeysChanged => _prefix + "keys:changed";

    public RedisKey LastUse => _prefix + "last";

    /// <summary>Members: see <see cref="MemberOf"/>.</summary>
    public RedisKey Open => _prefix + "open";

    /// <summary>The names of kept answers, by the time at which they were kept.</summary>
    public RedisKey AnswersByAge => _prefix + "kept:age";

    /// <summary>The holder, the time and the bytes of each kept answer, by its name.</summary>
    public RedisKey AnswerEntries => _prefix + "kept:entries";

    /// <summary>Kept answers in the order of their holders, and within a holder by age.</summary>
    public RedisKey AnswersByHolder => _prefix + "kept:order";

    /// <summary>The bytes of each holder.</summary>
    public RedisKey AnswerHolders => _prefix + "kept:holders";

    /// <summary>The bytes of all kept answers.</summary>
    public RedisKey AnswerBytes => _prefix + "kept:bytes";

    /// <summary>The names that versions without holders used.</summary>
    public RedisKey[] OldAnswers => [_prefix + "answers", _prefix + "answers:bytes"];

    public RedisKey Counters(string member) => $"{_prefix}c:{member}";

    public RedisKey Totals(QuotaBucket bucket) => $"{_prefix}t:{bucket.WireName()}";

    public RedisKey Usage(int day, string keyId) => string.Create(CultureInfo.InvariantCulture, $"{_prefix}u:{day}:{keyId}");

    public RedisKey KeysOfDay(int day) => string.Create(CultureInfo.InvariantCulture, $"{_prefix}d:{day}");

    /// <summary>Written by <c>doctor</c>, to test whether the state can be written.</summary>
    public RedisKey Probe => _prefix + "probe";

    public RedisKey Answer(string name) => $"{_prefix}i:{name}";

    public RedisKey UpstreamLimits(string login) => $"{_prefix}l:{login}";

    /// <summary>A key in one bucket.</summary>
    public static string MemberOf(string keyId, QuotaBucket bucket) => $"{keyId}|{bucket.WireName()}";

    /// <summary>The key and the bucket of a member.</summary>
    public static (string KeyId, QuotaBucket Bucket) ParseMember(string member)
    {
        var parts = member.Split('|');
        return (parts[0], QuotaBuckets.Parse(parts[^1]));
    }

    /// <summary>The beginning of the fields of one row of a key's usage.</summary>
    public static string RowOf(QuotaBucket bucket, string? model) => $"{bucket.WireName()}|{model}|";

    /// <summary>The bucket, the model (null for pages) and the number's letter of a field of usage.</summary>
    public static (QuotaBucket Bucket, string? Model, string Number) ParseField(string field)
    {
        var parts = field.Split('|');
        return (QuotaBuckets.Parse(parts[0]), parts[1].Length == 0 ? null : parts[1], parts[2]);
    }

    /// <summary>The number of a day, as the scripts count days.</summary>
    public static int ToNumber(DateOnly day) => day.DayNumber - FirstDay;

    /// <summary>The day of a number.</summary>
    public static DateOnly ToDay(long number) => DateOnly.FromDayNumber((int)number + FirstDay);
}
