using System.Text.Json;
using System.Text.Json.Nodes;
using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

public sealed class ExtraBodyTests
{
    private static readonly RequestShape Thinks = new(
        "m",
        "b",
        "i",
        NotePlacement.Absent,
        "",
        "adaptive updates",
        "{\"edits\":[]}",
        "medium",
        "",
        "",
        "",
        16_000
    );

    private static readonly RequestShape DoesNotThink = Thinks with { Thinking = string.Empty, ContextManagement = string.Empty };

    [Fact]
    public void No_name_stands_in_it_but_those_of_the_list()
    {
        string[] names =
        [
            "temperature",
            "top_p",
            "top_k",
            "stop_sequences",
            "thinking",
            "context_management",
            "tools",
            "tool_choice",
            "output_config",
        ];
        var everything = ExtraBody.Of(
            Request(ModelParameters.Of(0.5, 0.5, 5, null), "x") with
            {
                Tools = Any.Tools("weather"),
                Schema = SchemaOf("""{"type":"object","properties":{}}"""),
            },
            Thinks
        );

        JsonElement.Parse(everything.ToJson()).EnumerateObject().Select(field => field.Name).Should().Equal(names);
        everything.Names.Should().Equal(names);
        everything.ToString().Should().NotContain("0.5");
    }

    [Fact]
    public void A_schema_nests_as_deep_as_a_body_may()
    {
        var schema = string.Concat(Enumerable.Repeat("{\"a\":", 64)) + "1" + new string('}', 64);

        (ExtraBody.None with { Format = schema }).ToJson().Should().Contain(schema);
    }

    [Theory]
    [InlineData(
        """{"type":"object","properties":{"a":{"type":"string"}}}""",
        """{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"""
    )]
    [InlineData(
        """{"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{}}},"b":{"anyOf":[{"type":"object","properties":{}},{"type":"null"}]}}}""",
        """{"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":{},"additionalProperties":false}},"b":{"anyOf":[{"type":"object","properties":{},"additionalProperties":false},{"type":"null"}]}},"additionalProperties":false}"""
    )]
    [InlineData(
        """{"type":"object","properties":{"a":{"$ref":"#/definitions/a"}},"definitions":{"a":{"type":"object","properties":{}}}}""",
        """{"type":"object","properties":{"a":{"$ref":"#/definitions/a"}},"definitions":{"a":{"type":"object","properties":{},"additionalProperties":false}},"additionalProperties":false}"""
    )]
    [InlineData(
        """{"type":"object","additionalProperties":{"type":"integer"},"properties":{}}""",
        """{"type":"object","additionalProperties":{"type":"integer"},"properties":{}}"""
    )]
    [InlineData(
        """{"type":"object","properties":{"a":{"type":"object"},"b":{"allOf":[{"type":"object","properties":{}}],"properties":{}}}}""",
        """{"type":"object","properties":{"a":{"type":"object"},"b":{"allOf":[{"type":"object","properties":{}}],"properties":{}}},"additionalProperties":false}"""
    )]
    public void Beside_tools_a_schema_is_closed_where_it_lists_properties(string schema, string sent)
    {
        var request = Request(ModelParameters.None) with { Schema = SchemaOf(schema) };

        ExtraBody.Of(request, Thinks).ToJson().Should().BeEmpty("without tools, a tool of Claude Code takes the answer");
        var format = JsonNode.Parse(ExtraBody.Of(request with { Tools = Any.Tools("weather") }, Thinks).ToJson())!["output_config"]![
            "format"
        ]!;
        format["type"]!.GetValue<string>().Should().Be("json_schema");
        JsonNode.DeepEquals(format["schema"], JsonNode.Parse(sent)).Should().BeTrue(format.ToJsonString());
    }

    [Fact]
    public void A_request_without_parameters_has_none() => ExtraBody.Of(Request(ModelParameters.None), Thinks).ToJson().Should().BeEmpty();

    [Theory]
    [InlineData("enabled", 2048L, """{"thinking":{"type":"enabled","budget_tokens":2048}}""")]
    [InlineData("adaptive", null, """{"thinking":{"type":"adaptive"}}""")]
    [InlineData("disabled", null, """{"thinking":{"type":"disabled"},"context_management":{"edits":[]}}""")]
    public void Thinking_goes_as_the_caller_asked_for_it(string type, long? budget, string json) =>
        ExtraBody
            .Of(Request(ModelParameters.Of(null, null, null, Thinking.Create("thinking", type, budget).Value)), Thinks)
            .ToJson()
            .Should()
            .Be(json);

    [Fact]
    public void The_display_of_thoughts_goes_with_thinking_only()
    {
        ExtraBody
            .Of(Request(ModelParameters.Of(null, null, null, Thinking.Create("thinking", "adaptive", null, "summarized").Value)), Thinks)
            .ToJson()
            .Should()
            .Be("""{"thinking":{"type":"adaptive","display":"summarized"}}""");
        Thinking.Create("thinking", "disabled", null, "omitted").Value.Display.Should().BeNull();
    }

    [Fact]
    public void Tools_turn_thinking_off_where_a_call_is_forced_or_thoughts_would_have_to_come_back()
    {
        const string off = "\"thinking\":{\"type\":\"disabled\"}";
        var withinBudget = Thinks with { Thinking = "enabled updates" };
        var tools = Request(ModelParameters.None) with { Tools = Any.Tools("weather") };
        var forced = tools with
        {
            Tools = ToolSet.Create("tools", [ToolDeclaration.Named("weather")], "tool_choice", ToolChoice.Any, allowsParallel: true).Value,
        };

        ExtraBody.Of(tools, Thinks).ToJson().Should().NotContain("thinking");
        ExtraBody.Of(tools, withinBudget).ToJson().Should().Contain(off);
        ExtraBody.Of(forced, Thinks).ToJson().Should().Contain(off);
        ExtraBody.Of(forced, DoesNotThink).ToJson().Should().NotContain("thinking");
        ExtraBody.Of(Request(ModelParameters.None), withinBudget).ToJson().Should().BeEmpty();
        ExtraBody
            .Of(
                forced with
                {
                    Parameters = ModelParameters.Of(null, null, null, Thinking.Create("thinking", "adaptive", null).Value),
                },
                Thinks
            )
            .ToJson()
            .Should()
            .Contain("adaptive");
    }

    [Fact]
    public void A_choice_of_words_turns_thinking_off_where_there_is_any()
    {
        var cool = Request(ModelParameters.Of(0.2, null, null, null));

        ExtraBody
            .Of(cool, Thinks)
            .ToJson()
            .Should()
            .Be("""{"temperature":0.2,"thinking":{"type":"disabled"},"context_management":{"edits":[]}}""");
        ExtraBody.Of(cool, DoesNotThink).ToJson().Should().Be("""{"temperature":0.2}""");
    }

    [Fact]
    public void Texts_to_stop_at_need_a_visible_character_for_the_api() =>
        ExtraBody.Of(Request(ModelParameters.None, "\n\n", "END", " "), Thinks).ToJson().Should().Be("""{"stop_sequences":["END"]}""");

    private static OutputSchema SchemaOf(string json) => OutputSchema.Create("json_schema", JsonElement.Parse(json)).Value!;

    private static CompletionRequest Request(ModelParameters parameters, params string[] stop) =>
        Any.Request("hi") with
        {
            Parameters = parameters,
            Stop = stop.Length == 0 ? null : StopSequences.Create("stop", stop).Value,
        };
}
