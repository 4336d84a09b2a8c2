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
    [InlineData("""{"type":"array"}""", true)]
    [InlineData("""{"type":["object","null"]}""", true)]
    [InlineData("true", false)]
    [InlineData("[]", false)]
    [InlineData("\"object\"", false)]
    [InlineData("null", false)]
    public void It_is_an_object(string json, bool valid) => (Create(json).Error is null).Should().Be(valid);

    [Fact]
    public void A_number_that_JavaScript_can_not_keep_is_refused() =>
        Create("""{"type":"object","properties":{"a":{"maximum":1e400}}}""").Error!.Message.Should().Contain("no double can hold");

    [Theory]
    [InlineData(
        """{"$schema":"https://json-schema.org/draft/2020-12/schema","$comment":"x","type":"object","x-a":1,"examples":[1],"discriminator":{}}""",
        """{"type":"object"}"""
    )]
    [InlineData(
        """{"type":"object","properties":{"$schema":{"type":"string","example":"a"},"x-a":true}}""",
        """{"type":"object","properties":{"$schema":{"type":"string"},"x-a":true}}"""
    )]
    [InlineData(
        """{"type":"object","properties":{"a":{"type":"string","nullable":true}},"nullable":false}""",
        """{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]}}}"""
    )]
    [InlineData(
        """{"type":"object","properties":{"a":{"prefixItems":[{"type":"string","foo":1}],"items":false}}}""",
        """{"type":"object","properties":{"a":{"items":[{"type":"string"}],"additionalItems":false}}}"""
    )]
    [InlineData(
        """{"type":"object","dependentRequired":{"a":["b"]},"dependentSchemas":{"c":{"required":["d"]}}}""",
        """{"type":"object","dependencies":{"a":["b"],"c":{"required":["d"]}}}"""
    )]
    [InlineData(
        """{"type":"object","properties":{"a":{"minimum":1,"exclusiveMinimum":true,"maximum":9,"exclusiveMaximum":false}}}""",
        """{"type":"object","properties":{"a":{"minimum":1,"exclusiveMinimum":1,"maximum":9}}}"""
    )]
    [InlineData(
        """{"type":"object","properties":{"a":{"type":"object","unevaluatedProperties":false}}}""",
        """{"type":"object","properties":{"a":{"type":"object","additionalProperties":false}}}"""
    )]
    [InlineData(
        """{"type":"object","properties":{"a":{"unevaluatedProperties":true,"enum":[{"x-a":1}],"const":{"$schema":1},"default":{"foo":null}}}}""",
        """{"type":"object","properties":{"a":{"enum":[{"x-a":1}],"const":{"$schema":1},"default":{"foo":null}}}}"""
    )]
    [InlineData(
        """{"type":"object","properties":{"a":{"properties":5,"anyOf":{},"definitions":[]}}}""",
        """{"type":"object","properties":{"a":{"properties":5,"anyOf":{},"definitions":[]}}}"""
    )]
    [InlineData("""{"type":"object","dependentRequired":[1]}""", """{"type":"object","dependencies":[1]}""")]
    [InlineData("""{"type":"object","prefixItems":1}""", """{"type":"object","items":1}""")]
    [InlineData(
        """{"type":"object","properties":{"a":{"$ref":"#x"}},"definitions":{"x":{"$anchor":"x"}}}""",
        """{"type":"object","properties":{"a":{"$ref":"#x"}},"definitions":{"x":{"$id":"#x"}}}"""
    )]
    [InlineData(
        """{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"object","deprecated":true}}}""",
        """{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"object"}}}"""
    )]
    public void A_schema_of_any_dialect_is_written_as_Claude_Code_takes_it(string json, string written) =>
        Create(json).Value.Reveal().Should().Be(written);

    [Theory]
    [InlineData("""{"type":"array","items":{"type":"string"}}""", """{"type":"array","items":{"type":"string"}}""")]
    [InlineData("""{"type":"number","nullable":true}""", """{"anyOf":[{"type":"number"},{"type":"null"}]}""")]
    [InlineData("""{"type":["object","null"]}""", """{"type":["object","null"]}""")]
    [InlineData("""{"enum":["a","b"]}""", """{"enum":["a","b"]}""")]
    [InlineData(
        """{"type":"object","oneOf":[{"required":["a"]},{"required":["b"]}]}""",
        """{"type":"object","oneOf":[{"required":["a"]},{"required":["b"]}]}"""
    )]
    [InlineData(
        """{"type":"array","items":{"anyOf":[{"$ref":"#"},{"$ref":"#/items/x"},{"$ref":"#y"}]}}""",
        """{"type":"array","items":{"anyOf":[{"$ref":"#/properties/value"},{"$ref":"#/properties/value/items/x"},{"$ref":"#y"}]}}"""
    )]
    [InlineData(
        """{"anyOf":[{"properties":{"default":{"$ref":"#"},"$ref":{"default":{"$ref":"#"}}}}]}""",
        """{"anyOf":[{"properties":{"default":{"$ref":"#/properties/value"},"$ref":{"default":{"$ref":"#"}}}}]}"""
    )]
    public void A_schema_of_anything_else_is_put_into_an_object(string json, string inside)
    {
        var schema = Create(json).Value;

        schema
            .Reveal()
            .Should()
            .Be($$$"""{"type":"object","properties":{"value":{{{inside}}}},"required":["value"],"additionalProperties":false}""");
        schema.Unwrap("""{"value": [1, {"a": 2.0}]}""").Should().Be("""[1, {"a": 2.0}]""");
    }

    [Fact]
    public void Definitions_stay_at_the_root()
    {
        Create(
            """{"$id":"https://relay.test/x","$ref":"#/$defs/a","$defs":{"a":{"items":{"$ref":"#/definitions/b"}}},"definitions":{"b":{}}}"""
        )
            .Value.Reveal()
            .Should()
            .Be(
                """{"type":"object","properties":{"value":{"$ref":"#/$defs/a"}},"required":["value"],"additionalProperties":false,"definitions":{"b":{}},"$defs":{"a":{"items":{"$ref":"#/definitions/b"}}}}"""
            );
    }

    [Fact]
    public void An_answer_that_was_asked_for_as_an_object_stays_as_it_is() =>
        Create("""{"properties":{"value":{}}}""").Value.Unwrap("""{"value": 1}""").Should().Be("""{"value": 1}""");

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
    public void Another_effort_is_refused_with_those_there_are(string name) =>
        EffortNames.Parse("effort", name).Error!.Message.Should().Contain("low, medium, high, xhigh, max");

    private static Result<OutputSchema> Create(string json) => OutputSchema.Create("json_schema", JsonElement.Parse(json));
}
