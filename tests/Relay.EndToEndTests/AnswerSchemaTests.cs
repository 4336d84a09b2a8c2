using System.Text.Json.Nodes;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>An answer fits the JSON schema of its request.</summary>
[Collection(nameof(RealRelay))]
public sealed class AnswerSchemaTests(RealRelay relay)
{
    /// <summary>
    /// The validator inside Claude Code puts a definition in where it is referred to, except one in which a name of a reference stands.
    /// </summary>
    [OnlyWithAll]
    [Theory(Timeout = 120_000)]
    [InlineData("p0", 49)]
    [InlineData("$dynamicRef", 400)]
    [InlineData("$ref", 400)]
    public async Task The_largest_schemas_that_are_taken_are_answered(string name, int parts)
    {
        var mark = $"a large schema with {name}";
        relay.Api.When(mark, new Behavior { StructuredOutput = "{}" });
        JsonObject Object(Func<int, string> nameOf, Func<JsonObject> property) =>
            new()
            {
                ["type"] = "object",
                ["properties"] = new JsonObject(
                    Enumerable.Range(0, parts).Select(number => KeyValuePair.Create<string, JsonNode?>(nameOf(number), property()))
                ),
            };
        var schema = Object(number => $"q{number}", () => new JsonObject { ["$ref"] = "#/definitions/d" });
        schema["definitions"] = new JsonObject
        {
            ["d"] = Object(number => number == 0 ? name : $"p{number}", () => new JsonObject { ["type"] = "string" }),
        };

        var answer = await relay.Program.CompleteAsync(relay.Key, new JsonObject { ["prompt"] = mark, ["json_schema"] = schema });

        answer.Status.Should().Be(200, answer.Body);
    }

    [Fact(Timeout = 180_000)]
    public async Task An_answer_fits_its_schema_or_is_none()
    {
        var schema = new
        {
            type = "object",
            properties = new { a = new { type = "integer" } },
            required = new[] { "a" },
            additionalProperties = false,
        };
        relay.Api.When("fits at once", new Behavior { StructuredOutput = """{"a":5}""" });
        relay.Api.When("never fits", new Behavior { StructuredOutput = """{"a":"five"}""" });
        relay.Api.When("speaks instead", new Behavior { Text = "I'd rather talk." });

        var fits = await relay.Program.CompleteAsync(
            relay.Key,
            new
            {
                prompt = "fits at once",
                json_schema = schema,
                output_format = "json",
            }
        );
        var never = await relay.Program.CompleteAsync(relay.Key, new { prompt = "never fits", json_schema = schema });
        var speaks = await relay.Program.CompleteAsync(relay.Key, new { prompt = "speaks instead", json_schema = schema });
        var streamed = await relay.Program.StreamAsync(
            "/v1/complete",
            relay.Key,
            new
            {
                prompt = "fits at once, in a stream",
                json_schema = schema,
                stream = true,
            }
        );

        fits.Status.Should().Be(200, fits.Body);
        fits.Json.GetProperty("structured_output").GetRawText().Should().Be("""{"a":5}""");
        fits.Json.GetProperty("result").GetString().Should().Be("""{"a":5}""");
        ErrorAnswer.Check(never, 422, "schema_not_satisfied", null);
        relay.RequestsOf("never fits").Should().HaveCount(3);
        ErrorAnswer.Check(speaks, 422, "schema_not_satisfied", null);
        streamed.Names.Should().Equal("start", "delta", "done");
        streamed.Text.Should().Be("""{"a":5}""");
        streamed.Events[^1].Json.GetProperty("structured_output").GetProperty("a").GetInt32().Should().Be(5);
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task An_answer_that_fits_for_Claude_Code_alone_does_not_leave()
    {
        relay.Api.When("inherits", new Behavior { StructuredOutput = "{}" });
        var schema = new { type = "object", required = new[] { "toString" } };

        var whole = await relay.Program.CompleteAsync(relay.Key, new { prompt = "inherits", json_schema = schema });
        var streamed = await relay.Program.PostAsync(
            "/v1/complete",
            relay.Key,
            new
            {
                prompt = "inherits, in a stream",
                json_schema = schema,
                stream = true,
            }
        );

        ErrorAnswer.Check(whole, 422, "schema_not_satisfied", null);
        ErrorAnswer.Check(streamed, 422, "schema_not_satisfied", null);
        relay.RequestsOf("inherits").Count.Should().Be(2, "Claude Code takes each answer, which is why the relay looks itself");
        relay.Program.Log.Should().Contain(line => line.Contains(" 422 schema_not_satisfied ", StringComparison.Ordinal));
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task A_schema_of_a_list_brings_a_list()
    {
        relay.Api.When("listed", new Behavior { StructuredOutput = """{"value":["a","b"]}""" });
        var schema = new
        {
            type = "array",
            items = new
            {
                anyOf = new object[]
                {
                    new { type = "string" },
                    new Dictionary<string, string>(StringComparer.Ordinal) { ["$ref"] = "#" },
                },
            },
        };
        var messages = new[] { new { role = "user", content = "listed" } };

        var native = await relay.Program.CompleteAsync(relay.Key, new { prompt = "listed", json_schema = schema });
        var openAi = await relay.Program.PostAsync(
            "/v1/chat/completions",
            relay.Key,
            new
            {
                model = "opus",
                messages,
                response_format = new { type = "json_schema", json_schema = new { name = "x", schema } },
            }
        );
        var streamed = await relay.Program.StreamAsync(
            "/v1/complete",
            relay.Key,
            new
            {
                prompt = "listed, in a stream",
                json_schema = schema,
                stream = true,
            }
        );

        native.Json.GetProperty("structured_output").GetRawText().Should().Be("""["a","b"]""", native.Body);
        openAi
            .Json.GetProperty("choices")[0]
            .GetProperty("message")
            .GetProperty("content")
            .GetString()
            .Should()
            .Be("""["a","b"]""", openAi.Body);
        streamed.Text.Should().Be("""["a","b"]""");
        streamed.Events[^1].Json.GetProperty("structured_output").GetArrayLength().Should().Be(2);
    }

    [Theory(Timeout = 180_000)]
    [InlineData("""{"type":"object","properties":{"a":{"type":"nonsense"}}}""")]
    [InlineData("""{"type":"object","properties":{"a":{"$ref":"#/definitions/missing"}}}""")]
    [InlineData("""{"type":"object","properties":{"a":{"$ref":"http://127.0.0.1:1/schema"}}}""")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"string","pattern":"("}}}""")]
    [InlineData("""{"type":"object","properties":5}""")]
    public async Task An_invalid_schema_is_refused_before_the_model_is_asked(string schema)
    {
        var answer = await relay.Program.CompleteAsync(relay.Key, $$"""{"prompt":"with no schema","json_schema":{{schema}}}""");

        ErrorAnswer.Check(answer, 400, "invalid_request", "json_schema");
        relay.RequestsOf("with no schema").Should().BeEmpty();
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task A_schema_comes_with_OpenAIs_and_Anthropics_words_too()
    {
        relay.Api.When("shaped", new Behavior { StructuredOutput = """{"a":5}""" });
        var schema = new
        {
            type = "object",
            properties = new { a = new { type = "integer" } },
            required = new[] { "a" },
        };
        var messages = new[] { new { role = "user", content = "shaped" } };

        var openAi = await relay.Program.PostAsync(
            "/v1/chat/completions",
            relay.Key,
            new
            {
                model = "opus",
                messages,
                response_format = new
                {
                    type = "json_schema",
                    json_schema = new
                    {
                        name = "x",
                        strict = true,
                        schema,
                    },
                },
            }
        );
        var anyObject = await relay.Program.PostAsync(
            "/v1/chat/completions",
            relay.Key,
            new
            {
                model = "opus",
                messages,
                response_format = new { type = "json_object" },
            }
        );
        var anthropic = await relay.Program.PostAsync(
            "/v1/messages",
            relay.Key,
            new
            {
                model = "opus",
                max_tokens = 99,
                messages,
                output_config = new { format = new { type = "json_schema", schema } },
            }
        );

        openAi
            .Json.GetProperty("choices")[0]
            .GetProperty("message")
            .GetProperty("content")
            .GetString()
            .Should()
            .Be("""{"a":5}""", openAi.Body);
        openAi.Json.GetProperty("choices")[0].GetProperty("finish_reason").GetString().Should().Be("stop");
        anyObject
            .Json.GetProperty("choices")[0]
            .GetProperty("message")
            .GetProperty("content")
            .GetString()
            .Should()
            .Be("""{"a":5}""", anyObject.Body);
        anthropic.Json.GetProperty("content")[0].GetProperty("text").GetString().Should().Be("""{"a":5}""", anthropic.Body);
        anthropic.Json.GetProperty("stop_reason").GetString().Should().Be("end_turn");
    }
}
