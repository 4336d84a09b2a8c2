using System.Text.Json.Nodes;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>A JSON schema of the answer beside tools, over the real CLI: the API itself holds the answer to the schema.</summary>
public sealed class AnswerFormatTests(RealRelay relay) : IClassFixture<RealRelay>
{
    private const string Open =
        """{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"array","items":{"type":"object","properties":{"n":{"type":"integer"}}}}},"required":["city"]}""";

    private const string Closed =
        """{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"array","items":{"type":"object","properties":{"n":{"type":"integer"}},"additionalProperties":false}}},"required":["city"],"additionalProperties":false}""";

    private const string Bonn = """{"city":"Bonn","days":[{"n":1}]}""";

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/messages", false)]
    [InlineData("/v1/messages", true, Traits = ["Extent", "all"])]
    [InlineData("/v1/chat/completions", false, Traits = ["Extent", "all"])]
    [InlineData("/v1/chat/completions", true)]
    [InlineData("/v1/complete", false, Traits = ["Extent", "all"])]
    [InlineData("/v1/complete", true, Traits = ["Extent", "all"])]
    public async Task Calls_come_first_and_the_answer_after_their_results_fits_the_schema(string path, bool isStream)
    {
        var app = new ToolApp(path, $"format {path} {isStream}");
        relay.Api.When(
            app.Question,
            new Behavior
            {
                BeforeCalls = "Let me look.",
                ToolCalls = [ToolCall.Of("weather", """{"city":"Bonn"}""")],
                ToolRounds = 2,
                StructuredOutput = Bonn,
            }
        );

        for (var round = 0; round < 2; round++)
        {
            var call = await AskAsync(path, WithSchema(app.Body(), path, Open), isStream);
            call.Text.Should().BeEmpty("a client reads each text as JSON");
            call.Calls.Select(each => each.Name).Should().Equal("weather");
            app.TakeCalls(call);
            app.AddResults("12 °C");
        }

        (await AskAsync(path, WithSchema(app.Body(), path, Open), isStream)).Text.Should().Be(Bonn);
        var seen = relay.RequestsOf(app.Question);
        seen.Should().HaveCount(3, "each request is one call of the API");
        seen.DistinctBy(request => request.SessionId, StringComparer.Ordinal)
            .Should()
            .HaveCountLessThan(3, "a process serves its key again");
        foreach (var config in seen.Select(request => JsonNode.Parse(request.Json.GetProperty("output_config").GetRawText())!))
        {
            config["effort"]!.GetValue<string>().Should().NotBeEmpty();
            JsonNode.DeepEquals(config["format"]!["schema"], JsonNode.Parse(Closed)).Should().BeTrue(config.ToJsonString());
        }

        var plain = new JsonObject
        {
            ["model"] = "opus",
            ["max_tokens"] = 4096,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = $"plain words, {path} {isStream}" }),
        };
        await AskAsync(path, plain, isStream: false);
        relay
            .RequestsOf($"plain words, {path} {isStream}")
            .Single()
            .Json.GetProperty("output_config")
            .TryGetProperty("format", out _)
            .Should()
            .BeFalse();
    }

    [Fact(Timeout = 120_000)]
    public async Task The_Responses_API_takes_a_schema_beside_tools()
    {
        const string words = "format of responses";
        relay.Api.When(words, new Behavior { StructuredOutput = """{"value":["Bonn","Bremen"]}""" });
        var body = JsonNode.Parse(
            $$"""
            {"model":"opus","input":"{{words}}","tools":[{"type":"function","name":"weather","parameters":{"type":"object","properties":{} } }],
             "text":{"format":{"type":"json_schema","name":"cities","schema":{"type":"array","items":{"type":"string"} } } } }
            """
        )!;

        var answer = await relay.Program.PostAsync("/v1/responses", relay.Key, body);

        answer.Status.Should().Be(200, answer.Body);
        answer.Body.Should().Contain("""[\"Bonn\",\"Bremen\"]""", "a schema of a list was put into an object, and its answer is taken out");
    }

    [Theory(Timeout = 120_000)]
    [InlineData("another form", """{"city":1}""", UpstreamFailure.None)]
    [InlineData("no JSON", "Bonn", UpstreamFailure.None, Traits = ["Extent", "all"])]
    [InlineData("cut", Bonn, UpstreamFailure.MaxTokens, Traits = ["Extent", "all"])]
    public async Task An_answer_that_does_not_fit_is_an_error_and_one_call(string name, string text, UpstreamFailure failure)
    {
        var words = $"format with {name}";
        relay.Api.When(words, new Behavior { Text = text, Failure = failure });

        var answer = await relay.Program.PostAsync("/v1/complete", relay.Key, WithSchema(Body(words), "/v1/complete", Open));
        var stream = await relay.Program.PostAsync("/v1/complete", relay.Key, WithSchema(Streamed(Body(words)), "/v1/complete", Open));

        answer.Status.Should().Be(422, answer.Body);
        answer.Body.Should().Contain("schema_not_satisfied");
        stream.Body.Should().Contain("schema_not_satisfied").And.NotContain("event: delta", "nothing is shown before the check");
        relay.RequestsOf(words).Should().HaveCount(2);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_refusal_is_passed_on_as_it_is()
    {
        relay.Api.When("format refused", new Behavior { Text = "I will not.", Failure = UpstreamFailure.Refusal });

        var answer = await relay.Program.PostAsync("/v1/complete", relay.Key, WithSchema(Body("format refused"), "/v1/complete", Open));

        answer.Status.Should().Be(200, answer.Body);
        answer.Body.Should().Contain("\"stop_reason\":\"refusal\"").And.NotContain("structured_output\":{");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_schema_that_the_API_does_not_take_comes_back_in_its_words()
    {
        const string map = """{"type":"object","properties":{"days":{"type":"object","additionalProperties":{"type":"integer"}}}}""";

        var answer = await relay.Program.PostAsync("/v1/complete", relay.Key, WithSchema(Body("format of a map"), "/v1/complete", map));

        answer.Status.Should().Be(400, answer.Body);
        answer.Body.Should().Contain("output_config.format.schema").And.Contain("additionalProperties");
    }

    /// <summary>Claude Code reads and writes the schema as JavaScript does. A difference would put it in doubt for all callers.</summary>
    [Theory(Timeout = 120_000)]
    [InlineData(
        """{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{},"toString":{},"2":{},"1":{},"":{}}}""",
        200
    )]
    [InlineData(
        """{"type":"object","properties":{"a":{"const":9007199254740993},"b":{"const":-0.0},"c":{"const":1E5}}}""",
        200,
        Traits = ["Extent", "all"]
    )]
    [InlineData("""{"type":"object","properties":{"a":{"const":1e400}}}""", 400)]
    [InlineData(
        """{"type":"object","properties":{"a":{"enum":["\u2028","é","😀","</script>","\u0000"],"default":null}}}""",
        200,
        Traits = ["Extent", "all"]
    )]
    [InlineData(
        """{"type":"object","properties":{},"definitions":{"effort":{"type":"string"},"format":{"type":"string"}}}""",
        200,
        Traits = ["Extent", "all"]
    )]
    [InlineData("""{"type":["object","null"],"properties":{"a":true,"b":false}}""", 200, Traits = ["Extent", "all"])]
    public async Task An_odd_schema_puts_nothing_in_doubt(string schema, int status)
    {
        var words = $"odd schema {schema.GetHashCode(StringComparison.Ordinal)}";
        relay.Api.When(words, new Behavior { ToolCalls = [ToolCall.Of("weather", "{}")] });

        var answer = await relay.Program.PostAsync("/v1/complete", relay.Key, WithSchema(Body(words), "/v1/complete", schema));

        answer.Status.Should().Be(status, answer.Body);
        var withoutTools = WithSchema(Body("The same without tools."), "/v1/complete", schema);
        withoutTools.Remove("tools");
        (await relay.Program.PostAsync("/v1/complete", relay.Key, withoutTools)).Status.Should().BeOneOf([200, 400, 422]);
        relay
            .Program.Log.Should()
            .NotContain(line =>
                line.Contains("lockdown_violation", StringComparison.Ordinal)
                || line.Contains("was not forwarded", StringComparison.Ordinal)
            );
    }

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/chat/completions", """{"response_format":{"type":"json_object"}}""")]
    [InlineData("/v1/complete", """{"json_schema":{"type":"object"}}""")]
    public async Task Any_JSON_object_is_no_schema_for_the_API(string path, string fields)
    {
        var body = Body("any object beside tools");
        foreach (var (name, value) in JsonNode.Parse(fields)!.AsObject())
        {
            body[name] = value!.DeepClone();
        }

        if (path == "/v1/chat/completions")
        {
            body["tools"] = JsonNode.Parse("""[{"type":"function","function":{"name":"weather"}}]""");
        }

        var answer = await relay.Program.PostAsync(path, relay.Key, body);

        answer.Status.Should().Be(400, answer.Body);
        answer.Body.Should().Contain("lists the properties");
        relay.RequestsOf("any object beside tools").Should().BeEmpty();
    }

    private static JsonObject Body(string words) =>
        JsonNode
            .Parse($$"""{"model":"opus","tools":[{"name":"weather"}],"messages":[{"role":"user","content":"{{words}}"}]}""")!
            .AsObject();

    private static JsonObject Streamed(JsonObject body)
    {
        body["stream"] = true;
        return body;
    }

    private static JsonObject WithSchema(JsonObject body, string path, string schema)
    {
        var parsed = JsonNode.Parse(schema);
        switch (path)
        {
            case "/v1/messages":
                body["output_config"] = new JsonObject
                {
                    ["format"] = new JsonObject { ["type"] = "json_schema", ["schema"] = parsed },
                };
                break;
            case "/v1/complete":
                body["json_schema"] = parsed;
                break;
            default:
                body["response_format"] = new JsonObject
                {
                    ["type"] = "json_schema",
                    ["json_schema"] = new JsonObject { ["name"] = "answer", ["schema"] = parsed },
                };
                break;
        }

        return body;
    }

    private async Task<ToolAnswer> AskAsync(string path, JsonObject body, bool isStream)
    {
        var answer = await relay.Program.PostAsync(path, relay.Key, isStream ? Streamed(body) : body);
        answer.Status.Should().Be(200, answer.Body);
        return isStream ? ToolAnswer.OfStream(path, answer.Body) : ToolAnswer.Of(path, JsonNode.Parse(answer.Body)!);
    }
}
