using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Application.Auditing;
using Relay.Application.Fleet;
using Relay.Application.Health;
using Relay.Application.Keys;
using Relay.Application.Quotas;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Infrastructure.KeyFile;

namespace Relay.UnitTests.Application.Keys;

/// <summary>Over the real key file: what a change of keys means is only seen in what remains.</summary>
public sealed class KeyCommandTests : IDisposable
{
    private readonly TemporaryHome _home = new();
    private readonly FakeTimeProvider _clock = new(Any.Time);
    private readonly KeyFileRepository _repository;
    private readonly List<AuditEntry> _audited = [];
    private readonly KeyEditor _editor;

    public KeyCommandTests()
    {
        _repository = new KeyFileRepository(_home.Home, _clock);
        var auditLog = Substitute.For<IAuditLog>();
        auditLog.Write(Arg.Do<AuditEntry>(_audited.Add));
        _editor = new KeyEditor(_repository, auditLog, _clock);
    }

    public void Dispose() => _home.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData(1)]
    [InlineData(KeyLimits.MaxRequests)]
    public void A_daily_limit_in_range_or_none_is_valid(int? limit) =>
        new AddKeyValidator().Validate(new AddKeyCommand(Any.Label(), new KeyLimits(RequestsPerDay: limit))).IsValid.Should().BeTrue();

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(KeyLimits.MaxRequests + 1)]
    [InlineData(int.MinValue)]
    public void Another_daily_limit_is_not(int limit) =>
        new AddKeyValidator()
            .Validate(new AddKeyCommand(Any.Label(), new KeyLimits(RequestsPerDay: limit)))
            .Errors.Should()
            .ContainSingle()
            .Which.CustomState.Should()
            .BeEquivalentTo(new { Code = ErrorCode.InvalidRequest, Field = "daily" });

    [Fact]
    public async Task A_minted_key_is_stored_and_its_secret_is_not()
    {
        var added = (await AddAsync("billing", 5)).Value;

        var stored = Stored().Should().ContainSingle().Subject;
        stored.Should().Be(added.Key);
        (stored.CreatedAt, stored.Limits.RequestsPerDay).Should().Be((Any.Time, 5));
        stored.Hash.Should().Be(added.Secret.Hash);
        (await File.ReadAllTextAsync(_home.Home.KeyFile, Waiting.Token))
            .Should()
            .NotContain(added.Secret.Reveal()[added.Secret.Prefix.Length..]);
    }

    [Fact]
    public async Task A_label_is_taken_while_its_key_works_and_free_after_its_revocation()
    {
        var first = (await AddAsync("billing")).Value.Key;

        (await AddAsync("billing")).Error!.Code.Should().Be(ErrorCode.Conflict);
        (await RevokeAsync("billing")).Value.Id.Should().Be(first.Id);
        (await AddAsync("billing")).Value.Key.Id.Should().NotBe(first.Id);
        Stored().Should().HaveCount(2).And.ContainSingle(key => key.IsActive(_clock.GetUtcNow()));
    }

    [Fact]
    public async Task Revoking_shuts_that_key_and_no_other()
    {
        await AddAsync("billing");
        var other = (await AddAsync("other")).Value.Key;
        _clock.Advance(TimeSpan.FromHours(1));

        var revoked = (await RevokeAsync("billing")).Value;

        revoked.RevokedAt.Should().Be(Any.Time.AddHours(1));
        Stored().Should().BeEquivalentTo([revoked, other]);
    }

    [Fact]
    public async Task Revoking_twice_finds_nothing_the_second_time()
    {
        await AddAsync("billing");
        await RevokeAsync("billing");

        (await RevokeAsync("billing")).Error.Should().BeEquivalentTo(new { Code = ErrorCode.NotFound, Field = "label" });
    }

    [Fact]
    public async Task A_key_is_made_with_what_was_asked_for()
    {
        var command = new AddKeyCommand(
            Any.Label("app"),
            new KeyLimits(1, 2, 3, 4),
            KeyScopes.Usage,
            [Any.Model("haiku")],
            TimeSpan.FromDays(9)
        );

        var key = (await new AddKeyHandler(_editor).Handle(command, Waiting.Token)).Value.Key;

        (key.Limits, key.Scopes, key.ExpiresAt).Should().Be((command.Limits, KeyScopes.Usage, Any.Time.AddDays(9)));
        key.Models.Should().Equal(Any.Model("haiku"));
        Stored().Should().ContainSingle().Which.Should().BeEquivalentTo(key);
        (await AddAsync("forever")).Value.Key.ExpiresAt.Should().BeNull();
    }

    [Fact]
    public async Task Rotating_changes_the_secret_and_nothing_else_and_the_old_one_works_for_the_overlap()
    {
        var added = (await AddAsync("app", 5)).Value;
        await AddAsync("other");
        _clock.Advance(TimeSpan.FromDays(1));

        var rotated = (
            await new RotateKeyHandler(_editor).Handle(new RotateKeyCommand(Any.Label("app"), TimeSpan.FromHours(1)), Waiting.Token)
        ).Value;

        var stored = Stored()[0];
        stored.Should().BeEquivalentTo(rotated.Key);
        (stored.Id, stored.Label, stored.Limits, stored.CreatedAt)
            .Should()
            .Be((added.Key.Id, added.Key.Label, added.Key.Limits, added.Key.CreatedAt));
        var now = _clock.GetUtcNow();
        (stored.Opens(rotated.Secret.Hash, now), stored.Opens(added.Secret.Hash, now), stored.Opens(added.Secret.Hash, now.AddHours(1)))
            .Should()
            .Be((true, true, false));
        Stored().Should().HaveCount(2);
    }

    [Fact]
    public async Task Setting_limits_changes_those_that_are_named()
    {
        await AddAsync("app", 5);
        var set = async (SetKeyLimitsCommand command) =>
            (await new SetKeyLimitsHandler(_editor).Handle(command, Waiting.Token)).Value.Limits;

        (
            await set(
                new SetKeyLimitsCommand(
                    Any.Label("app"),
                    RequestsPerMinute: new LimitChange<int>(7),
                    UsdPerDay: new LimitChange<decimal>(2.5m)
                )
            )
        )
            .Should()
            .Be(new KeyLimits(7, 5, null, 2.5m));
        (
            await set(
                new SetKeyLimitsCommand(Any.Label("app"), RequestsPerDay: new LimitChange<int>(null), Concurrency: new LimitChange<int>(2))
            )
        )
            .Should()
            .Be(new KeyLimits(7, null, 2, 2.5m));
        Stored().Should().ContainSingle().Which.Limits.Should().Be(new KeyLimits(7, null, 2, 2.5m));
    }

    [Fact]
    public async Task A_label_without_an_active_key_can_not_be_changed_and_nothing_is_recorded()
    {
        await AddAsync("old");
        await RevokeAsync("old");
        _audited.Clear();

        foreach (var label in (string[])["old", "never"])
        {
            (await new RotateKeyHandler(_editor).Handle(new RotateKeyCommand(Any.Label(label), TimeSpan.Zero), Waiting.Token))
                .Error!.Code.Should()
                .Be(ErrorCode.NotFound);
            (
                await new SetKeyLimitsHandler(_editor).Handle(
                    new SetKeyLimitsCommand(Any.Label(label), Concurrency: new LimitChange<int>(1)),
                    Waiting.Token
                )
            )
                .Error!.Code.Should()
                .Be(ErrorCode.NotFound);
            (await RevokeAsync(label)).Error!.Code.Should().Be(ErrorCode.NotFound);
        }

        await AddAsync("app");
        _audited.Clear();
        (await AddAsync("app")).Error!.Code.Should().Be(ErrorCode.Conflict);
        _audited.Should().BeEmpty();
    }

    [Fact]
    public async Task Every_change_is_put_on_record_with_what_was_and_what_is()
    {
        var added = (await AddAsync("app")).Value.Key;
        var rotated = (
            await new RotateKeyHandler(_editor).Handle(new RotateKeyCommand(Any.Label("app"), TimeSpan.FromHours(1)), Waiting.Token)
        )
            .Value
            .Key;
        var limited = (
            await new SetKeyLimitsHandler(_editor).Handle(
                new SetKeyLimitsCommand(Any.Label("app"), Concurrency: new LimitChange<int>(1)),
                Waiting.Token
            )
        ).Value;
        var revoked = (await RevokeAsync("app")).Value;

        _audited.Select(entry => entry.Action).Should().Equal("key_added", "key_rotated", "key_limits_set", "key_revoked");
        _audited.Should().OnlyContain(entry => entry.KeyId == added.Id && entry.KeyLabel == "app" && entry.By == Environment.UserName);
        _audited
            .Select(entry => entry.After)
            .Should()
            .BeEquivalentTo([added, rotated, limited, revoked], options => options.WithStrictOrdering());
        _audited
            .Select(entry => entry.Before)
            .Should()
            .BeEquivalentTo([null, added, rotated, limited], options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task A_change_that_an_admin_key_asks_for_is_on_record_with_that_key_and_its_request()
    {
        var by = Any.Context(Any.Key("ops"));
        var added = (await new AddKeyHandler(_editor).Handle(new AddKeyCommand(Any.Label("app"), KeyLimits.Default, By: by), Waiting.Token))
            .Value
            .Key;
        await new RotateKeyHandler(_editor).Handle(
            new RotateKeyCommand(KeyReference.Of(added.Id), TimeSpan.FromHours(1), by),
            Waiting.Token
        );
        await new SetKeyLimitsHandler(_editor).Handle(
            new SetKeyLimitsCommand(KeyReference.Of(added.Id), Concurrency: new LimitChange<int>(1), By: by),
            Waiting.Token
        );
        await new RevokeKeyHandler(_editor).Handle(new RevokeKeyCommand(KeyReference.Of(added.Id, added.Label), by), Waiting.Token);

        _audited.Select(entry => entry.Action).Should().Equal("key_added", "key_rotated", "key_limits_set", "key_revoked");
        _audited
            .Should()
            .OnlyContain(entry => entry.KeyId == added.Id && entry.By == $"{by.Caller.Id} (ops)" && entry.RequestId == by.RequestId);
    }

    [Fact]
    public async Task An_id_means_that_key_even_when_its_label_has_come_to_another()
    {
        var first = (await AddAsync("app")).Value.Key;
        await RevokeAsync("app");
        var second = (await AddAsync("app")).Value.Key;
        var revoke = async (KeyReference which) =>
            (await new RevokeKeyHandler(_editor).Handle(new RevokeKeyCommand(which), Waiting.Token)).Error?.Code;

        (await revoke(KeyReference.Of(first.Id))).Should().Be(ErrorCode.NotFound);
        (await revoke(KeyReference.Of(first.Id, Any.Label("app")))).Should().Be(ErrorCode.NotFound);
        (await revoke(KeyReference.Of(second.Id, Any.Label("other")))).Should().Be(ErrorCode.NotFound, "the label is the check");
        (await revoke(KeyReference.Of(second.Id, Any.Label("app")))).Should().BeNull();
    }

    [Fact]
    public async Task Keys_are_listed_in_the_order_they_were_made_with_their_last_use()
    {
        var (first, second) = ((await AddAsync("b")).Value.Key, (await AddAsync("a")).Value.Key);
        await AddAsync("old");
        await RevokeAsync("old");
        var usage = Substitute.For<IUsageReader>();
        usage
            .ReadLastUsedAsync(Waiting.Token)
            .Returns(new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal) { [second.Id] = Any.Time });
        var handler = new ListKeysHandler(new KeyLister(_repository, usage));

        (await handler.Handle(new ListKeysQuery(WithRevoked: false), Waiting.Token))
            .Value.Should()
            .Equal(new ListedKey(first, null), new ListedKey(second, Any.Time));
        (await handler.Handle(new ListKeysQuery(WithRevoked: true), Waiting.Token))
            .Value.Select(listed => listed.Key.Label.Value)
            .Should()
            .Equal("b", "a", "old");
    }

    [Fact]
    public async Task The_relay_is_ready_when_neither_engine_nor_any_part_has_a_problem()
    {
        var engine = Substitute.For<IEngineHealth>();
        var (keys, audit) = (Substitute.For<IHealthCheck>(), Substitute.For<IHealthCheck>());
        var problem = new RelayError(ErrorCode.ClaudeMissing, "No claude.");
        var admission = Substitute.For<IAdmission>();
        var handler = new GetReadinessHandler(new ReadinessProbe(engine, admission, [keys, audit], Substitute.For<IFleet>()));

        keys.Problem.Returns((string?)null);
        audit.Problem.Returns((string?)null);
        engine.Status.Returns(new EngineStatus("2.1.330", "bwrap", null, true, []));
        (await handler.Handle(new GetReadinessQuery(), Waiting.Token)).Value.IsReady.Should().BeTrue();

        engine.Status.Returns(new EngineStatus(null, "off", "why", false, [problem]));
        keys.Problem.Returns("keys.json can't be read.");
        var readiness = (await handler.Handle(new GetReadinessQuery(), Waiting.Token)).Value;
        readiness.IsReady.Should().BeFalse();
        readiness.Problems.Should().Equal(problem, new RelayError(ErrorCode.InternalError, "keys.json can't be read."));

        admission.IsClosed.Returns(true);
        (await handler.Handle(new GetReadinessQuery(), Waiting.Token))
            .Value.Problems[0]
            .Code.Should()
            .Be(ErrorCode.ShuttingDown, "it is the first thing to know");
    }

    private Task<Result<AddedKey>> AddAsync(string label, int? limit = null) =>
        new AddKeyHandler(_editor).Handle(new AddKeyCommand(Any.Label(label), new KeyLimits(RequestsPerDay: limit)), Waiting.Token);

    private Task<Result<ApiKey>> RevokeAsync(string label) =>
        new RevokeKeyHandler(_editor).Handle(new RevokeKeyCommand(Any.Label(label)), Waiting.Token);

    private IReadOnlyList<ApiKey> Stored() => KeyFileDocument.Parse(File.ReadAllBytes(_home.Home.KeyFile));
}
