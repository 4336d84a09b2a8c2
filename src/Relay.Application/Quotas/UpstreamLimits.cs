using Relay.Domain;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Application.Quotas;

/// <summary>A limit of the Claude account that is in force now.</summary>
/// <param name="Kind">In Anthropic's words, such as <c>five_hour</c>; null where it named none.</param>
/// <param name="Family">The model family that it covers; null for all models.</param>
/// <param name="Until">UTC; when the relay tries again.</param>
public sealed record AccountLimit(string? Kind, string? Family, DateTimeOffset Until);

/// <summary>
/// Remembers limits that the Claude account itself has run into, so that what they cover is refused at once instead of tried
/// again and again. After a limit's reset one request at a time tries whether it is over.
/// </summary>
internal sealed class UpstreamLimits
{
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LastBackoff = TimeSpan.FromMinutes(15);

    /// <summary>How soon a probe is likely to be over.</summary>
    private static readonly TimeSpan ProbeRetry = TimeSpan.FromSeconds(5);

    private readonly TimeProvider _clock;
    private readonly IUpstreamShare? _share;
    private readonly Lock _lock = new();
    private readonly Dictionary<(string? Kind, string Scope), Limit> _limits = [];

    /// <param name="clock">What waits are measured by.</param>
    /// <param name="share">What others know of the same account; null for a relay by itself.</param>
    public UpstreamLimits(TimeProvider clock, IUpstreamShare? share = null)
    {
        (_clock, _share) = (clock, share);
        if (share is not null)
        {
            share.Heard += Hear;
        }
    }

    /// <summary>The limits in force now, that which lasts longest first.</summary>
    public IReadOnlyList<AccountLimit> InForce
    {
        get
        {
            var now = _clock.GetUtcNow();
            lock (_lock)
            {
                return
                [
                    .. _limits
                        .Values.Where(limit => limit.Until > now)
                        .OrderByDescending(limit => limit.Until)
                        .Select(limit => new AccountLimit(limit.Kind, limit.Scope == All ? null : limit.Scope, limit.Until)),
                ];
            }
        }
    }

    /// <summary>Why a request for this model would be refused now; null when it would not. Starts no probe.</summary>
    public RelayError? Find(ModelName model)
    {
        lock (_lock)
        {
            return Longest(Covering(model));
        }
    }

    /// <summary>Lets a request for this model go on, as a probe where a limit may be over; or says why not.</summary>
    public Result<UpstreamPass> Enter(ModelName model)
    {
        lock (_lock)
        {
            var limits = Covering(model).ToList();
            if (Longest(limits) is { } refusal)
            {
                return refusal;
            }

            foreach (var limit in limits)
            {
                limit.IsProbed = true;
            }

            return new UpstreamPass(model, limits);
        }
    }

    /// <summary>What came of a request that was let through.</summary>
    public void Report(UpstreamPass pass, Spending spending, bool succeeded)
    {
        lock (_lock)
        {
            foreach (var limit in pass.Probed)
            {
                limit.IsProbed = false;
                if (succeeded)
                {
                    _limits.Remove((limit.Kind, limit.Scope));
                    _share?.TellOver(limit.ToShared());
                }
            }

            if (spending.HitLimit is { } hit)
            {
                Remember(pass.Model, hit);
            }
        }
    }

    /// <summary>Without a kind, or of one that is not about one family, see <see cref="UpstreamLimit.Kind"/>.</summary>
    private static string ScopeOf(ModelName model, UpstreamLimit hit) =>
        hit.Kind switch
        {
            // An API key's limits are counted by family, and come without a name.
            null => model.Family,
            var kind when kind.EndsWith("_opus", StringComparison.Ordinal) => "opus",
            var kind when kind.EndsWith("_sonnet", StringComparison.Ordinal) => "sonnet",
            var kind when kind.EndsWith("_haiku", StringComparison.Ordinal) => "haiku",
            _ => All,
        };

    private const string All = "";

    /// <summary>What others met counts here; what they told of and found to be over is over.</summary>
    private void Hear(IReadOnlyList<SharedLimit> shared)
    {
        lock (_lock)
        {
            foreach (var told in shared)
            {
                if (!_limits.TryGetValue((told.Kind, told.Scope), out var limit))
                {
                    _limits[(told.Kind, told.Scope)] = limit = new Limit(told.Kind, told.Scope);
                }

                limit.IsShared = true;
                if (told.Until > limit.Until)
                {
                    (limit.Until, limit.Backoff) = (told.Until, told.Backoff);
                }
            }

            foreach (
                var over in _limits
                    .Values.Where(limit =>
                        limit.IsShared && !limit.IsProbed && !shared.Any(told => told.Kind == limit.Kind && told.Scope == limit.Scope)
                    )
                    .ToList()
            )
            {
                _limits.Remove((over.Kind, over.Scope));
            }
        }
    }

    private void Remember(ModelName model, UpstreamLimit hit)
    {
        var limit = Note(model, hit);
        _share?.Tell(limit.ToShared());
    }

    private Limit Note(ModelName model, UpstreamLimit hit)
    {
        var scope = ScopeOf(model, hit);
        var now = _clock.GetUtcNow();
        if (!_limits.TryGetValue((hit.Kind, scope), out var limit))
        {
            _limits[(hit.Kind, scope)] = limit = new Limit(hit.Kind, scope);
        }

        if (hit.ResetsAt is { } reset && reset > now)
        {
            limit.Until = reset;
            return limit;
        }

        // Those that were on their way when the limit was met come back with it, too: no longer pause for them.
        if (limit.Until <= now)
        {
            limit.Backoff =
                limit.Backoff == TimeSpan.Zero ? FirstBackoff : TimeSpan.FromTicks(Math.Min(limit.Backoff.Ticks * 2, LastBackoff.Ticks));
            limit.Until = now + limit.Backoff;
        }

        return limit;
    }

    private IEnumerable<Limit> Covering(ModelName model) =>
        _limits.Values.Where(limit => limit.Scope == All || limit.Scope == model.Family);

    /// <summary>Who waits as long as one limit says must not find another still in force.</summary>
    private RelayError? Longest(IEnumerable<Limit> limits) =>
        limits.Select(Refusal).OfType<RelayError>().MaxBy(refusal => refusal.RetryAfter);

    private RelayError? Refusal(Limit limit)
    {
        var wait = limit.Until - _clock.GetUtcNow();
        if (wait <= TimeSpan.Zero && !limit.IsProbed)
        {
            return null;
        }

        return new RelayError(
            ErrorCode.UpstreamRateLimited,
            limit.Scope == All
                ? "The Claude account behind the relay has reached its own limit. Wait for it to reset."
                : $"The Claude account behind the relay has reached its own limit for {limit.Scope}. Wait for it to reset, or use "
                    + $"another model.",
            RetryAfter: wait > TimeSpan.Zero ? wait : ProbeRetry
        );
    }

    /// <summary>One remembered limit.</summary>
    internal sealed class Limit(string? kind, string scope)
    {
        /// <summary>In Anthropic's words; null where it had none.</summary>
        public string? Kind { get; } = kind;

        /// <summary>A model family, or empty for all models.</summary>
        public string Scope { get; } = scope;

        /// <summary>UTC; after it, one request at a time may try.</summary>
        public DateTimeOffset Until { get; set; }

        /// <summary>The last pause that nobody named.</summary>
        public TimeSpan Backoff { get; set; }

        /// <summary>Whether a request is trying now.</summary>
        public bool IsProbed { get; set; }

        /// <summary>Whether the whole fleet knows it: then it is over for all when it is for one.</summary>
        public bool IsShared { get; set; }

        /// <summary>As others are told of it.</summary>
        public SharedLimit ToShared() => new(Kind, Scope, Until, Backoff);
    }
}

/// <summary>Leave to call Anthropic's API.</summary>
/// <param name="Model">For this model.</param>
/// <param name="Probed">The limits that this request tries.</param>
internal sealed record UpstreamPass(ModelName Model, IReadOnlyList<UpstreamLimits.Limit> Probed);
