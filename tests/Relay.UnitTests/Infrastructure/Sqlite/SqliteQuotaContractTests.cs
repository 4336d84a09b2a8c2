using Microsoft.Data.Sqlite;
using Relay.Application.Quotas;
using Relay.Application.Usage;
using Relay.Infrastructure.Sqlite;
using Relay.UnitTests.Infrastructure.Quotas;

namespace Relay.UnitTests.Infrastructure.Sqlite;

/// <summary>The counts of a relay by itself.</summary>
public sealed class SqliteQuotaContractTests : TimedQuotaStoreContract
{
    private readonly List<TemporaryHome> _homes = [];
    private QuotaStore? _store;

    internal override IQuotaStore Store => _store!;

    internal override IUsageReader Usage => _store!;

    protected override int Times => 60;

    public override async ValueTask InitializeAsync()
    {
        await BeginAnewAsync();
        await _store!.StartAsync(Waiting.Token);
    }

    public override ValueTask DisposeAsync()
    {
        _store?.Dispose();
        _homes.ForEach(home => home.Dispose());
        return ValueTask.CompletedTask;
    }

    /// <summary>Not started: it counts, and makes no file.</summary>
    protected override Task BeginAnewAsync()
    {
        _store?.Dispose();
        var home = new TemporaryHome();
        _homes.Add(home);
        _store = new QuotaStore(new RelayDatabase(home.Home), Clock, new LogLines<QuotaStore>());
        return Task.CompletedTask;
    }

    protected override Task CountedAsync() => Task.CompletedTask;

    protected override Task TurnAsync(DateTimeOffset now)
    {
        Clock.AdjustTime(now);
        return Task.CompletedTask;
    }

    protected override async Task<long> RowsAsync()
    {
        await _store!.ReadAsync(null, DateOnly.MinValue, Waiting.Token);
        using var connection = new RelayDatabase(_homes[^1].Home).Open();
        using var command = new SqliteCommand("SELECT count(*) FROM usage;", connection);
        return (long)command.ExecuteScalar()!;
    }

    protected override Task PassAsync(TimeSpan time)
    {
        Clock.Advance(time);
        return Task.CompletedTask;
    }
}
