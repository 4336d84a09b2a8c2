using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Api.Dashboard;
using Relay.Application.Keys;
using Relay.Domain.Keys;

namespace Relay.UnitTests.Api.Dashboard;

/// <summary>A session is as good as the secret that opened it, and no longer than a day's work.</summary>
public sealed class DashboardSessionsTests
{
    private readonly FakeTimeProvider _clock = new(Any.Time);
    private readonly IKeyDirectory _keys = Substitute.For<IKeyDirectory>();
    private readonly ApiKey _key;
    private readonly KeySecret _secret;
    private readonly DashboardSessions _sessions;

    public DashboardSessionsTests()
    {
        (_key, _secret) = ApiKey.Create(Any.Label("ops"), Any.Time);
        _key = _key with { Scopes = KeyScopes.Admin };
        _keys.Find(_secret.Hash).Returns(_key);
        _sessions = new DashboardSessions(_keys, _clock);
    }

    [Fact]
    public void A_token_leads_to_the_key_that_opened_it()
    {
        var session = _sessions.Open(_secret);

        session.Token.Should().HaveLength(43, "256 bits");
        session.Proof.Should().HaveLength(43, "256 bits").And.NotBe(session.Token);
        Find(session).Should().BeSameAs(_key);
        _sessions.Open(_secret).Should().NotBe(session);
        session.ToString().Should().Be("***");
    }

    [Fact]
    public void A_token_without_its_own_proof_leads_nowhere()
    {
        var (session, other) = (_sessions.Open(_secret), _sessions.Open(_secret));

        foreach (var proof in (string?[])[null, "", other.Proof, session.Token, session.Proof[..42], session.Proof + "A"])
        {
            _sessions.Use(session.Token, proof).Should().BeNull();
        }

        Find(session).Should().BeSameAs(_key, "a wrong proof ends nobody's session");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public void Another_token_leads_nowhere(string? token)
    {
        var session = _sessions.Open(_secret);

        _sessions.Use(token, session.Proof).Should().BeNull();
    }

    [Fact]
    public void It_ends_after_half_an_hour_without_a_request()
    {
        var token = _sessions.Open(_secret);
        for (var times = 0; times < 5; times++)
        {
            _clock.Advance(DashboardSessions.IdleLimit - TimeSpan.FromSeconds(1));
            Find(token).Should().NotBeNull();
        }

        _clock.Advance(DashboardSessions.IdleLimit);

        Find(token).Should().BeNull();
    }

    [Fact]
    public void It_ends_after_twelve_hours_however_much_it_is_used()
    {
        var token = _sessions.Open(_secret);
        for (var passed = TimeSpan.Zero; passed < DashboardSessions.Lifetime - TimeSpan.FromMinutes(10); passed += TimeSpan.FromMinutes(10))
        {
            _clock.Advance(TimeSpan.FromMinutes(10));
            Find(token).Should().NotBeNull($"only {passed} have passed");
        }

        _clock.Advance(TimeSpan.FromMinutes(10));

        Find(token).Should().BeNull();
    }

    [Fact]
    public void It_ends_with_its_key_or_its_secret_and_does_not_come_back_with_them()
    {
        var token = _sessions.Open(_secret);
        _keys.Find(_secret.Hash).Returns((ApiKey?)null);
        Find(token).Should().BeNull();

        _keys.Find(_secret.Hash).Returns(_key);

        Find(token).Should().BeNull();
    }

    [Fact]
    public void It_ends_when_the_key_is_no_admin_key_any_more()
    {
        var token = _sessions.Open(_secret);

        _keys.Find(_secret.Hash).Returns(_key with { Scopes = KeyScopes.Default });

        Find(token).Should().BeNull();
    }

    [Fact]
    public void It_ends_when_it_is_closed_and_no_other_does()
    {
        var (mine, other) = (_sessions.Open(_secret), _sessions.Open(_secret));

        _sessions.Close(mine.Token);
        _sessions.Close("nonsense");
        _sessions.Close(null);

        Find(mine).Should().BeNull();
        Find(other).Should().NotBeNull();
    }

    [Fact]
    public void One_too_many_takes_the_place_of_the_one_that_is_idle_for_longest()
    {
        var tokens = new List<SessionSecrets>();
        for (var number = 0; number < DashboardSessions.MaxSessions; number++)
        {
            tokens.Add(_sessions.Open(_secret));
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        Find(tokens[0]).Should().NotBeNull();

        var last = _sessions.Open(_secret);

        Find(tokens[1]).Should().BeNull();
        tokens.Where((_, number) => number != 1).Append(last).Should().OnlyContain(token => Find(token) != null);
    }

    private ApiKey? Find(SessionSecrets session) => _sessions.Use(session.Token, session.Proof);
}
