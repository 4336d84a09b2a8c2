using System.Text.Json;
using Relay.Domain.Keys;

namespace Relay.UnitTests.Domain.Keys;

public sealed class KeyTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("Billing_app-2.staging")]
    [InlineData("-rf")]
    [InlineData("..")]
    public void A_label_is_letters_digits_dots_underscores_and_hyphens(string text) => KeyLabel.Create(text).Value.Value.Should().Be(text);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("a/b")]
    [InlineData("a\n")]
    [InlineData("\u001b[31m")]
    [InlineData("ä")]
    [InlineData("a\"")]
    public void Other_labels_are_refused(string? text) => KeyLabel.Create(text).Error!.Field.Should().Be("label");

    [Fact]
    public void The_longest_label_is_accepted_and_one_more_character_is_not()
    {
        KeyLabel.Create(new string('a', KeyLabel.MaxLength)).Error.Should().BeNull();
        KeyLabel.Create(new string('a', KeyLabel.MaxLength + 1)).Error.Should().NotBeNull();
    }

    [Fact]
    public void A_new_key_works_and_knows_its_secret_only_as_a_hash()
    {
        var (key, secret) = ApiKey.Create(Any.Label("billing"), Any.Time);

        key.IsActive(Any.Time).Should().BeTrue();
        key.Id.Should().MatchRegex("^key_[0-9a-f]{16}$");
        key.Hash.Should().Be(secret.Hash);
        key.Prefix.Should().Be(secret.Reveal()[..10]);
        (key.CreatedAt, key.RevokedAt, key.ExpiresAt, key.Label.Value).Should().Be((Any.Time, null, null, "billing"));
        (key.Limits, key.Scopes, key.Models).Should().Be((KeyLimits.Default, KeyScopes.Default, null));
        $"{key} {JsonSerializer.Serialize(key)}".Should().NotContain(secret.Reveal()).And.NotContain(secret.Reveal()[10..]);
    }

    [Fact]
    public void Two_keys_share_neither_id_nor_secret()
    {
        var (first, second) = (Any.Key(), Any.Key());

        first.Id.Should().NotBe(second.Id);
        first.Hash.Should().NotBe(second.Hash);
    }

    [Fact]
    public void A_revoked_key_stays_revoked_since_the_first_time()
    {
        var revoked = Any.Key().Revoke(Any.Time);

        revoked.IsActive(Any.Time).Should().BeFalse();
        revoked.Opens(revoked.Hash, Any.Time).Should().BeFalse();
        revoked.Revoke(Any.Time.AddDays(1)).RevokedAt.Should().Be(Any.Time);
    }

    [Fact]
    public void A_key_that_expires_works_until_its_time_and_not_from_then_on()
    {
        var key = Any.Key() with { ExpiresAt = Any.Time };
        key.IsActive(Any.Time.AddTicks(-1)).Should().BeTrue();
        key.IsActive(Any.Time).Should().BeFalse();
        (key with { ExpiresAt = null }).IsActive(DateTimeOffset.MaxValue).Should().BeTrue();
    }

    [Fact]
    public void A_rotated_key_is_the_same_key_with_a_new_secret()
    {
        var (key, _) = ApiKey.Create(Any.Label("billing"), Any.Time);
        key = key with
        {
            ExpiresAt = Any.Time.AddDays(90),
            Scopes = KeyScopes.Usage,
            Models = [Any.Model()],
            Limits = new KeyLimits(1, 2, 3, 4),
        };

        var (rotated, secret) = key.Rotate(TimeSpan.Zero, Any.Time.AddDays(1));

        (rotated with { Hash = key.Hash, Prefix = key.Prefix, RotatedAt = null, OldSecrets = key.OldSecrets }).Should().Be(key);
        (rotated.Hash, rotated.Prefix, rotated.RotatedAt).Should().Be((secret.Hash, secret.Prefix, Any.Time.AddDays(1)));
        rotated.Hash.Should().NotBe(key.Hash);
    }

    [Fact]
    public void Of_two_copies_of_a_key_the_newer_secrets_are_its_own()
    {
        var (key, _) = ApiKey.Create(Any.Label(), Any.Time);
        var (once, _) = key.Rotate(TimeSpan.FromDays(9), Any.Time.AddDays(1));
        var (twice, _) = key.Rotate(TimeSpan.Zero, Any.Time.AddDays(2));
        var other = twice with { Limits = new KeyLimits(1, 2, 3, 4) };

        once.WithNewerSecretsOf(other)
            .Should()
            .Be(once with { Hash = twice.Hash, Prefix = twice.Prefix, RotatedAt = twice.RotatedAt, OldSecrets = twice.OldSecrets });
        other.WithNewerSecretsOf(once).Should().Be(other);
        key.WithNewerSecretsOf(key).Should().Be(key);
    }

    [Fact]
    public void The_old_secret_works_until_the_overlap_is_over_and_not_from_then_on()
    {
        var (key, old) = ApiKey.Create(Any.Label(), Any.Time);
        var (rotated, current) = key.Rotate(TimeSpan.FromHours(1), Any.Time);

        rotated.Opens(old.Hash, Any.Time.AddHours(1).AddTicks(-1)).Should().BeTrue();
        rotated.Opens(old.Hash, Any.Time.AddHours(1)).Should().BeFalse();
        rotated.Opens(current.Hash, Any.Time.AddYears(1)).Should().BeTrue();
        rotated.Opens(KeySecret.Generate().Hash, Any.Time).Should().BeFalse();
        rotated.OldSecretUntil(Any.Time).Should().Be(Any.Time.AddHours(1));
        rotated.OldSecretUntil(Any.Time.AddHours(1)).Should().BeNull("none works any more");
        key.OldSecretUntil(Any.Time).Should().BeNull();
    }

    [Fact]
    public void Without_an_overlap_the_old_secret_is_shut_at_once()
    {
        var (key, old) = ApiKey.Create(Any.Label(), Any.Time);

        var rotated = key.Rotate(TimeSpan.Zero, Any.Time).Key;

        rotated.Opens(old.Hash, Any.Time).Should().BeFalse();
        rotated.OldSecrets.Should().BeEmpty();
    }

    [Fact]
    public void A_second_rotation_keeps_the_overlaps_that_last_and_drops_those_that_are_over()
    {
        var (key, first) = ApiKey.Create(Any.Label(), Any.Time);
        var (again, second) = key.Rotate(TimeSpan.FromHours(3), Any.Time);
        var third = again.Rotate(TimeSpan.FromHours(3), Any.Time.AddHours(1)).Key;

        third.Opens(first.Hash, Any.Time.AddHours(2)).Should().BeTrue("its overlap is not over");
        third.Opens(second.Hash, Any.Time.AddHours(2)).Should().BeTrue();
        third
            .Rotate(TimeSpan.FromMinutes(1), Any.Time.AddHours(3))
            .Key.Opens(second.Hash, Any.Time.AddHours(3).AddMinutes(1))
            .Should()
            .BeFalse("no older secret outlives the overlap that was named last");
        third
            .Rotate(TimeSpan.Zero, Any.Time.AddHours(2))
            .Key.OldSecrets.Should()
            .BeEmpty("a secret that leaked is shut, whatever was promised before");
    }

    [Fact]
    public void A_key_allows_its_own_models_and_without_a_list_all()
    {
        var key = Any.Key() with { Models = [Any.Model("haiku"), Any.Model("sonnet")] };
        (key.Allows(Any.Model("haiku")), key.Allows(Any.Model("sonnet")), key.Allows(Any.Model("opus"))).Should().Be((true, true, false));
        Any.Key().Allows(Any.Model("opus")).Should().BeTrue();
    }

    [Fact]
    public void Scopes_have_names_in_a_fixed_order()
    {
        KeyScopeNames.All.Should().Equal("complete", "fetch", "usage", "admin");
        KeyScopes.Default.ToNames().Should().Equal("complete", "fetch", "usage");
        KeyScopeNames.Parse(["admin", "complete", "admin"]).Value.Should().Be(KeyScopes.Complete | KeyScopes.Admin);
        foreach (var scopes in Enumerable.Range(1, 15).Select(bits => (KeyScopes)bits))
        {
            KeyScopeNames.Parse(scopes.ToNames()).Value.Should().Be(scopes);
        }
    }

    [Theory]
    [InlineData]
    [InlineData("")]
    [InlineData("Complete")]
    [InlineData("complete", "everything")]
    [InlineData("complete,usage")]
    [InlineData("none")]
    public void Other_scopes_or_none_are_refused(params string[] names) => KeyScopeNames.Parse(names).Error!.Field.Should().Be("scopes");

    [Fact]
    public void Limits_within_their_bounds_have_no_problem()
    {
        KeyLimits.Default.Problem.Should().BeNull();
        new KeyLimits(1, 1, 1, 0.000001m).Problem.Should().BeNull();
        new KeyLimits(KeyLimits.MaxRequests, KeyLimits.MaxRequests, KeyLimits.MaxConcurrency, KeyLimits.MaxUsd).Problem.Should().BeNull();
    }

    public static TheoryData<KeyLimits, string> WrongLimits =>
        new()
        {
            { new KeyLimits(RequestsPerMinute: 0), "rpm" },
            { new KeyLimits(RequestsPerMinute: KeyLimits.MaxRequests + 1), "rpm" },
            { new KeyLimits(RequestsPerDay: 0), "daily" },
            { new KeyLimits(RequestsPerDay: KeyLimits.MaxRequests + 1), "daily" },
            { new KeyLimits(Concurrency: 0), "concurrency" },
            { new KeyLimits(Concurrency: KeyLimits.MaxConcurrency + 1), "concurrency" },
            { new KeyLimits(UsdPerDay: 0), "usd_per_day" },
            { new KeyLimits(UsdPerDay: -0.01m), "usd_per_day" },
            { new KeyLimits(UsdPerDay: KeyLimits.MaxUsd + 0.01m), "usd_per_day" },
        };

    [Theory]
    [MemberData(nameof(WrongLimits), DisableDiscoveryEnumeration = true)]
    public void Limits_beyond_their_bounds_are_named(KeyLimits limits, string field) => limits.Problem!.Field.Should().Be(field);
}
