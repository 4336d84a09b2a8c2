using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Relay.Application.State;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;
using Relay.Infrastructure.Home;
using Relay.Infrastructure.KeyFile;
using Relay.Infrastructure.Sqlite;
using Relay.Redis;

namespace Relay.UnitTests.Redis;

public sealed class StateCopierTests : IDisposable
{
    private static readonly QuotaLimits Limits = new(100, 20, 1000, 4, 10);

    private readonly TemporaryHome _home = new();
    private readonly string _fleet = $"t{Guid.NewGuid():N}";
    private readonly StateCopier _copier;
    private readonly ApiKey _key = ApiKey.Create(Any.Label("shop"), Any.Time).Key;

    public StateCopierTests() =>
        _copier = new StateCopier(
            _home.Home,
            new RelayDatabase(_home.Home),
            Options.Create(new StateOptions { Namespace = _fleet }),
            TimeProvider.System
        );

    private static string Redis => RedisServer.Shared.Address;

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task There_and_back_nothing_is_lost_and_a_second_run_changes_nothing()
    {
        var old = ApiKey.Create(Any.Label("old"), Any.Time.AddSeconds(1)).Key.Revoke(Any.Time.AddSeconds(2));
        await WriteAsync(_key, old);
        await SpendLocallyAsync(_key.Id, 1.25m, 3);

        (await CopyAsync("local", Redis, dryRun: true)).Should().Be(new StateCopy(2, 0, 0, 1, 0));
        (await CopyAsync("local", Redis)).Should().Be(new StateCopy(2, 0, 0, 1, 0), "to try it has done nothing");
        (await CopyAsync("local", Redis)).Should().Be(new StateCopy(0, 0, 2, 0, 1));

        await using (var relay = await RedisRelay.StartAsync(RedisServer.Shared, _fleet))
        {
            var decision = await relay.Quotas.ChargeAsync(_key.Id, Any.Model(), Limits, 0.5m, Waiting.Token);
            decision.Statuses.Skip(1).Select(status => status.Remaining).Should().Equal(16, 575);
            await relay.Quotas.SettleAsync(
                decision.Charge!,
                Any.Model(),
                new Spending { Usage = new TokenUsage(1, 2, 3, 4, 0.25m) },
                0.25m,
                Waiting.Token
            );
            await relay.ToldAsync();
            await relay.Keys.ChangeAsync<int>(
                keys => ((IReadOnlyList<ApiKey>)[.. keys.Select(key => key.Id == _key.Id ? key.Revoke(Any.Time) : key)], 0),
                Waiting.Token
            );
        }

        (await CopyAsync(Redis, "local")).Should().Be(new StateCopy(0, 1, 1, 1, 0));
        (await CopyAsync(Redis, "local")).Should().Be(new StateCopy(0, 0, 2, 0, 1));
        (await CopyAsync("local", Redis)).Should().Be(new StateCopy(0, 0, 2, 0, 1));
        var row = (
            await new UsageReader(new RelayDatabase(_home.Home), NullLogger<UsageReader>.Instance).ReadAsync(
                null,
                DateOnly.MinValue,
                Waiting.Token
            )
        )
            .Should()
            .ContainSingle()
            .Subject;
        (row.Requests, row.Usage.CostUsd, row.Usage.OutputTokens).Should().Be((4, 4.00m, 2));
        (await new KeyFileRepository(_home.Home, TimeProvider.System).ReadAsync(Waiting.Token))
            .Value.Should()
            .OnlyContain(key => key.RevokedAt != null);
    }

    [Fact]
    public async Task No_revocation_is_undone_and_two_keys_of_one_label_are_not_mixed()
    {
        await WriteAsync(_key);
        await CopyAsync("local", Redis);
        await using var relay = await RedisRelay.StartAsync(RedisServer.Shared, _fleet);
        await relay.Keys.ChangeAsync<int>(keys => ((IReadOnlyList<ApiKey>)[.. keys.Select(key => key.Revoke(Any.Time))], 0), Waiting.Token);

        (await CopyAsync("local", Redis)).Should().Be(new StateCopy(0, 0, 1, 0, 0));

        (await relay.Keys.ReadAsync(Waiting.Token)).Value.Should().ContainSingle().Which.RevokedAt.Should().Be(Any.Time);
        await relay.Keys.ChangeAsync<int>(
            keys => ((IReadOnlyList<ApiKey>)[.. keys, ApiKey.Create(Any.Label("shop"), Any.Time).Key], 0),
            Waiting.Token
        );
        await WriteAsync(ApiKey.Create(Any.Label("shop"), Any.Time).Key);
        (await _copier.CopyAsync(new CopyStateCommand("local", Redis), Waiting.Token))
            .Error!.Should()
            .Match<RelayError>(error => error.Code == ErrorCode.Conflict && error.Message.Contains("'shop'"));
    }

    [Fact]
    public async Task A_secret_that_was_replaced_comes_back_by_no_copy_and_a_new_one_goes_along()
    {
        await WriteAsync(_key);
        await CopyAsync("local", Redis);
        await using var relay = await RedisRelay.StartAsync(RedisServer.Shared, _fleet);
        var (there, _) = _key.Rotate(TimeSpan.Zero, Any.Time.AddHours(1));
        await relay.Keys.ChangeAsync<int>(_ => ((IReadOnlyList<ApiKey>)[there], 0), Waiting.Token);
        await WriteAsync(_key with { Limits = new KeyLimits(RequestsPerDay: 7) });

        (await CopyAsync("local", Redis)).Should().Be(new StateCopy(0, 1, 0, 0, 0));

        var merged = (await relay.Keys.ReadAsync(Waiting.Token)).Value.Should().ContainSingle().Subject;
        (merged.Hash, merged.Prefix, merged.RotatedAt, merged.Limits.RequestsPerDay)
            .Should()
            .Be((there.Hash, there.Prefix, there.RotatedAt, 7));
        var (here, _) = _key.Rotate(TimeSpan.Zero, Any.Time.AddHours(2));
        await WriteAsync(here);
        (await CopyAsync("local", Redis)).KeysChanged.Should().Be(1);
        (await relay.Keys.ReadAsync(Waiting.Token)).Value.Should().ContainSingle().Which.Hash.Should().Be(here.Hash);
    }

    [Fact]
    public async Task While_a_relay_uses_either_side_nothing_is_copied_unless_it_must_be()
    {
        await WriteAsync(_key);
        using (var used = new HomeLock(_home.Home))
        {
            await used.StartAsync(Waiting.Token);
            (await _copier.CopyAsync(new CopyStateCommand("local", Redis), Waiting.Token)).Error!.Code.Should().Be(ErrorCode.Conflict);
            (await _copier.CopyAsync(new CopyStateCommand("local", Redis, Force: true), Waiting.Token)).Value.KeysAdded.Should().Be(1);
        }

        await using var relay = await RedisRelay.StartAsync(RedisServer.Shared, _fleet);
        var member = new Relay.Application.Fleet.FleetMember(relay.Instance.Id, "one", "1", null, "ready", 4, 0, 0, 0, default, default);
        await relay.Link.RunAsync(
            RedisScripts.Pulse,
            [relay.Link.Names.Relays, relay.Link.Names.Fleet, relay.Link.Names.KeysVersion, relay.Link.Names.UpstreamLimits("l")],
            [relay.Link.Clock, relay.Instance.Id, 15_000, FleetView.Format(member)],
            Waiting.Token
        );

        (await _copier.CopyAsync(new CopyStateCommand(Redis, "local"), Waiting.Token))
            .Error!.Message.Should()
            .Contain("'one' uses that Redis");
    }

    [Fact]
    public async Task A_wrong_address_is_refused_without_a_word_of_it() =>
        (await _copier.CopyAsync(new CopyStateCommand("local", "redis://u:s3cret@h:6379"), Waiting.Token))
            .Error!.Should()
            .Match<RelayError>(error => error.Code == ErrorCode.InvalidRequest && !error.Message.Contains("s3cret"));

    private async Task<StateCopy> CopyAsync(string from, string to, bool dryRun = false) =>
        (await _copier.CopyAsync(new CopyStateCommand(from, to, dryRun), Waiting.Token)).Value;

    private async Task WriteAsync(params ApiKey[] keys) =>
        await new KeyFileRepository(_home.Home, TimeProvider.System).ChangeAsync<int>(_ => (keys, 0), Waiting.Token);

    private async Task SpendLocallyAsync(string keyId, decimal usd, int times)
    {
        using var store = new QuotaStore(new RelayDatabase(_home.Home), TimeProvider.System, new LogLines<QuotaStore>());
        await store.StartAsync(Waiting.Token);
        for (var time = 0; time < times; time++)
        {
            var charge = (await store.ChargeAsync(keyId, Any.Model(), Limits, 0.1m, Waiting.Token)).Charge!;
            await store.SettleAsync(charge, Any.Model(), new Spending(), usd, Waiting.Token);
        }

        await store.StopAsync(Waiting.Token);
    }
}
