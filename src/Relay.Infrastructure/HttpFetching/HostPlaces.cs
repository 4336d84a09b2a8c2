using System.Threading.RateLimiting;
using Relay.Application.Fetching;

namespace Relay.Infrastructure.HttpFetching;

/// <summary>
/// The places at each host: a few pages of a host are fetched at once, and one key never has the last place. The time that places are
/// held is measured as long as a host has any.
/// </summary>
internal sealed class HostPlaces : IDisposable
{
    /// <summary>Requests that wait at a host, besides those that have a place there.</summary>
    public const int MaxWaiting = 64;

    /// <summary>The weight of the last page in the average time of a page.</summary>
    private const double Newest = 0.3;

    /// <summary>The assumed time of a page before one was measured.</summary>
    private static readonly TimeSpan LeastHeld = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _clock;
    private readonly int _places;
    private readonly TimeSpan _timeout;
    private readonly PartitionedRateLimiter<(string Host, string Caller)> _limiter;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Held> _held = new(StringComparer.Ordinal);

    public HostPlaces(FetchOptions options, TimeProvider clock)
    {
        (_clock, _places, _timeout) = (clock, options.PerHostConcurrency, options.Timeout);
        var ofCaller = Make(Math.Max(1, options.PerHostConcurrency - 1));
        var ofHost = Make(options.PerHostConcurrency);
        _limiter = PartitionedRateLimiter.CreateChained(
            PartitionedRateLimiter.Create<(string Host, string Caller), (string, string)>(one =>
                RateLimitPartition.GetConcurrencyLimiter(one, _ => ofCaller)
            ),
            PartitionedRateLimiter.Create<(string Host, string Caller), string>(
                one => RateLimitPartition.GetConcurrencyLimiter(one.Host, _ => ofHost),
                StringComparer.Ordinal
            )
        );
    }

    private sealed class Held
    {
        /// <summary>The beginning of each, as timestamps of the clock.</summary>
        public List<long> Began { get; } = [];

        public TimeSpan Average { get; set; }
    }

    /// <summary>Takes a place at a host, to be held until its answer has been read and then disposed of.</summary>
    /// <exception cref="FetchFaultException">Too many wait already.</exception>
    public async ValueTask<IDisposable> EnterAsync(string host, string caller, CancellationToken cancellationToken)
    {
        var lease = await _limiter.AcquireAsync((host, caller), 1, cancellationToken);
        if (!lease.IsAcquired)
        {
            lease.Dispose();
            throw new FetchFaultException(FetchFault.HostBusy);
        }

        return new Place(this, host, lease, Begin(host));
    }

    /// <summary>
    /// The time for which a host with a full queue is busy: the time that waiting requests need at the present time per page. It is never
    /// longer than the deadline by which each of them has its page or has given up.
    /// </summary>
    public TimeSpan BusyFor(string host)
    {
        lock (_lock)
        {
            var each = LeastHeld;
            if (_held.TryGetValue(host, out var held))
            {
                var longest = held.Began.Max(began => _clock.GetElapsedTime(began));
                each = new[] { LeastHeld, held.Average, longest }.Max();
            }

            var all = TimeSpan.FromSeconds(Math.Ceiling(each.TotalSeconds * MaxWaiting / _places));
            return all < _timeout ? all : _timeout;
        }
    }

    public void Dispose() => _limiter.Dispose();

    private static ConcurrencyLimiterOptions Make(int places) =>
        new()
        {
            PermitLimit = places,
            QueueLimit = MaxWaiting,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        };

    private long Begin(string host)
    {
        lock (_lock)
        {
            var began = _clock.GetTimestamp();
            if (!_held.TryGetValue(host, out var held))
            {
                _held[host] = held = new Held();
            }

            held.Began.Add(began);
            return began;
        }
    }

    private void End(string host, long began)
    {
        lock (_lock)
        {
            var (held, took) = (_held[host], _clock.GetElapsedTime(began));
            held.Average = held.Average == TimeSpan.Zero ? took : (took * Newest) + (held.Average * (1 - Newest));
            held.Began.Remove(began);
            if (held.Began.Count == 0)
            {
                _held.Remove(host);
            }
        }
    }

    private sealed class Place(HostPlaces places, string host, RateLimitLease lease, long began) : IDisposable
    {
        private int _isOver;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isOver, 1) == 0)
            {
                places.End(host, began);
                lease.Dispose();
            }
        }
    }
}
