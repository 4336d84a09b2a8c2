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
