using System.Text;
using Relay.Api.Idempotency;
using Relay.Domain.Keys;

namespace Relay.UnitTests.Api.Idempotency;

public sealed class IdempotencySealTests
{
    private readonly KeySecret _secret = KeySecret.Generate();

    [Fact]
    public void Sealed_bytes_open_with_the_same_secret_and_name_only()
    {
        using var seal = new IdempotencySeal(_secret);
        using var same = new IdempotencySeal(KeySecret.Parse(_secret.Reveal())!);
        using var other = new IdempotencySeal(KeySecret.Generate());
        var kept = seal.Seal("name", "answer"u8);

        Encoding.UTF8.GetString(same.Open("name", kept)!).Should().Be("answer");
        same.Open("another", kept).Should().BeNull();
        other.Open("name", kept).Should().BeNull();
        Encoding.Latin1.GetString(kept).Should().NotContain("answer");
        seal.Seal("name", "answer"u8).Should().NotEqual(kept, "a nonce is used once");
    }

    [Fact]
    public void One_changed_byte_anywhere_and_it_does_not_open()
    {
        using var seal = new IdempotencySeal(_secret);
        var kept = seal.Seal("name", "answer"u8);

        for (var index = 0; index < kept.Length; index++)
        {
            var changed = kept.ToArray();
            changed[index] ^= 1;
            seal.Open("name", changed).Should().BeNull();
        }

        seal.Open("name", kept.AsSpan(0, 10)).Should().BeNull();
        seal.Open("name", []).Should().BeNull();
    }

    [Fact]
    public void Names_and_fingerprints_tell_nothing_without_the_secret_and_keep_everything_apart()
    {
        using var seal = new IdempotencySeal(_secret);
        using var same = new IdempotencySeal(_secret);
        using var other = new IdempotencySeal(KeySecret.Generate());

        seal.NameOf("v1/complete", "k").Should().Be(same.NameOf("v1/complete", "k"));
        seal.FingerprintOf("body"u8).Should().Be(same.FingerprintOf("body"u8));
        new[]
        {
            seal.NameOf("v1/complete", "k"),
            seal.NameOf("v1/fetch", "k"),
            seal.NameOf("v1/complete", "l"),
            other.NameOf("v1/complete", "k"),
        }
            .Should()
            .OnlyHaveUniqueItems();
        new[] { seal.FingerprintOf("body"u8), seal.FingerprintOf("body2"u8), other.FingerprintOf("body"u8) }.Should().OnlyHaveUniqueItems();
    }
}
