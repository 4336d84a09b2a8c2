using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Relay.Application.Idempotency;
using Relay.Infrastructure.Sqlite;

namespace Relay.UnitTests.Infrastructure.Sqlite;

public sealed class IdempotencyStoreTests : IDisposable
{
    private readonly TemporaryHome _home = new();
    private readonly FakeTimeProvider _clock = new(Any.Time);
    private readonly IdempotencyOptions _options = new() { MaxBytes = 3000 };
    private readonly List<IdempotencyStore> _stores = [];

    public void Dispose()
    {
        _stores.ForEach(store => store.Dispose());
        _home.Dispose();
    }

    [Fact]
    public async Task The_first_claims_and_the_others_wait_for_its_answer()
    {
        var store = await StartAsync();

        (await store.ClaimAsync("n", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed);
        (await store.ClaimAsync("n", "f", Waiting.Token)).State.Should().Be(IdempotencyState.InFlight);
        (await store.ClaimAsync("n", "other", Waiting.Token)).State.Should().Be(IdempotencyState.Mismatch);
        await store.KeepAsync("n", "f", "answer"u8.ToArray(), Waiting.Token);

        var again = await store.ClaimAsync("n", "f", Waiting.Token);
        (again.State, Encoding.UTF8.GetString(again.SealedAnswer.Span)).Should().Be((IdempotencyState.Answered, "answer"));
        (await store.ClaimAsync("n", "other", Waiting.Token)).State.Should().Be(IdempotencyState.Mismatch);
        (await store.ClaimAsync("m", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed);
    }

    [Fact]
    public async Task What_was_released_is_a_first_again()
    {
        var store = await StartAsync();
        await store.ClaimAsync("n", "f", Waiting.Token);

        await store.ReleaseAsync("n", Waiting.Token);

        (await store.ClaimAsync("n", "other", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed);
    }

    [Fact]
    public async Task Of_many_at_once_one_is_the_first()
    {
        var store = await StartAsync();

        var claims = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(async () => await store.ClaimAsync("n", "f", Waiting.Token))));

        claims.Count(claim => claim.State == IdempotencyState.Claimed).Should().Be(1);
        claims.Count(claim => claim.State == IdempotencyState.InFlight).Should().Be(49);
    }

    [Fact]
    public async Task Answers_outlive_the_relay_and_what_was_running_does_not()
    {
        var store = await StartAsync();
        await store.ClaimAsync("answered", "f", Waiting.Token);
        await store.KeepAsync("answered", "f", "answer"u8.ToArray(), Waiting.Token);
        await store.ClaimAsync("running", "f", Waiting.Token);

        var after = await StartAsync();

        (await after.ClaimAsync("answered", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Answered);
        (await after.ClaimAsync("running", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed);
    }

    [Fact]
    public async Task After_a_day_it_is_forgotten()
    {
        var store = await StartAsync();
        await store.ClaimAsync("n", "f", Waiting.Token);
        await store.KeepAsync("n", "f", "answer"u8.ToArray(), Waiting.Token);

        _clock.Advance(TimeSpan.FromHours(24) - TimeSpan.FromSeconds(1));
        (await store.ClaimAsync("n", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Answered);
        _clock.Advance(TimeSpan.FromSeconds(1));

        (await store.ClaimAsync("n", "other", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed);
        await store.KeepAsync("n", "other", "new"u8.ToArray(), Waiting.Token);
        Encoding.UTF8.GetString((await store.ClaimAsync("n", "other", Waiting.Token)).SealedAnswer.Span).Should().Be("new");
    }

    [Fact]
    public async Task The_oldest_make_room()
    {
        var store = await StartAsync();
        for (var number = 0; number < 10; number++)
        {
            await store.ClaimAsync($"n{number}", "f", Waiting.Token);
            await store.KeepAsync($"n{number}", "f", new byte[800], Waiting.Token);
        }

        var states = new List<IdempotencyState>();
        for (var number = 0; number < 10; number++)
        {
            states.Add((await store.ClaimAsync($"n{number}", "f", Waiting.Token)).State);
        }

        states.Should().Equal([.. Enumerable.Repeat(IdempotencyState.Claimed, 7), .. Enumerable.Repeat(IdempotencyState.Answered, 3)], "3,000 bytes hold three of 800 and their rows");
    }

    [Fact]
    public async Task An_answer_that_can_not_be_kept_leaves_nothing_in_flight()
    {
        var store = await StartAsync();
        await store.ClaimAsync("n", "f", Waiting.Token);
        using (var connection = new SqliteConnection($"Data Source={_home.Home.DatabaseFile};Pooling=false"))
        {
            connection.Open();
            RelayDatabase.Execute(connection, "DROP TABLE idempotency; CREATE TABLE idempotency (name TEXT, fingerprint TEXT, answer BLOB, unix_second INTEGER);");
        }

        await store.KeepAsync("n", "f", "answer"u8.ToArray(), Waiting.Token);

        (await store.ClaimAsync("n", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed);
    }

    private async Task<IdempotencyStore> StartAsync()
    {
        var store = new IdempotencyStore(new RelayDatabase(_home.Home), Options.Create(_options), _clock, NullLogger<IdempotencyStore>.Instance);
        _stores.Add(store);
        await store.StartAsync(Waiting.Token);
        return store;
    }
}
