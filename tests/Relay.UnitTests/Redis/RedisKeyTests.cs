using System.Diagnostics;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Redis;

namespace Relay.UnitTests.Redis;

public sealed class RedisKeyTests : IAsyncLifetime
{
    private readonly string _fleet = $"t{Guid.NewGuid():N}";
    private readonly LogLines<RedisKeyDirectory> _log = new();
    private RedisRelay _relay = null!;
    private RedisRelay _other = null!;

    public async ValueTask InitializeAsync() =>
        (_relay, _other) = (
            await RedisRelay.StartAsync(RedisServer.Shared, _fleet),
            await RedisRelay.StartAsync(RedisServer.Shared, _fleet)
        );

    public async ValueTask DisposeAsync()
    {
        await _relay.DisposeAsync();
        await _other.DisposeAsync();
    }

    [Fact]
    public async Task A_key_is_what_it_was_when_it_is_read_again_and_the_order_is_that_in_which_they_were_made()
    {
        var first = ApiKey.Create(Any.Label("b"), Any.Time).Key with
        {
            Limits = new KeyLimits(1, 2, 3, 4.5m),
            Models = [Any.Model("haiku")],
            Scopes = KeyScopes.Fetch,
            ExpiresAt = Any.Time.AddDays(2),
        };
        var second = ApiKey.Create(Any.Label("a"), Any.Time.AddSeconds(1)).Key.Rotate(TimeSpan.FromHours(1), Any.Time.AddSeconds(2)).Key;
        await AddAsync(_relay, second);
        await AddAsync(_relay, first);

        (await _other.Keys.ReadAsync(Waiting.Token))
            .Value.Should()
            .BeEquivalentTo([first, second], options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task Of_changes_at_once_none_is_lost()
    {
        await Task.WhenAll(
                Enumerable
                    .Range(0, 12)
                    .Select(number =>
                        Task.Run(
                            () => AddAsync(number % 2 == 0 ? _relay : _other, ApiKey.Create(Any.Label($"k{number}"), Any.Time).Key),
                            Waiting.Token
                        )
                    )
            )
            .InTime();

        (await _relay.Keys.ReadAsync(Waiting.Token)).Value.Should().HaveCount(12);
    }

    [Fact]
    public async Task Of_changes_at_once_each_is_worked_out_on_what_the_ones_before_it_left()
    {
        var added = await Task.WhenAll(
                Enumerable
                    .Range(0, 10)
                    .Select(number =>
                        Task.Run(
                            () =>
                                (number % 2 == 0 ? _relay : _other).Keys.ChangeAsync<int>(
                                    keys =>
                                        keys.Count > 0
                                            ? new RelayError(ErrorCode.Conflict, "taken")
                                            : ((IReadOnlyList<ApiKey>)[ApiKey.Create(Any.Label(), Any.Time).Key], 0),
                                    Waiting.Token
                                ),
                            Waiting.Token
                        )
                    )
            )
            .InTime();

        added.Count(result => result.Error is null).Should().Be(1);
        (await _relay.Keys.ReadAsync(Waiting.Token)).Value.Should().ContainSingle();
    }

    [Fact]
    public async Task A_change_that_refuses_changes_nothing()
    {
        var refused = await _relay.Keys.ChangeAsync<int>(_ => new RelayError(ErrorCode.NotFound, "none"), Waiting.Token);

        refused.Error!.Code.Should().Be(ErrorCode.NotFound);
        (await _relay.Keys.ReadAllAsync(Waiting.Token)).Version.Should().Be(0);
    }

    [Fact]
    public async Task A_revoke_reaches_every_relay_within_a_second()
    {
        var (key, secret) = ApiKey.Create(Any.Label(), Any.Time);
        await AddAsync(_relay, key);
        using var directory = await FollowAsync();
        directory.Find(secret).Should().Be(key);
        var watch = new Stopwatch();
        IReadOnlySet<string>? unrevoked = null;
        directory.Reloaded += ids => unrevoked = ids;

        await _relay.Keys.ChangeAsync<int>(
            keys => ((IReadOnlyList<ApiKey>)[.. keys.Select(one => one.Revoke(Any.Time))], 0),
            Waiting.Token
        );
        watch.Start();
        await Waiting.UntilAsync(() => directory.Find(secret) is null, "it is shut");

        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(1));
        directory.IsRevoked(key.Id).Should().BeTrue();
        await Waiting.UntilAsync(() => unrevoked is { Count: 0 }, "who runs with it is told");
        await directory.StopAsync(Waiting.Token);
    }

    [Fact]
    public async Task A_change_that_was_not_told_is_found_with_the_next_pulse()
    {
        var (key, secret) = ApiKey.Create(Any.Label(), Any.Time);
        using var directory = await FollowAsync();
        // As when the connection that is told of it broke: written without a word.
        RedisServer.Shared.Cli(
            "hset",
            $"{{{_fleet}}}:keys",
            key.Id,
            System.Text.Encoding.UTF8.GetString(Relay.Infrastructure.KeyFile.KeyFileDocument.FormatEntry(key))
        );
        RedisServer.Shared.Cli("zadd", $"{{{_fleet}}}:keys:changed", "1", key.Id);
        RedisServer.Shared.Cli("set", $"{{{_fleet}}}:keys:version", "1");
        directory.Find(secret).Should().BeNull();

        _other.Fleet.Hear(0, [], (long)(await _other.BeatAsync())[1], []);

        await Waiting.UntilAsync(() => directory.Find(secret) is not null, "it is known");
        await directory.StopAsync(Waiting.Token);
    }

    [Fact]
    public async Task A_replaced_secret_works_for_as_long_as_it_was_given_and_a_removed_key_not_at_all()
    {
        var now = TimeProvider.System.GetUtcNow();
        var (key, old) = ApiKey.Create(Any.Label(), now);
        var (rotated, secret) = key.Rotate(TimeSpan.FromHours(1), now);
        var (last, newest) = rotated.Rotate(TimeSpan.Zero, now);
        await AddAsync(_relay, rotated);
        using var directory = await FollowAsync();
        (directory.Find(old)?.Id, directory.Find(secret)?.Id).Should().Be((key.Id, key.Id));

        await _relay.Keys.ChangeAsync<int>(_ => ((IReadOnlyList<ApiKey>)[last], 0), Waiting.Token);
        // A new secret works before the old ones end, one after the other.
        await Waiting.UntilAsync(() => (directory.Find(secret), directory.Find(old)) == (null, null), "the secrets before it have ended");
        directory.Find(newest)!.Id.Should().Be(key.Id);
        await _relay.Keys.ChangeAsync<int>(_ => ((IReadOnlyList<ApiKey>)[], 0), Waiting.Token);
        await Waiting.UntilAsync(() => directory.Find(newest) is null, "it is gone");
        await directory.StopAsync(Waiting.Token);
    }

    [OnlyWithAll]
    [Fact]
    public async Task A_hundred_thousand_keys_are_read_and_one_of_them_changes_in_moments()
    {
        var keys = Enumerable
            .Range(0, 100_000)
            .Select(number => ApiKey.Create(Any.Label($"k{number}"), Any.Time.AddSeconds(number)).Key)
            .ToList();
        foreach (var chunk in keys.Chunk(20_000))
        {
            (await _relay.Keys.ChangeAsync<int>(there => ((IReadOnlyList<ApiKey>)[.. there, .. chunk], 0), Waiting.Token))
                .Error.Should()
                .BeNull();
        }

        using var directory = await FollowAsync();
        directory.IsRevoked(keys[^1].Id).Should().BeFalse();
        var (rotated, secret) = keys[500].Rotate(TimeSpan.Zero, Any.Time);
        await _relay.Keys.ChangeAsync<int>(
            there => ((IReadOnlyList<ApiKey>)[.. there.Select(key => key.Id == rotated.Id ? rotated : key)], 0),
            Waiting.Token
        );
        var watch = Stopwatch.StartNew();
        await Waiting.UntilAsync(() => directory.Find(secret) is not null, "the change is known");

        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(1));
        await directory.StopAsync(Waiting.Token);
    }

    private async Task<RedisKeyDirectory> FollowAsync()
    {
        var directory = new RedisKeyDirectory(_other.Link, _other.Fleet, _other.Keys, TimeProvider.System, _log);
        await directory.StartAsync(Waiting.Token);
        return directory;
    }

    private static async Task AddAsync(RedisRelay relay, ApiKey key) =>
        (await relay.Keys.ChangeAsync<int>(keys => ((IReadOnlyList<ApiKey>)[.. keys, key], 0), Waiting.Token)).Error.Should().BeNull();
}
