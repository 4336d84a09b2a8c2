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
        revoked.Revoke(Any.Time.AddDays(1)).RevokedAt.Should().Be(Any.Time);
    }
}
