using System.Globalization;
using System.Text.Json;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Domain.Completions;

public sealed class SchemaReferencesTests
{
    private const string Text = """{"type":"string"}""";

    [Fact]
    public void A_small_schema_whose_references_expand_hugely_is_refused()
    {
        var schema = Schema(Properties(400, """{"$ref":"#/definitions/d"}"""), $$"""{"d":{{Properties(400, Text)}}}""");
        schema.Length.Should().BeLessThan(OutputSchema.MaxBytes);

        Create(schema)
            .Error.Should()
            .Match<RelayError>(error =>
                error.Code == ErrorCode.TooLarge && error.Field == "json_schema" && error.Message.Contains("references")
            );
    }

    [Theory]
    [InlineData("#d")]
    [InlineData("http://example.com/s#d")]
    [InlineData("#/%64efinitions/d")]
    [InlineData("#/definitions/d~0~1")]
    public void A_definition_is_found_however_it_is_named(string reference)
    {
        var definition = $$"""{"$id":"#d","properties":{{JsonElement.Parse(Properties(100, Text)).GetProperty("properties")}}}""";

        Create(Schema(Properties(100, $$"""{"$ref":"{{reference}}"}"""), $$"""{"d":{{definition}},"d~/":{{definition}}}"""))
            .Error!.Code.Should()
            .Be(ErrorCode.TooLarge);
    }

    [Fact]
    public void Large_schemas_without_references_and_those_that_refer_to_each_other_are_taken()
    {
        Create(Schema(Properties(1600, Text), "{}")).Error.Should().BeNull();
        Create(
            Schema(
                Properties(40, """{"$ref":"#/definitions/b"}"""),
                $$"""{"b":{{Properties(40, """{"$ref":"#/definitions/c"}""")}},"c":{{Properties(40, Text)}}}"""
            )
        )
            .Error.Should()
            .BeNull();
        Create(
            """{"type":"object","properties":{"children":{"type":"array","items":{"$ref":"#"}},"lost":{"$ref":"#/nowhere/3"},"far":{"$ref":"http://example.com/"}}}"""
        )
            .Error.Should()
            .BeNull();
    }

    /// <summary>
    /// The validator inside Claude Code takes these names for references wherever they stand, and then puts the definition in nowhere.
    /// </summary>
    [Theory]
    [InlineData("$ref")]
    [InlineData("$dynamicRef")]
    [InlineData("$recursiveRef")]
    public void A_definition_with_a_property_named_as_a_reference_is_compiled_once(string name)
    {
        var definition = Properties(399, Text).Replace("\"p0\"", $"\"{name}\"", StringComparison.Ordinal);

        Create(Schema(Properties(400, """{"$ref":"#/definitions/d"}"""), $$"""{"d":{{definition}}}""")).Error.Should().BeNull();
    }

    private static Result<OutputSchema> Create(string schema) => OutputSchema.Create("json_schema", JsonElement.Parse(schema));

    private static string Schema(string root, string definitions) => $$"""{{root[..^1]}},"definitions":{{definitions}}}""";

    private static string Properties(int count, string property)
    {
        var properties = Enumerable.Range(0, count).Select(number => $"\"p{number.ToString(CultureInfo.InvariantCulture)}\":{property}");
        return """{"type":"object","properties":{""" + string.Join(',', properties) + "}}";
    }
}
