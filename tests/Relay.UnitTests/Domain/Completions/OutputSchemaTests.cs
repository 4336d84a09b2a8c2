using System.Text.Json;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Domain.Completions;

public sealed class OutputSchemaTests
{
    [Theory]
    [InlineData("""{"type":"object"}""", true)]
    [InlineData("{}", true)]
    [InlineData("""{"properties":{"a":{"type":"array"}}}""", true)]
    [InlineData("""{"type":"array"}""", false)]
    [InlineData("""{"type":["object","null"]}""", false)]
    [InlineData("true", false)]
    [InlineData("[]", false)]
    [InlineData("\"object\"", false)]
    [InlineData("null", false)]
    public void It_describes_an_object(string json, bool valid) => (Create(json).Error is null).Should().Be(valid);

    [Theory]
    [InlineData("""{"$schema":"https://json-schema.org/draft/2020-12/schema","$comment":"x","type":"object","x-a":1,"examples":[1],"discriminator":{}}""", """{"type":"object"}""")]
    [InlineData("""{"properties":{"$schema":{"type":"string","example":"a"},"x-a":true}}""", """{"properties":{"$schema":{"type":"string"},"x-a":true}}""")]
    [InlineData("""{"properties":{"a":{"type":"string","nullable":true}},"nullable":false}""", """{"properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]}}}""")]
    [InlineData("""{"properties":{"a":{"prefixItems":[{"type":"string","foo":1}],"items":false}}}""", """{"properties":{"a":{"items":[{"type":"string"}],"additionalItems":false}}}""")]
    [InlineData("""{"dependentRequired":{"a":["b"]},"dependentSchemas":{"c":{"required":["d"]}}}""", """{"dependencies":{"a":["b"],"c":{"required":["d"]}}}""")]
    [InlineData("""{"properties":{"a":{"minimum":1,"exclusiveMinimum":true,"maximum":9,"exclusiveMaximum":false}}}""", """{"properties":{"a":{"minimum":1,"exclusiveMinimum":1,"maximum":9}}}""")]
    [InlineData("""{"properties":{"a":{"type":"object","unevaluatedProperties":false}}}""", """{"properties":{"a":{"type":"object","additionalProperties":false}}}""")]
    [InlineData("""{"unevaluatedProperties":true,"enum":[{"x-a":1}],"const":{"$schema":1},"default":{"foo":null}}""", """{"enum":[{"x-a":1}],"const":{"$schema":1},"default":{"foo":null}}""")]
    [InlineData("""{"properties":5,"anyOf":{},"definitions":[]}""", """{"properties":5,"anyOf":{},"definitions":[]}""")]
    [InlineData("""{"dependentRequired":[1]}""", """{"dependencies":[1]}""")]
    [InlineData("""{"prefixItems":1}""", """{"items":1}""")]
    [InlineData("""{"$ref":"#x","definitions":{"x":{"$anchor":"x"}}}""", """{"$ref":"#x","definitions":{"x":{"$id":"#x"}}}""")]
    [InlineData("""{"$ref":"#/$defs/x","$defs":{"x":{"type":"object","deprecated":true}}}""", """{"$ref":"#/$defs/x","$defs":{"x":{"type":"object"}}}""")]
    public void A_schema_of_any_dialect_is_written_as_Claude_Code_takes_it(string json, string written) => Create(json).Value.Reveal().Should().Be(written);

    [Theory]
    [InlineData("""{"required":["a","toString"]}""", "toString")]
    [InlineData("""{"properties":{"a":{"items":{"required":["constructor"]}}}}""", "constructor")]
    [InlineData("""{"properties":{"__proto__":{"type":"string"}}}""", "__proto__")]
    [InlineData("""{"anyOf":[{},{"dependentRequired":{"a":["valueOf"]}}]}""", "valueOf")]
    [InlineData("""{"$defs":{"x":{"properties":{"hasOwnProperty":{}}}}}""", "hasOwnProperty")]
    public void A_name_that_every_object_of_the_validator_has_is_refused(string json, string name) =>
        Create(json).Error!.Message.Should().Contain($"'{name}'");

    [Theory]
    [InlineData("""{"properties":{"a":{"enum":[{"required":["toString"]}],"default":{"properties":{"toString":1}},"title":"toString"}}}""")]
    [InlineData("""{"properties":{"tostring":{}},"required":["value_of"]}""")]
    [InlineData("""{"$defs":{"toString":{"type":"string"}}}""")]
    public void The_same_letters_elsewhere_are_taken(string json) => Create(json).Error.Should().BeNull();

    [Theory]
    [InlineData("""{"$dynamicRef":"#x"}""", "$dynamicRef")]
    [InlineData("""{"properties":{"a":{"minContains":2}}}""", "minContains")]
    [InlineData("""{"allOf":[{}],"unevaluatedProperties":false}""", "unevaluatedProperties")]
    public void A_keyword_that_constrains_and_can_not_be_translated_is_refused_by_name(string json, string keyword) =>
        Create(json).Error.Should().Match<RelayError>(error => error.Field == "json_schema" && error.Message.Contains($"'{keyword}'"));

    [Theory]
    [InlineData("""{"type":"\ud800"}""")]
    [InlineData("""{"title":"\udc00"}""")]
    [InlineData("""{"properties":{"a\ud800":{}}}""")]
    [InlineData("""{"\ud800":1}""")]
    public void Half_of_a_surrogate_pair_is_refused(string json) => Create(json).Error!.Code.Should().Be(ErrorCode.InvalidRequest);

    [Fact]
    public void It_goes_to_the_model_on_one_line()
    {
        var schema = Create("{\n \"type\" : \"object\",\r\n \"title\": \"a\u2028b\" }").Value;

        schema.Reveal().Should().NotContainAny("\n", "\r", "\u2028");
        JsonElement.Parse(schema.Reveal()).GetProperty("title").GetString().Should().Be("a\u2028b");
        schema.ToString().Should().Be("***");
    }

    [Fact]
    public void One_byte_more_than_the_most_is_too_large()
    {
        var rest = OutputSchema.MaxBytes - """{"title":""}""".Length;

        Create($$"""{"title":"{{new string('a', rest)}}"}""").Error.Should().BeNull();
        Create($$"""{"title":"{{new string('a', rest + 1)}}"}""").Error!.Code.Should().Be(ErrorCode.TooLarge);
    }

    [Theory]
    [InlineData("low", Effort.Low)]
    [InlineData("medium", Effort.Medium)]
    [InlineData("high", Effort.High)]
    [InlineData("xhigh", Effort.XHigh)]
    [InlineData("max", Effort.Max)]
    public void An_effort_has_the_name_that_Claude_Code_knows(string name, Effort effort)
    {
        EffortNames.Parse("effort", name).Value.Should().Be(effort);
        effort.WireName().Should().Be(name);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Low")]
    [InlineData("none")]
    [InlineData("minimal")]
    public void Another_effort_is_refused_with_those_there_are(string name) => EffortNames.Parse("effort", name).Error!.Message.Should().Contain("low, medium, high, xhigh, max");

    private static Result<OutputSchema> Create(string json) => OutputSchema.Create("json_schema", JsonElement.Parse(json));
}
