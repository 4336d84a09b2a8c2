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

    public bool IsClosed => _closed;

    public FairQueue this[QuotaBucket bucket] => bucket == QuotaBucket.Completions ? _completions : _fetches;

    /// <summary>Completes when the queues are closed and no request runs any more.</summary>
    public Task Drained => Task.WhenAll(_completions.Drained, _fetches.Drained);

    public void Close()
    {
        _closed = true;
        _completions.Close();
        _fetches.Close();
    }

    public void Dispose() => _changes?.Dispose();
}
