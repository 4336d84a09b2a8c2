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
/// Remembers limits that the Claude account itself has run into. Requests that a limit covers are refused at once instead of tried again
/// and again. After a limit's reset, one request at a time tries whether the limit is over.
/// </summary>
internal sealed class UpstreamLimits
{
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LastBackoff = TimeSpan.FromMinutes(15);

    /// <summary>The likely time until a probe is over.</summary>
    private static readonly TimeSpan ProbeRetry = TimeSpan.FromSeconds(5);

    private readonly TimeProvider _clock;
    private readonly IUpstreamShare? _share;
    private readonly Lock _lock = new();
    private readonly Dictionary<(string? Kind, string Scope), Limit> _limits = [];

    /// <param name="clock">Measures the waits.</param>
    /// <param name="share">The limits that other relays know of the same account; null for a single relay.</param>
    public UpstreamLimits(TimeProvider clock, IUpstreamShare? share = null)
    {
        (_clock, _share) = (clock, share);
        if (share is not null)
        {
            share.Heard += Hear;
        }
    }

    /// <summary>The limits in force now, the longest first.</summary>
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

    /// <summary>The refusal that a request for this model would get now; null for none. Starts no probe.</summary>
    public RelayError? Find(ModelName model)
    {
        lock (_lock)
        {
            return Longest(Covering(model));
        }
    }

    /// <summary>Lets a request for this model pass, as a probe where a limit may be over; or returns the refusal.</summary>
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

    /// <summary>Takes in the outcome of a request that was let pass.</summary>
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

    /// <summary>The model family that a limit covers; empty for a limit that covers all models.</summary>
    private static string ScopeOf(ModelName model, UpstreamLimit hit) =>
        hit.Kind switch
        {
            // An API key's limits are counted by family, and have no name.
            null => model.Family,
            var kind when kind.EndsWith("_opus", StringComparison.Ordinal) => "opus",
            var kind when kind.EndsWith("_sonnet", StringComparison.Ordinal) => "sonnet",
            var kind when kind.EndsWith("_haiku", StringComparison.Ordinal) => "haiku",
            _ => All,
        };

    private const string All = "";

    /// <summary>Takes in the limits that other relays met. A shared limit that they no longer report is over.</summary>
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

        // Only the first request that meets the limit lengthens the pause. Others were on their way already.
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

    /// <summary>The refusal with the longest wait: a caller who waits for one limit must not meet another.</summary>
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

        /// <summary>The last pause for which Anthropic named no time.</summary>
        public TimeSpan Backoff { get; set; }

        public bool IsProbed { get; set; }

        /// <summary>Whether the whole fleet knows it: then it ends for all relays when it ends for one.</summary>
        public bool IsShared { get; set; }

        public SharedLimit ToShared() => new(Kind, Scope, Until, Backoff);
    }
}

/// <summary>Permission to call Anthropic's API.</summary>
internal sealed record UpstreamPass(ModelName Model, IReadOnlyList<UpstreamLimits.Limit> Probed);
