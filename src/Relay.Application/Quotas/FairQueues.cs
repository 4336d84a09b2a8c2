using Microsoft.Extensions.Options;
using Relay.Domain.Quotas;

namespace Relay.Application.Quotas;

/// <summary>A queue for each bucket: completions wait for Claude, pages for the network. Sizes follow the settings.</summary>
internal sealed class FairQueues : IDisposable
{
    private readonly FairQueue _completions;
    private readonly FairQueue _fetches;
    private readonly IDisposable? _changes;
    private volatile bool _closed;

    public FairQueues(IOptionsMonitor<QuotaOptions> options, TimeProvider clock)
    {
        var sizes = options.CurrentValue;
        _completions = new FairQueue(sizes.GlobalConcurrency, sizes.QueueLimit, clock);
        _fetches = new FairQueue(sizes.FetchConcurrency, sizes.QueueLimit, clock);
        _changes = options.OnChange(changed =>
        {
            _completions.Resize(changed.GlobalConcurrency, changed.QueueLimit);
            _fetches.Resize(changed.FetchConcurrency, changed.QueueLimit);
        });
    }

    /// <summary>Whether the queues are closed: no request gets a place any more.</summary>
    public bool IsClosed => _closed;

    /// <summary>The queue of a bucket.</summary>
    public FairQueue this[QuotaBucket bucket] => bucket == QuotaBucket.Completions ? _completions : _fetches;

    /// <summary>Completes when the queues are closed and no request runs any more.</summary>
    public Task Drained => Task.WhenAll(_completions.Drained, _fetches.Drained);

    /// <summary>Refuses requests that wait and requests that come.</summary>
    public void Close()
    {
        _closed = true;
        _completions.Close();
        _fetches.Close();
    }

    /// <inheritdoc/>
    public void Dispose() => _changes?.Dispose();
}
