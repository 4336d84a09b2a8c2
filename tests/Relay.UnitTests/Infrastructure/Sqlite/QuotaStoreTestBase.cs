using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using Relay.Domain.Completions;
using Relay.Domain.Quotas;
using Relay.Infrastructure.Sqlite;

namespace Relay.UnitTests.Infrastructure.Sqlite;

/// <summary>Stores of one home, one after the other as after restarts.</summary>
public abstract class QuotaStoreTestBase : IDisposable
{
    private protected const int Many = 1_000_000;

    private readonly List<QuotaStore> _stores = [];

    private protected QuotaStoreTestBase() => Database = new RelayDatabase(Home.Home);

    private protected static TimeSpan FlushInterval { get; } = TimeSpan.FromMilliseconds(500);

    private protected static DateOnly Today { get; } = new(2026, 3, 14);

    private protected static QuotaLimits Limits { get; } = new(10, 20, Many, 4, 10);

    private protected TemporaryHome Home { get; } = new();

    private protected LogLines<QuotaStore> Log { get; } = new();

    private protected RelayDatabase Database { get; }

    private protected FakeTimeProvider Clock { get; set; } = new(Any.Time);

    public void Dispose()
    {
        foreach (var store in _stores)
        {
            store.Dispose();
        }

        Home.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected async Task<QuotaStore> StartAsync()
    {
        var store = new QuotaStore(Database, Clock, Log);
        _stores.Add(store);
        await store.StartAsync(Waiting.Token);
        return store;
    }

    private protected static async Task<QuotaCharge> ChargeAsync(
        QuotaStore store,
        string keyId,
        decimal reserve = 0.01m,
        string model = "opus"
    ) => (await store.ChargeAsync(keyId, Any.Model(model), Limits, reserve, Waiting.Token)).Charge!;

    private protected static async Task SpendAsync(
        QuotaStore store,
        string keyId,
        decimal usd,
        string model = "opus",
        TokenUsage? tokens = null
    ) =>
        await store.SettleAsync(
            await ChargeAsync(store, keyId, model: model),
            Any.Model(model),
            new Spending { Usage = tokens },
            usd,
            Waiting.Token
        );

    private protected static async Task<List<(string Policy, long Remaining)>> LeftAsync(QuotaStore store, string keyId) =>
        [.. (await store.PeekAsync(keyId, Limits, Waiting.Token)).Statuses.Select(status => (status.Policy, status.Remaining))];

    private protected long StoredRequests() => Count("SELECT coalesce(sum(requests), 0) FROM usage;");

    private protected long Count(string sql)
    {
        using var connection = Database.Open();
        using var command = new SqliteCommand(sql, connection);
        return (long)command.ExecuteScalar()!;
    }

    private protected void Execute(string sql)
    {
        using var connection = Database.Open();
        RelayDatabase.Execute(connection, sql);
    }
}
