using System.Text.Json;
using Relay.Application.Keys;
using Relay.Domain.Keys;

namespace Relay.UnitTests.Domain.Keys;

public sealed class KeySecretTests
{
    private const string Replacements = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ ~\0é";

    [Fact]
    public void A_secret_is_scannable_and_long_and_never_twice_the_same()
    {
        var secrets = Enumerable.Range(0, 200).Select(_ => KeySecret.Generate().Reveal()).ToList();

        secrets.Should().OnlyHaveUniqueItems().And.AllSatisfy(secret => secret.Should().MatchRegex("^crk_[A-Za-z0-9_-]{49}$"));
    }

    [Fact]
    public void A_generated_secret_can_be_parsed_and_has_the_same_hash()
    {
        var secret = KeySecret.Generate();

        var parsed = KeySecret.Parse(secret.Reveal());

        parsed!.Hash.Should().Be(secret.Hash);
        parsed.Reveal().Should().Be(secret.Reveal());
    }

    [Fact]
    public void Any_single_changed_character_is_refused()
    {
        var secret = KeySecret.Generate().Reveal();
        var accepted =
            from position in Enumerable.Range(0, secret.Length)
            from letter in Replacements
            where letter != secret[position]
            let changed = secret[..position] + letter + secret[(position + 1)..]
            where KeySecret.Parse(changed) is not null
            select changed;

        accepted.Should().BeEmpty();
    }

    [Fact]
    public void Any_two_swapped_neighbours_are_refused()
    {
        var secret = KeySecret.Generate().Reveal();
        var accepted =
            from position in Enumerable.Range(0, secret.Length - 1)
            where secret[position] != secret[position + 1]
            let swapped = secret[..position] + secret[position + 1] + secret[position] + secret[(position + 2)..]
            where KeySecret.Parse(swapped) is not null
            select swapped;

        accepted.Should().BeEmpty();
    }

    [Fact]
    public void Text_around_or_instead_of_a_secret_is_refused()
    {
        var secret = KeySecret.Generate().Reveal();
        string?[] others =
        [
            null,
            "",
            "crk_",
            secret[..^1],
            secret + "A",
            " " + secret,
            secret + "\n",
            secret.ToUpperInvariant(),
            "sk-" + secret[3..],
            new string('A', secret.Length),
        ];

        others.Where(other => KeySecret.Parse(other) is not null).Should().BeEmpty();
    }

    [Fact]
    public void It_never_prints_or_serialises_itself()
    {
        var (key, secret) = ApiKey.Create(Any.Label(), Any.Time);
        var added = new AddedKey(key, secret);
        var hidden = secret.Reveal()[secret.Prefix.Length..];

        $"{secret}".Should().Be("***");
        $"{added}".Should().Contain("***").And.NotContain(hidden);
        JsonSerializer.Serialize(secret).Should().NotContain(hidden);
        JsonSerializer.Serialize(added).Should().NotContain(hidden);
        typeof(KeySecret)
            .GetProperties()
            .Select(property => property.GetValue(secret)?.ToString())
            .Should()
            .NotBeEmpty()
            .And.NotContain(shown => shown!.Contains(hidden), "a logger may look at every property");
    }

    [Fact]
    public void A_hash_is_SHA_256_in_its_stored_form()
    {
        KeyHash.Of("abc").Value.Should().Be("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        KeyHash.Parse(KeyHash.Of("abc").Value).Should().Be(KeyHash.Of("abc"));
    }

    [Fact]
    public void Other_texts_are_no_hash()
    {
        var stored = KeyHash.Of("abc").Value;
        string?[] others =
        [
            null,
            "",
            "sha256:",
            stored[..^1],
            stored + "0",
            stored.ToUpperInvariant(),
            "sha512:" + stored[7..],
            stored[..^1] + "g",
            " " + stored[..^1],
        ];

        others.Where(other => KeyHash.Parse(other) is not null).Should().BeEmpty();
    }

    [Fact]
    public void Hashes_are_compared_to_the_last_character()
    {
        var hash = KeyHash.Of("abc");
        var last = hash.Value[^1] == '0' ? '1' : '0';

        hash.FixedTimeEquals(KeyHash.Of("abc")).Should().BeTrue();
        hash.FixedTimeEquals(KeyHash.Of("abd")).Should().BeFalse();
        hash.FixedTimeEquals(KeyHash.Parse(hash.Value[..^1] + last)!).Should().BeFalse();
    }
}
