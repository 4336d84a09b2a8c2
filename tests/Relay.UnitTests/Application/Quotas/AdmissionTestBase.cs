using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Application.Completions;
using Relay.Application.Fleet;
using Relay.Application.Models;
using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;
using Relay.Infrastructure.Sqlite;

namespace Relay.UnitTests.Application.Quotas;

/// <summary>Over the real counts: a request that costs nothing shows only in the rest of the limits.</summary>
public abstract class AdmissionTestBase : IDisposable
{
    private readonly TemporaryHome _home = new();
    private LiveOptions<QuotaOptions>? _live;
    private FairQueues? _queues;

    private protected AdmissionTestBase()
    {
        // Not started: it counts, and has no file to write to.
        Store = new QuotaStore(new RelayDatabase(_home.Home), Clock, new LogLines<QuotaStore>());
        Upstream = new UpstreamLimits(Clock);
        Fleet.Alive.Returns(1);
    }

    private protected static UpstreamLimit AccountLimit { get; } = new("five_hour", null);

    private protected FakeTimeProvider Clock { get; } = new(Any.Time);

    private protected QuotaOptions Settings { get; } =
        new()
        {
            GlobalConcurrency = 1,
            QueueLimit = 1,
            PerKeyDaily = 100,
            PerKeyRpm = 100,
        };

    private protected QuotaStore Store { get; }

    private protected UpstreamLimits Upstream { get; }

    private protected IFleet Fleet { get; } = Substitute.For<IFleet>();

    private protected ApiKey Key { get; } = Any.Key() with { Limits = new KeyLimits(UsdPerDay: 10) };

    private protected LiveOptions<QuotaOptions> Live => _live ??= new LiveOptions<QuotaOptions>(Settings);

    /// <summary>Made with the settings as the test has set them.</summary>
    private protected FairQueues Queues => _queues ??= new FairQueues(Live, Clock);

    private protected FairQueue Queue => Queues[QuotaBucket.Completions];

    private protected Admission Admission => Over(Store);

    public void Dispose()
    {
        _queues?.Dispose();
        Store.Dispose();
        _home.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected Admission Over(IQuotaStore store)
    {
        var completions = Options.Create(new CompletionOptions());
        return new Admission(
            store,
            Queues,
            new FailureLimit(Live, Clock),
            Upstream,
            new ModelCatalog(completions),
            Fleet,
            Live,
            completions,
            Clock
        );
    }

    private protected Task<Result<Admitted>> AdmitAsync(Request request) => Admission.AdmitAsync(request, Waiting.Token);

    /// <summary>Of which the answer is there at once.</summary>
    private protected Task<Result<Admitted>> NowAsync(Request request) => AdmitAsync(request).InTime();

    private protected void Hit(UpstreamLimit limit) =>
        Upstream.Report(new UpstreamPass(Any.Model(), []), new Spending { HitLimit = limit }, succeeded: false);

    private protected async Task ShouldHaveUsedAsync(int requests, long? cents = null)
    {
        var statuses = (await Store.PeekAsync(Key.Id, Settings.LimitsOf(Key, QuotaBucket.Completions, relays: 1), Waiting.Token)).Statuses;
        statuses
            .Where(status => status.Policy is "minute" or "day")
            .Select(status => status.Limit - status.Remaining)
            .Should()
            .Equal(requests, requests);
        if (requests == 0 || cents is not null)
        {
            statuses.Single(status => status.Policy == "usd-day").Remaining.Should().Be(1000 - (cents ?? 0));
        }
    }

    private protected sealed record PageRequest(RequestContext Context) : IAdmissible
    {
        public QuotaBucket Bucket => QuotaBucket.Fetches;
    }

    private protected sealed class Request(ApiKey key, int inputBytes = 300, TimeSpan? patience = null, string? model = null)
        : ISpendsTokens
    {
        public QuotaBucket Bucket => QuotaBucket.Completions;

        public RequestContext Context { get; } = Any.Context(key, patience);

        CompletionRequest ISpendsTokens.Request { get; } = Any.Request(prompt: new string('a', inputBytes), model: model);
    }
}
