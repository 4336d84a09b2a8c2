using Relay.Application.Quotas;
using Relay.Application.Usage;
using Relay.Redis;
using Relay.UnitTests.Infrastructure.Quotas;

namespace Relay.UnitTests.Redis;

/// <summary>The counts of a fleet, on a real server, whose scripts get the test's clock in place of the server's.</summary>
public sealed class RedisQuotaContractTests : TimedQuotaStoreContract
{
    private RedisRelay? _relay;
    private int _fleets;
    private readonly string _name = $"t{Guid.NewGuid():N}";

    internal override IQuotaStore Store => _relay!.Quotas;

    internal override IUsageReader Usage => _relay!.Usage;

    protected override int Times => 12;

    public override async ValueTask InitializeAsync() => await BeginAnewAsync();

    public override async ValueTask DisposeAsync()
    {
        if (_relay is not null)
        {
            await _relay.DisposeAsync();
        }
    }

    protected override async Task BeginAnewAsync()
    {
        await DisposeAsync();
        _relay = await RedisRelay.StartAsync(RedisServer.Shared, $"{_name}-{++_fleets}", Clock);
        await _relay.BeatAsync();
    }

    protected override Task CountedAsync() => _relay!.ToldAsync();

    protected override async Task TurnAsync(DateTimeOffset now)
    {
        Clock.AdjustTime(now);
        await _relay!.BeatAsync();
    }

    protected override Task<long> RowsAsync()
    {
        var day = RedisNames.ToNumber(DateOnly.FromDateTime(Clock.GetUtcNow().UtcDateTime));
        return _relay!.Link.AskAsync(database => database.HashLengthAsync(_relay.Link.Names.Usage(day, "a")), Waiting.Token);
    }

    /// <summary>In life: without a sign of it what it runs would count as spent.</summary>
    protected override async Task PassAsync(TimeSpan time)
    {
        Clock.Advance(time);
        await _relay!.BeatAsync();
    }
}

/// <summary>The same, as far as no time has to pass, by the server's own clock.</summary>
public sealed class RedisServerClockContractTests : QuotaStoreContract
{
    private RedisRelay _relay = null!;

    internal override IQuotaStore Store => _relay.Quotas;

    public override async ValueTask InitializeAsync() => _relay = await RedisRelay.StartAsync(RedisServer.Shared, $"t{Guid.NewGuid():N}");

    public override ValueTask DisposeAsync() => _relay.DisposeAsync();

    protected override Task CountedAsync() => _relay.ToldAsync();
}
