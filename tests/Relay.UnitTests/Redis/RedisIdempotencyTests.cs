using System.Text;
using Microsoft.Extensions.Time.Testing;
using Relay.Application.Idempotency;

namespace Relay.UnitTests.Redis;

/// <summary>Does the same as the SQLite store (see its tests), over two relays.</summary>
public sealed class RedisIdempotencyTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _clock = new(Any.Time);
    private RedisRelay _one = null!;
    private RedisRelay _two = null!;

    public async ValueTask InitializeAsync()
    {
        var fleet = $"t{Guid.NewGuid():N}";
        (_one, _two) = (
            await RedisRelay.StartAsync(RedisServer.Shared, fleet, _clock, maxBytes: 6000),
            await RedisRelay.StartAsync(RedisServer.Shared, fleet, _clock, maxBytes: 6000)
        );
        await _one.BeatAsync();
        await _two.BeatAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    [Fact]
    public async Task The_first_claims_and_the_others_wait_for_its_answer_wherever_they_ask()
    {
        (await ClaimAsync(_one)).State.Should().Be(IdempotencyState.Claimed);
        (await ClaimAsync(_two)).State.Should().Be(IdempotencyState.InFlight);
        (await ClaimAsync(_one)).State.Should().Be(IdempotencyState.InFlight);
        (await ClaimAsync(_two, fingerprint: "other")).State.Should().Be(IdempotencyState.Mismatch);
        await _one.Answers.KeepAsync("n", "key_1", "f", "answer"u8.ToArray(), Waiting.Token);

        var again = await ClaimAsync(_two);
        (again.State, Encoding.UTF8.GetString(again.SealedAnswer.Span)).Should().Be((IdempotencyState.Answered, "answer"));
        (await ClaimAsync(_two, fingerprint: "other")).State.Should().Be(IdempotencyState.Mismatch);
    }

    [Fact]
    public async Task Of_many_at_once_on_two_relays_one_is_the_first()
    {
        var claims = await Task.WhenAll(
                Enumerable.Range(0, 60).Select(number => Task.Run(() => ClaimAsync(number % 2 == 0 ? _one : _two), Waiting.Token))
            )
            .InTime();

        claims.Count(claim => claim.State == IdempotencyState.Claimed).Should().Be(1);
        claims.Count(claim => claim.State == IdempotencyState.InFlight).Should().Be(59);
    }

    [Fact]
    public async Task A_released_claim_can_be_claimed_again_and_a_foreign_claim_is_not_released()
    {
        await ClaimAsync(_one);
        await _two.Answers.ReleaseAsync("n", Waiting.Token);
        (await ClaimAsync(_two)).State.Should().Be(IdempotencyState.InFlight);

        await _one.Answers.ReleaseAsync("n", Waiting.Token);

        (await ClaimAsync(_two, fingerprint: "other")).State.Should().Be(IdempotencyState.Claimed);
    }

    [Fact]
    public async Task A_dead_relays_claim_is_over_with_its_lease_and_what_it_tells_later_counts_for_nothing()
    {
        await ClaimAsync(_one);
        await RedisRelay.PassAsync(_clock, TimeSpan.FromSeconds(14), _two);
        (await ClaimAsync(_two)).State.Should().Be(IdempotencyState.InFlight);
        await RedisRelay.PassAsync(_clock, TimeSpan.FromSeconds(2), _two);

        (await ClaimAsync(_two)).State.Should().Be(IdempotencyState.Claimed);
        await _one.Answers.KeepAsync("n", "key_1", "f", "late"u8.ToArray(), Waiting.Token);
        (await ClaimAsync(_one)).State.Should().Be(IdempotencyState.InFlight);
        await _two.Answers.KeepAsync("n", "key_1", "f", "second"u8.ToArray(), Waiting.Token);
        Encoding.UTF8.GetString((await ClaimAsync(_one)).SealedAnswer.Span).Should().Be("second");
    }

    [Fact]
    public async Task No_relay_is_taken_for_dead_when_the_state_itself_was_away()
    {
        await ClaimAsync(_one);
        _clock.Advance(TimeSpan.FromSeconds(40));

        // The first that finds it back.
        (await _two.BeatAsync())[4]
            .Length.Should()
            .Be(0);
        (await ClaimAsync(_two)).State.Should().Be(IdempotencyState.InFlight);
        await RedisRelay.PassAsync(_clock, TimeSpan.FromSeconds(16), _two);
        (await ClaimAsync(_two)).State.Should().Be(IdempotencyState.Claimed, "it has its time to be heard again, and no more");
    }

    [Fact]
    public async Task The_oldest_make_room()
    {
        for (var number = 0; number < 10; number++)
        {
            await ClaimAsync(_one, $"n{number}");
            await _one.Answers.KeepAsync($"n{number}", "key_1", "f", new byte[800], Waiting.Token);
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        await _one.BeatAsync();
        var states = new List<IdempotencyState>();
        for (var number = 0; number < 10; number++)
        {
            states.Add((await ClaimAsync(_two, $"n{number}")).State);
        }

        states
            .Should()
            .Equal(
                [.. Enumerable.Repeat(IdempotencyState.Claimed, 7), .. Enumerable.Repeat(IdempotencyState.Answered, 3)],
                "6,000 bytes hold three of 800 and their overhead"
            );
    }

    [Fact]
    public async Task The_holder_with_the_most_bytes_makes_room_and_others_keep_their_answers()
    {
        await KeepAsync("mine", "key_1");
        for (var number = 0; number < 20; number++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await KeepAsync($"n{number}", "key_2");
        }

        await _one.BeatAsync();
        (await ClaimAsync(_two, "mine")).State.Should().Be(IdempotencyState.Answered);
        (await ClaimAsync(_two, "n19")).State.Should().Be(IdempotencyState.Answered);
        (await ClaimAsync(_two, "n18")).State.Should().Be(IdempotencyState.Answered);
        (await ClaimAsync(_two, "n17")).State.Should().Be(IdempotencyState.Claimed);
        (await BytesAsync()).Should().Be(3 * 2000);
    }

    [Fact]
    public async Task Expired_answers_leave_nothing_behind()
    {
        await KeepAsync("old", "key_1");
        await RedisRelay.PassAsync(_clock, TimeSpan.FromHours(25), _one, _two);
        // As Redis does by its own clock.
        await _one.Link.AskAsync(database => database.KeyDeleteAsync(_one.Link.Names.Answer("old")), Waiting.Token);

        await KeepAsync("new", "key_2");

        var names = _one.Link.Names;
        (await BytesAsync()).Should().Be(2000);
        (await _one.Link.AskAsync(database => database.SortedSetLengthAsync(names.AnswersByAge), Waiting.Token)).Should().Be(1);
        (await _one.Link.AskAsync(database => database.SortedSetLengthAsync(names.AnswersByHolder), Waiting.Token)).Should().Be(1);
        (await _one.Link.AskAsync(database => database.SortedSetLengthAsync(names.AnswerHolders), Waiting.Token)).Should().Be(1);
        (await _one.Link.AskAsync(database => database.HashLengthAsync(names.AnswerEntries), Waiting.Token)).Should().Be(1);
    }

    [Fact]
    public async Task Lists_of_a_version_that_knew_no_holders_expire_with_their_answers()
    {
        foreach (var (name, index) in _one.Link.Names.OldAnswers.Select((name, index) => (name, index)))
        {
            await _one.Link.AskAsync(
                database => index == 0 ? database.SortedSetAddAsync(name, "n 1500", 1) : database.StringSetAsync(name, 1500),
                Waiting.Token
            );
        }

        await KeepAsync("new", "key_1");

        (await _one.Link.AskAsync(database => database.KeyTimeToLiveAsync(_one.Link.Names.OldAnswers[0]), Waiting.Token))
            .Should()
            .BePositive();
        (await _one.Link.AskAsync(database => database.KeyExistsAsync(_one.Link.Names.OldAnswers[1]), Waiting.Token)).Should().BeFalse();
    }

    [Fact]
    public async Task An_answer_larger_than_the_whole_bound_is_not_kept()
    {
        await ClaimAsync(_one);
        await _one.Answers.KeepAsync("n", "key_1", "f", new byte[6000], Waiting.Token);

        (await ClaimAsync(_two)).State.Should().Be(IdempotencyState.Claimed);
        (await BytesAsync()).Should().Be(0);
    }

    [Fact]
    public async Task An_answer_that_follows_an_expired_one_of_its_name_counts_once()
    {
        for (var time = 0; time < 3; time++)
        {
            (await ClaimAsync(_one)).State.Should().Be(IdempotencyState.Claimed);
            await _one.Answers.KeepAsync("n", "key_1", "f", new byte[800], Waiting.Token);
            (await BytesAsync()).Should().Be(2000);
            // As Redis does by its own clock.
            await _one.Link.AskAsync(database => database.KeyDeleteAsync(_one.Link.Names.Answer("n")), Waiting.Token);
        }
    }

    private async Task KeepAsync(string name, string holder)
    {
        await ClaimAsync(_one, name);
        await _one.Answers.KeepAsync(name, holder, "f", new byte[800], Waiting.Token);
    }

    private async Task<long> BytesAsync() =>
        (long)await _one.Link.AskAsync(database => database.StringGetAsync(_one.Link.Names.AnswerBytes), Waiting.Token);

    private static async Task<IdempotencyClaim> ClaimAsync(RedisRelay relay, string name = "n", string fingerprint = "f") =>
        await relay.Answers.ClaimAsync(name, fingerprint, Waiting.Token);
}
