using System.Text;
using Relay.Domain.Keys;
using Relay.Infrastructure.KeyFile;

namespace Relay.UnitTests.Infrastructure.KeyFile;

public sealed class KeyFileDocumentTests
{
    private static readonly string Hash = KeyHash.Of("x").Value;

    [Fact]
    public void Keys_survive_being_written_and_read_again()
    {
        ApiKey[] keys = [Any.Key("a"), Any.Key("b", 5), Any.Key("c").Revoke(Any.Time.AddDays(1))];

        KeyFileDocument.Parse(KeyFileDocument.Format(keys)).Should().Equal(keys);
    }

    [Fact]
    public void Every_field_survives_being_written_and_read_again()
    {
        var (key, _) = ApiKey.Create(Any.Label("a"), Any.Time);
        key = key with
        {
            ExpiresAt = Any.Time.AddDays(30).AddTicks(1),
            RevokedAt = Any.Time.AddDays(2),
            Scopes = KeyScopes.Usage | KeyScopes.Admin,
            Models = [Any.Model("opus"), Any.Model("sonnet[1m]")],
            Limits = new KeyLimits(1, 2, 3, 4.000001m),
        };
        key = key.Rotate(TimeSpan.FromHours(1), Any.Time).Key.Rotate(TimeSpan.FromHours(2), Any.Time).Key;

        var read = KeyFileDocument.Parse(KeyFileDocument.Format([key])).Should().ContainSingle().Subject;

        (read with { Models = key.Models, OldSecrets = key.OldSecrets }).Should().Be(key);
        read.Models.Should().Equal(key.Models);
        read.OldSecrets.Should().HaveCount(2).And.Equal(key.OldSecrets);
        typeof(ApiKey)
            .GetProperties()
            .Select(property => property.GetValue(key))
            .Should()
            .NotContainNulls("a property that this test leaves out could get lost");
    }

    [Fact]
    public void Version_1_had_a_daily_limit_and_nothing_else_of_its_own()
    {
        var key = Parse($$"""{"version":1,"keys":[{{Entry(more: ",\"daily_limit\":5,\"revoked_at\":\"2026-03-15T00:00:00Z\"")}}]}""")
            .Should()
            .ContainSingle()
            .Subject;
        (key.Limits, key.Scopes, key.Models, key.ExpiresAt).Should().Be((new KeyLimits(RequestsPerDay: 5), KeyScopes.Default, null, null));
        key.RevokedAt.Should().Be(new DateTimeOffset(2026, 3, 15, 0, 0, 0, TimeSpan.Zero));
        Encoding
            .UTF8.GetString(KeyFileDocument.Format([key]))
            .Should()
            .Contain("\"version\": 2")
            .And.Contain("\"daily\": 5")
            .And.NotContain("daily_limit");
    }

    [Fact]
    public void A_label_may_be_that_of_a_revoked_key_again()
    {
        ApiKey[] keys = [Any.Key("a").Revoke(Any.Time), Any.Key("a").Revoke(Any.Time), Any.Key("a")];
        KeyFileDocument.Parse(KeyFileDocument.Format(keys)).Should().HaveCount(3);
    }

    [Fact]
    public void Two_keys_in_force_of_one_label_are_refused() =>
        ((Action)(() => KeyFileDocument.Parse(KeyFileDocument.Format([Any.Key("a"), Any.Key("a")]))))
            .Should()
            .Throw<FormatException>()
            .WithMessage("*label 'a'*");

    [Fact]
    public void A_retired_secret_that_is_also_another_keys_is_refused()
    {
        var (first, second) = (Any.Key("a"), Any.Key("b"));
        ApiKey[][] doubled =
        [
            [first, second with { OldSecrets = [new OldSecret(first.Hash, Any.Time)] }],
            [first with { OldSecrets = [new OldSecret(second.Hash, Any.Time)] }, second],
            [first with { OldSecrets = [new OldSecret(first.Hash, Any.Time)] }],
        ];
        foreach (var keys in doubled)
        {
            ((Action)(() => KeyFileDocument.Parse(KeyFileDocument.Format(keys))))
                .Should()
                .Throw<FormatException>()
                .WithMessage("*same id or hash*");
        }
    }

    [Fact]
    public void No_keys_survive_too() => KeyFileDocument.Parse(KeyFileDocument.Format([])).Should().BeEmpty();

    [Fact]
    public void The_file_has_the_documented_names()
    {
        var text = Encoding.UTF8.GetString(KeyFileDocument.Format([Any.Key("a", 5).Revoke(Any.Time)]));

        foreach (
            var name in (string[])
                ["version", "keys", "id", "label", "hash", "prefix", "created_at", "revoked_at", "scopes", "limits", "daily"]
        )
        {
            text.Should().Contain($"\"{name}\":");
        }
    }

    [Fact]
    public void A_file_written_by_hand_with_what_is_needed_is_read() =>
        Parse($$"""{"version":1,"keys":[{{Entry()}}]}""")
            .Should()
            .ContainSingle()
            .Which.Should()
            .Match<ApiKey>(key => key.IsActive(Any.Time) && key.Limits == KeyLimits.Default && key.Label.Value == "app");

    [Fact]
    public void A_newer_version_is_refused_by_its_number() =>
        Refusing("""{"version":3,"keys":[],"new":{"version":1}}""")
            .Should()
            .Throw<FormatException>()
            .WithMessage("*version 3 is newer than 2*");

    public static TheoryData<string> Broken =>
        [
            "",
            " ",
            "null",
            "[]",
            "{}",
            "garbage",
            "\0\0\0\0",
            """{"version":1}""",
            """{"keys":[]}""",
            """{"version":0,"keys":[]}""",
            """{"version":-1,"keys":[]}""",
            """{"version":"1","keys":[]}""",
            """{"version":1,"keys":null}""",
            """{"version":1,"keys":{}}""",
            """{"version":1,"keys":[null]}""",
            """{"version":1,"keys":["app"]}""",
            """{"version":1,"version":1,"keys":[]}""",
            """{"version":1,"keys":[],"more":1}""",
            """{"version":1,"keys":[]} {}""",
            $$"""{"version":1,"keys":[{{Entry()}}]""",
            $$"""{"version":1,"keys":[{{Entry(id: "")}}]}""",
            $$"""{"version":1,"keys":[{{Entry(label: "a b")}}]}""",
            $$"""{"version":1,"keys":[{{Entry(hash: "sha256:00")}}]}""",
            $$"""{"version":1,"keys":[{{Entry(more: ",\"colour\":\"red\"")}}]}""",
            $$"""{"version":1,"keys":[{{Entry(more: ",\"daily_limit\":\"5\"")}}]}""",
            $$"""{"version":1,"keys":[{{Entry(more: ",\"revoked_at\":\"yesterday\"")}}]}""",
            $$"""{"version":1,"keys":[{{Entry()}},{{Entry()}}]}""",
            $$"""{"version":1,"keys":[{{Entry()}},{{Entry(id: "key_2", label: "other")}}]}""",
            $$"""{"version":2,"keys":[{{Entry(more: ",\"scopes\":[]")}}]}""",
            $$"""{"version":2,"keys":[{{Entry(more: ",\"scopes\":[null]")}}]}""",
            $$"""{"version":2,"keys":[{{Entry(more: ",\"scopes\":[\"everything\"]")}}]}""",
            $$"""{"version":2,"keys":[{{Entry(more: ",\"models\":[]")}}]}""",
            $$"""{"version":2,"keys":[{{Entry(more: ",\"models\":[null]")}}]}""",
            $$"""{"version":2,"keys":[{{Entry(more: ",\"models\":[\"--help\"]")}}]}""",
            $$"""{"version":2,"keys":[{{Entry(more: ",\"limits\":{\"rpm\":0}")}}]}""",
            $$"""{"version":2,"keys":[{{Entry(more: ",\"limits\":{\"usd_per_day\":-1}")}}]}""",
            $$"""{"version":2,"keys":[{{Entry(more: ",\"limits\":{\"colour\":1}")}}]}""",
            $$"""{"version":2,"keys":[{{Entry(more: ",\"daily_limit\":0")}}]}""",
            $$"""{"version":2,"keys":[{{Entry(more: ",\"retired\":[null]")}}]}""",
            $$"""{"version":2,"keys":[{{Entry(more: ",\"retired\":[{\"hash\":\"x\",\"until\":\"2026-03-14T15:09:26Z\"}]")}}]}""",
            """{"version":1,"keys":[{}]}""",
            """{"version":1,"keys":[{"id":null,"label":null,"hash":null,"prefix":null}]}""",
        ];

    [Theory]
    [MemberData(nameof(Broken), DisableDiscoveryEnumeration = true)]
    public void Anything_else_is_refused_and_never_taken_for_no_keys(string text) => Refusing(text).Should().Throw<FormatException>();

    [Fact]
    public void Every_file_cut_short_is_refused()
    {
        var whole = KeyFileDocument.Format([Any.Key("a"), Any.Key("b")]);

        Enumerable.Range(0, whole.Length).Where(length => CanParse(whole.AsSpan(0, length))).Should().BeEmpty();
    }

    [Fact]
    public void A_refusal_holds_nothing_of_the_content() =>
        Refusing($$"""{"version":1,"keys":[{{Entry(label: "private words")}}]}""")
            .Should()
            .Throw<FormatException>()
            .Which.Message.Should()
            .NotContain("private");

    private static string Entry(string id = "key_1", string label = "app", string? hash = null, string more = "") =>
        $$"""{"id":"{{id}}","label":"{{label}}","hash":"{{hash ?? Hash}}","prefix":"crk_abcdef","created_at":"2026-03-14T15:09:26+00:00"{{more}}}""";

    private static IReadOnlyList<ApiKey> Parse(string text) => KeyFileDocument.Parse(Encoding.UTF8.GetBytes(text));

    private static Action Refusing(string text) => () => Parse(text);

    private static bool CanParse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            KeyFileDocument.Parse(bytes);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }
}
