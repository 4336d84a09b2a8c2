using System.Text;
using System.Text.Json;
using Relay.Api.Http;
using Relay.Application.Contracts;
using Relay.Domain.Keys;
using Relay.Infrastructure.KeyFile;

namespace Relay.UnitTests.Application.Contracts;

/// <summary>The one wire form of a key.</summary>
public sealed class KeyContractTests
{
    private static readonly KeyLimits Limits = new(3, 7, 2, 1.25m);

    [Fact]
    public void A_key_is_written_without_a_hash_and_with_its_own_limits_by_their_wire_names()
    {
        var key = Any.Key() with { Limits = Limits, AllowsTools = false };

        var text = JsonSerializer.Serialize(KeyContract.From(key, Any.Time, Any.Time), JsonContract.Options);

        text.Should()
            .EndWith(
                "\"scopes\":[\"complete\",\"fetch\",\"usage\"],\"no_tools\":true,"
                    + "\"limits\":{\"rpm\":3,\"daily\":7,\"concurrency\":2,\"usd_per_day\":1.25}}"
            )
            .And.Contain("\"last_used_at\":")
            .And.NotContain(key.Hash.Value);
    }

    [Fact]
    public void Limits_have_the_same_form_in_the_key_file()
    {
        var stored = JsonElement.Parse(Encoding.UTF8.GetString(KeyFileDocument.FormatEntry(Any.Key() with { Limits = Limits })));

        stored
            .GetProperty("limits")
            .GetRawText()
            .Should()
            .Be(JsonSerializer.Serialize(KeyLimitsContract.From(Limits), JsonContract.Options));
        KeyLimitsContract.From(Limits).ToLimits().Should().Be(Limits);
    }
}
