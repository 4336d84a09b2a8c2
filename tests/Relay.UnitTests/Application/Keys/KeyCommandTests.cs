using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Application.Auditing;
using Relay.Application.Health;
using Relay.Application.Keys;
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
        new AddKeyValidator().Validate(new AddKeyCommand(Any.Label(), new KeyLimits(RequestsPerDay: limit))).Errors.Should().ContainSingle()
            .Which.CustomState.Should().BeEquivalentTo(new { Code = ErrorCode.InvalidRequest, Field = "daily" });

    [Fact]
    public async Task A_minted_key_is_stored_and_its_secret_is_not()
    {
        var added = (await AddAsync("billing", 5)).Value;

        var stored = Stored().Should().ContainSingle().Subject;
        stored.Should().Be(added.Key);
        (stored.CreatedAt, stored.Limits.RequestsPerDay).Should().Be((Any.Time, 5));
        stored.Hash.Should().Be(added.Secret.Hash);
        (await File.ReadAllTextAsync(_home.Home.KeyFile, Waiting.Token)).Should().NotContain(added.Secret.Reveal()[added.Secret.Prefix.Length..]);
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
    public async Task The_relay_is_ready_when_neither_engine_nor_any_part_has_a_problem()
    {
        var engine = Substitute.For<IEngineHealth>();
        var (keys, audit) = (Substitute.For<IHealthCheck>(), Substitute.For<IHealthCheck>());
        var problem = new RelayError(ErrorCode.ClaudeMissing, "No claude.");
        var handler = new GetReadinessHandler(engine, [keys, audit]);

        keys.Problem.Returns((string?)null);
        audit.Problem.Returns((string?)null);
        engine.Status.Returns(new EngineStatus("2.1.330", "bwrap", null, true, []));
        (await handler.Handle(new GetReadinessQuery(), Waiting.Token)).Value.IsReady.Should().BeTrue();

        engine.Status.Returns(new EngineStatus(null, "off", "why", false, [problem]));
        keys.Problem.Returns("keys.json can't be read.");
        var readiness = (await handler.Handle(new GetReadinessQuery(), Waiting.Token)).Value;
        readiness.IsReady.Should().BeFalse();
        readiness.Problems.Should().Equal(problem, new RelayError(ErrorCode.InternalError, "keys.json can't be read."));
    }

    private Task<Result<AddedKey>> AddAsync(string label, int? limit = null) =>
        new AddKeyHandler(_editor).Handle(new AddKeyCommand(Any.Label(label), new KeyLimits(RequestsPerDay: limit)), Waiting.Token);

    private Task<Result<ApiKey>> RevokeAsync(string label) =>
        new RevokeKeyHandler(_editor).Handle(new RevokeKeyCommand(Any.Label(label)), Waiting.Token);

    private IReadOnlyList<ApiKey> Stored() => KeyFileDocument.Parse(File.ReadAllBytes(_home.Home.KeyFile));
}
