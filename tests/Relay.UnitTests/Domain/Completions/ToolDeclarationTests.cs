using System.Text.Json;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Domain.Completions;

public sealed class ToolDeclarationTests
{
    [Theory]
    [InlineData("weather")]
    [InlineData("mcp__server__get-time_2")]
    public void A_name_of_both_APIs_is_taken(string name) => Declare(name).Value.Name.Should().Be(name);

    [Theory]
    [InlineData("")]
    [InlineData("a.b")]
    [InlineData("a b")]
    [InlineData("wetter_in_köln")]
    [InlineData(null)]
    public void Another_name_is_refused(string? name) =>
        Declare(name).Error.Should().BeEquivalentTo(new { Code = ErrorCode.InvalidRequest, Field = "tools[0].name" });

    [Fact]
    public void A_name_has_at_most_128_letters()
    {
        Declare(new string('a', 128)).Error.Should().BeNull();
        Declare(new string('a', 129)).Error.Should().NotBeNull();
    }

    [Theory]
    [InlineData(null, """{"type":"object","properties":{}}""")]
    [InlineData("{}", """{"type":"object"}""")]
    [InlineData("""{"properties":{"a":true}}""", """{"type":"object","properties":{"a":true}}""")]
    [InlineData("""{ "type": "object", "required": ["a"], "x-other": 1 }""", """{"type":"object","required":["a"],"x-other":1}""")]
    [InlineData(
        """{"type":"object","properties":{"a":{"type":["string","null"],"enum":["x",null]},"b":{"items":{"$ref":"#/$defs/c"}},"d":{"items":[{"const":1}]}},"$defs":{"c":{"anyOf":[{"type":"integer"}]}}}""",
        null
    )]
    public void The_schema_of_an_object_is_taken(string? schema, string? sent) =>
        Declare("f", schema).Value.RevealInputSchema().Should().Be(sent ?? schema);

    [Theory]
    [InlineData("[]", "not an object")]
    [InlineData("""{"type":"string"}""", "another type")]
    [InlineData("""{"type":["object"]}""", "another type")]
    [InlineData("""{"properties":{"a":{"type":"text"}}}""", "'properties.a.type'")]
    [InlineData("""{"properties":[]}""", "'properties'")]
    [InlineData("""{"required":[1]}""", "'required'")]
    [InlineData("""{"anyOf":{"a":1}}""", "'anyOf'")]
    [InlineData("""{"properties":{"a":{"items":5}}}""", "'properties.a.items'")]
    [InlineData("""{"enum":1}""", "'enum'")]
    [InlineData("""{"properties":{"a":{"maximum":1e400}}}""", "number")]
    [InlineData("""{"description":"\ud800"}""", "Unicode")]
    public void Another_schema_is_refused_and_the_tool_named(string schema, string problem) =>
        Declare("weather", schema).Error!.Message.Should().Contain("'weather'").And.Contain(problem);

    [Fact]
    public void A_schema_nests_forty_levels_at_most()
    {
        static string Nested(int levels) => string.Concat(Enumerable.Repeat("""{"not":""", levels)) + "{}" + new string('}', levels);

        Declare("f", Nested(39)).Error.Should().BeNull();
        Declare("f", Nested(40)).Error!.Message.Should().Contain("deeper");
    }

    [Fact]
    public void Nothing_of_a_declaration_is_printed()
    {
        var tool = ToolDeclaration.Create("tools[0]", "weather", "secret words", JsonElement.Parse("{}"), true).Value;

        $"{tool} {ToolSet.OfHistory(["weather"])}".Should().NotContainAny("weather", "secret");
        tool.Utf8Bytes.Should().Be("weather".Length + "secret words".Length + """{"type":"object"}""".Length);
    }

    [Fact]
    public void Names_of_a_set_differ_and_a_choice_names_one_of_them()
    {
        Set(["a", "b"], ToolChoice.Only("b")).Value.Choice.IsForced.Should().BeTrue();
        Set(["a", "a"], ToolChoice.Auto).Error!.Message.Should().Contain("'a'");
        Set(["a"], ToolChoice.Only("b")).Error!.Field.Should().Be("tool_choice");
        Set([], ToolChoice.Auto).Error!.Field.Should().Be("tools");
        Set([.. Enumerable.Range(0, 257).Select(number => $"t{number}")], ToolChoice.Auto).Error!.Field.Should().Be("tools");
    }

    [Theory]
    [InlineData("", "{}")]
    [InlineData("""{"a":1}""", """{"a":1}""")]
    [InlineData("""{"a":""", null)]
    [InlineData("[1]", null)]
    [InlineData("""{"a":"\ud800"}""", null)]
    [InlineData("""{"a":1e999}""", null)]
    public void An_input_of_the_model_is_a_JSON_object(string joined, string? input) =>
        ToolCall.OfModel("t", "f", joined)?.RevealInput().Should().Be(input);

    [Theory]
    [InlineData("call 1")]
    [InlineData("functions.f:0")]
    [InlineData("")]
    public void An_id_that_the_API_does_not_take_is_refused(string id) =>
        ToolCall.Create("m", id, "f", null).Error!.Field.Should().Be("m.id");

    private static Result<ToolSet> Set(string[] names, ToolChoice choice) =>
        ToolSet.Create("tools", [.. names.Select(ToolDeclaration.Named)], "tool_choice", choice, allowsParallel: true);

    private static Result<ToolDeclaration> Declare(string? name, string? schema = null) =>
        ToolDeclaration.Create("tools[0]", name, null, schema is null ? null : JsonElement.Parse(schema), null);
}
