using System.Text;
using System.Text.Json.Nodes;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>Bodies with tools: those that are taken, and those that are refused.</summary>
[Collection(nameof(RealRelay))]
public sealed class ToolBodyTests(RealRelay relay)
{
    private const string Schema =
        """{"type":"object","properties":{"city":{"type":"string","description":"A city, such as \u00c9vry\u2028"},"days":{"type":"integer","minimum":1}},"required":["city"],"additionalProperties":false}""";

    [Theory(Timeout = 120_000)]
    [InlineData(false)]
    [InlineData(true, Traits = ["Extent", "all"])]
    public async Task Functions_of_OpenAIs_older_form_are_called_in_that_form(bool isStream)
    {
        var words = $"older form {isStream}";
        relay.Api.When(words, new Behavior { ToolCalls = [ToolCall.Of("weather", """{"city":"Bonn"}""")], Text = "Mild." });
        var body = Parse(
            $$"""{"model":"opus","functions":[{"name":"weather","parameters":{{Schema}}}],"function_call":{"name":"weather"},"messages":[{"role":"user","content":"{{words}}"}]}"""
        );
        body["stream"] = isStream;

        var first = await relay.Program.PostAsync("/v1/chat/completions", relay.Key, body);
        body["function_call"] = "auto";
        body["messages"]!
            .AsArray()
            .Add(Parse("""{"role":"assistant","content":null,"function_call":{"name":"weather","arguments":"{\"city\":\"Bonn\"}"}}"""));
        body["messages"]!.AsArray().Add(Parse("""{"role":"function","name":"weather","content":"mild"}"""));
        var second = await relay.Program.PostAsync("/v1/chat/completions", relay.Key, body);

        first.Status.Should().Be(200, first.Body);
        first
            .Body.Should()
            .Contain("\"function_call\":{\"name\":\"weather\"")
            .And.Contain("\"finish_reason\":\"function_call\"")
            .And.NotContain("tool_calls");
        second.Status.Should().Be(200, second.Body);
        second.Body.Should().Contain(isStream ? "Mild" : "Mild.");
        relay
            .RequestsOf(words)[^1]
            .Json.GetProperty("tools")[0]
            .GetProperty("input_schema")
            .GetProperty("required")
            .GetArrayLength()
            .Should()
            .Be(1);
    }

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/messages", """{"tools":[{"type":"web_search_20250305","name":"web_search"}]}""", "web_search_20250305")]
    [InlineData("/v1/messages", """{"tools":[{"type":"computer_20250124","name":"computer"}]}""", "computer_20250124")]
    [InlineData("/v1/messages", """{"mcp_servers":[{"type":"url","url":"https://example.com","name":"x"}]}""", "mcp_servers")]
    [InlineData("/v1/chat/completions", """{"tools":[{"type":"code_interpreter"}]}""", "code_interpreter")]
    [InlineData(
        "/v1/complete",
        """{"tools":[{"name":"weather","input_schema":{"type":"object","properties":{"a":{"type":"text"}}}}]}""",
        "'weather'"
    )]
    [InlineData(
        "/v1/chat/completions",
        """{"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"array"}}}]}""",
        "'weather'"
    )]
    [InlineData("/v1/messages", """{"tools":[{"name":"weather"},{"name":"weather"}]}""", "two tools with the name 'weather'")]
    [InlineData("/v1/messages", """{"tools":[{"name":"weather"}],"tool_choice":{"type":"tool","name":"other"}}""", "tool_choice")]
    [InlineData(
        "/v1/messages",
        """{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"weather","input":{}}]},{"role":"user","content":"b"}]}""",
        "without its result"
    )]
    [InlineData(
        "/v1/messages",
        """{"thinking":{"type":"enabled","budget_tokens":1024},"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"weather","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1"}]}]}""",
        "thinking"
    )]
    public async Task A_request_that_can_not_be_is_refused_by_name_and_calls_nobody(string path, string fields, string named)
    {
        var body = Parse("""{"model":"opus","max_tokens":4096,"messages":[{"role":"user","content":"refused tools"}]}""");
        foreach (var (name, value) in Parse(fields))
        {
            body[name] = value!.DeepClone();
        }

        var before = relay.Api.Requests.Count;
        var answer = await relay.Program.PostAsync(path, relay.Key, body);

        answer.Status.Should().Be(400, answer.Body);
        answer.Body.Should().Contain(named);
        relay.Api.Requests.Count.Should().Be(before);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_refusal_of_the_API_about_tools_comes_back_in_its_own_words()
    {
        var app = new ToolApp("/v1/messages", "forced thoughts");
        var body = app.Body();
        body["tool_choice"] = Parse("""{"type":"any"}""");
        body["thinking"] = Parse("""{"type":"adaptive"}""");

        var answer = await relay.Program.PostAsync("/v1/messages", relay.Key, body);

        answer.Status.Should().Be(400, answer.Body);
        answer.Body.Should().Contain("Thinking may not be enabled when tool_choice forces tool use.");
    }

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions", Traits = ["Extent", "all"])]
    [InlineData("/v1/complete", Traits = ["Extent", "all"])]
    public async Task A_tool_that_was_not_declared_is_never_called(string path)
    {
        var app = new ToolApp(path, $"undeclared {path}");
        relay.Api.When(app.Question, new Behavior { ToolCalls = [ToolCall.Of("Bash", """{"command":"id"}""")], ToolCallsForever = true });

        var answer = await relay.Program.PostAsync(path, relay.Key, app.Body());

        // A failure after the model was asked is a 400 on routes whose clients would repeat it and pay again.
        answer.Status.Should().Be(path == "/v1/complete" ? 502 : 400, answer.Body);
        answer.Body.Should().Contain("does not declare").And.NotContain("Bash");
        relay.RequestsOf(app.Question).Should().ContainSingle();
    }

    [Theory(Timeout = 120_000)]
    [InlineData("forced-tool", "\"finish_reason\":\"tool_calls\"")]
    [InlineData("tool-history-no-tools", "A title, please")]
    [InlineData("tools-choice-none", "\"finish_reason\":\"stop\"")]
    public async Task A_body_of_a_real_client_with_tools_gets_its_right_answer(string id, string part)
    {
        relay.Api.When("Paris, 2.1 million", new Behavior { ToolCalls = [ToolCall.Of("City", """{"name":"Paris"}""")] });
        var row = File.ReadLines(Path.Combine(AppContext.BaseDirectory, "client-bodies.jsonl"))
            .Select(line => JsonNode.Parse(line)!)
            .Single(row => row["id"]!.GetValue<string>() == id);

        var answer = await relay.Program.PostAsync("/v1/chat/completions", relay.Key, row["body"]!);

        answer.Status.Should().Be(200, answer.Body);
        answer.Body.Should().Contain(part);
    }

    [OnlyWithAll]
    [Fact(Timeout = 300_000)]
    public async Task Any_body_with_tools_is_answered_and_puts_nothing_in_doubt()
    {
        var seed =
            Environment.GetEnvironmentVariable("RELAY_TEST_SEED") is { Length: > 0 } given
                ? int.Parse(given, System.Globalization.CultureInfo.InvariantCulture)
            : Extent.IsLong ? Random.Shared.Next()
            : 18;
        var random = new Random(seed);
        (string Path, string Body)[] bodies =
        [
            ("/v1/messages", ToolBodies.Anthropic),
            ("/v1/chat/completions", ToolBodies.OpenAi),
            ("/v1/complete", ToolBodies.Native),
        ];
        var statuses = new Dictionary<int, int>();
        for (var round = 0; round < Extent.Of(byDefault: 90, all: 300, atLength: 3000); round++)
        {
            var (path, body) = bodies[round % bodies.Length];
            var mutated = BodyMutator.Mutate(body, random);
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(mutated) };
            request.Content.Headers.ContentType = new("application/json");
            request.Headers.Authorization = new("Bearer", relay.Key);
            using var response = await relay.Program.Http.SendAsync(request, TestContext.Current.CancellationToken);
            var context =
                $"seed {seed}, round {round}, {path}: {Encoding.UTF8.GetString(mutated)}\nanswered {(int)response.StatusCode} "
                + $"{await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)}";

            ((int)response.StatusCode).Should().BeOneOf([200, 400, 404, 413], context);
            statuses[(int)response.StatusCode] = statuses.GetValueOrDefault((int)response.StatusCode) + 1;
        }

        statuses[200].Should().BeGreaterThan(20);
        statuses[400].Should().BeGreaterThan(20);
        relay
            .Program.Log.Should()
            .NotContain(line =>
                line.Contains("lockdown_violation", StringComparison.Ordinal)
                || line.Contains("was not forwarded", StringComparison.Ordinal)
            );
    }

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();
}
