using System.Text;
using System.Text.Json.Nodes;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>
/// Tools that the caller runs, over the real CLI: what the API gets is what the caller sent, and what the caller gets is what the model
/// said.
/// </summary>
public sealed class ToolTests(RealRelay relay) : IClassFixture<RealRelay>
{
    private static readonly string[] Names = ["weather", "get-time_2"];

    [Theory(Timeout = 180_000)]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions", Traits = ["Extent", "all"])]
    [InlineData("/v1/complete", Traits = ["Extent", "all"])]
    public async Task Conversations_of_many_rounds_reach_the_API_as_they_were_sent(string path)
    {
        var key = await relay.Program.MintAsync($"rounds-{path[4..].Replace('/', '-')}");
        foreach (var rounds in new[] { 1, 2, 5, 20 })
        {
            var app = new ToolApp(path, $"{rounds} rounds of {path}");
            relay.Api.When(
                app.Question,
                new Behavior
                {
                    BeforeCalls = "Let me look.",
                    ToolCalls =
                    [
                        ToolCall.Of("weather", """{"city":"Évry","n":0.5,"deep":{"a":[1,{"b":null}]},"text":"{\"x\":\"\\u2028\"}"}"""),
                        ToolCall.Of("get-time_2", "{}"),
                    ],
                    ToolRounds = rounds,
                    Text = "It is mild.",
                }
            );

            for (var round = 0; round < rounds; round++)
            {
                app.TakeCalls(await AskAsync(path, key, app.Body(), isStream: round % 2 == 1));
                app.Calls.Select(call => call.Name).Should().Equal(Names);
                string.Join(' ', app.Calls.Select(call => call.Id))
                    .Should()
                    .MatchRegex("^toolu_sim[0-9]{8}_0 toolu_sim[0-9]{8}_1$", "the ids are the API's");
                JsonNode.DeepEquals(app.Calls[0].Input["text"], """{"x":"\u2028"}""").Should().BeTrue();
                // Results in another order than the calls, of each kind.
                app.AddResults(round % 3 == 0 ? "12 °C" : null);
            }

            (await AskAsync(path, key, app.Body(), isStream: false)).Text.Should().Be("It is mild.");
            var seen = relay.RequestsOf(app.Question);
            seen.Should().HaveCount(rounds + 1, "each round is one call of the API");
            seen.Select(request => request.SessionId)
                .Distinct(StringComparer.Ordinal)
                .Should()
                .ContainSingle("one process serves all rounds");
            ShouldBe(Sent(seen[^1]), app.Expected);
            seen.Should()
                .AllSatisfy(request =>
                    JsonNode.DeepEquals(JsonNode.Parse(request.Json.GetProperty("tools").GetRawText()), app.ExpectedTools).Should().BeTrue()
                );
        }
    }

    [Theory(Timeout = 120_000)]
    [InlineData("opus")]
    [InlineData("claude-haiku-4-5", Traits = ["Extent", "all"])]
    [InlineData("claude-opus-4-8", Traits = ["Extent", "all"])]
    public async Task A_process_that_served_tools_serves_its_key_again(string model)
    {
        var key = await relay.Program.MintAsync($"again-{model}");
        var words = $"before and after tools {model}";
        relay.Api.When(words, new Behavior { Text = "Fine." });
        var plain = Parse($$"""{"model":"{{model}}","max_tokens":4096,"messages":[{"role":"user","content":"{{words}}"}]}""");
        var app = new ToolApp("/v1/messages", $"tools of {model}", model);
        relay.Api.When(
            app.Question,
            new Behavior
            {
                ToolCalls = [ToolCall.Of("weather", """{"city":"Bonn"}""")],
                ToolRounds = 2,
                Text = "Mild.",
            }
        );

        await AskAsync("/v1/messages", key, plain, isStream: false);
        for (var round = 0; round < 2; round++)
        {
            app.TakeCalls(await AskAsync("/v1/messages", key, app.Body(), isStream: false));
            app.AddResults("  mild \n");
        }

        (await AskAsync("/v1/messages", key, app.Body(), isStream: false)).Text.Should().Be("Mild.");
        await AskAsync("/v1/messages", key, plain, isStream: false);

        var (before, after) = (relay.RequestsOf(words)[0], relay.RequestsOf(words)[1]);
        after.SessionId.Should().Be(before.SessionId);
        Plain(after).Should().Be(Plain(before));
        after.Headers["anthropic-beta"].Should().Be(before.Headers["anthropic-beta"]);
        relay.RequestsOf(app.Question).Should().OnlyContain(request => request.SessionId == before.SessionId);
        if (model != "claude-haiku-4-5")
        {
            // An older model has Claude Code's note on the environment in the last result.
            ShouldBe(Sent(relay.RequestsOf(app.Question)[^1]), app.Expected);
        }
    }

    [Theory(Timeout = 120_000)]
    [InlineData("claude-haiku-4-5")]
    [InlineData("claude-sonnet-4-5", Traits = ["Extent", "all"])]
    public async Task An_older_model_gets_each_kind_of_result(string model)
    {
        const string Picture =
            """{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="}}""";
        string[] ends =
        [
            """{"type":"tool_result","tool_use_id":"c1","content":" one \n"}""",
            """{"type":"tool_result","tool_use_id":"c1"}""",
            """{"type":"tool_result","tool_use_id":"c1","content":"","is_error":true}""",
            """{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"a"},{"type":"text","text":" b"}]}""",
            """{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"a"},PICTURE]}""".Replace(
                "PICTURE",
                Picture,
                StringComparison.Ordinal
            ),
            """{"type":"tool_result","tool_use_id":"c1","content":[PICTURE]}""".Replace("PICTURE", Picture, StringComparison.Ordinal),
            """{"type":"tool_result","tool_use_id":"c1","content":"one"},{"type":"text","text":"And then?"}""",
            """{"type":"tool_result","tool_use_id":"c1","content":"<system-reminder>\nno\n</system-reminder>"}""",
        ];
        var key = await relay.Program.MintAsync($"kinds-{model}");
        foreach (var end in ends)
        {
            var body = Parse(
                $$"""
                {"model":"{{model}}","max_tokens":4096,"tools":[{"name":"weather"}],"messages":[
                  {"role":"user","content":"kinds of {{model}}"},
                  {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"weather","input":{} }]},
                  {"role":"user","content":[{{end}}]}]}
                """
            );

            (await relay.Program.PostAsync("/v1/messages", key, body))
                .Status.Should()
                .Be(200, "{0} {1}", end, string.Join('\n', relay.Program.Log.TakeLast(5)));
        }

        relay
            .RequestsOf($"kinds of {model}")
            .Concat(relay.RequestsOf("And then?"))
            .Where(request => request.Model == model)
            .Should()
            .HaveCount(ends.Length)
            .And.ContainSingle(request => Encoding.UTF8.GetString(request.Body).Contains("\"is_error\":true", StringComparison.Ordinal));
    }

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions", Traits = ["Extent", "all"])]
    [InlineData("/v1/complete", Traits = ["Extent", "all"])]
    public async Task Calls_of_a_conversation_are_kept_in_a_request_without_tools(string path)
    {
        var app = new ToolApp(path, $"title of {path}") { HasTools = false };
        app.TakeCalls(new ToolAnswer("Let me look.", [("c-1", "weather", Parse("""{"city":"Bonn"}""")), ("c_2", "get-time_2", [])]));
        app.AddResults("mild");

        await AskAsync(path, relay.Key, app.Body(), isStream: false);

        var seen = relay.RequestsOf(app.Question).Single();
        ShouldBe(Sent(seen), app.Expected);
        seen.Json.GetProperty("tools").EnumerateArray().Select(tool => tool.GetProperty("name").GetString()).Should().Equal(Names);
        seen.Json.GetProperty("tool_choice").GetProperty("type").GetString().Should().Be("none");
    }

    [Theory(Timeout = 120_000)]
    [InlineData(
        "/v1/messages",
        """{"tool_choice":{"type":"tool","name":"weather","disable_parallel_tool_use":true}}""",
        """{"type":"tool","name":"weather","disable_parallel_tool_use":true}""",
        "disabled"
    )]
    [InlineData("/v1/complete", """{"tool_choice":{"type":"any"}}""", """{"type":"any"}""", "disabled")]
    [InlineData(
        "/v1/chat/completions",
        """{"tool_choice":{"type":"function","function":{"name":"weather"}},"parallel_tool_calls":false}""",
        """{"type":"tool","name":"weather","disable_parallel_tool_use":true}""",
        "disabled"
    )]
    [InlineData("/v1/chat/completions", """{"tool_choice":"required"}""", """{"type":"any"}""", "disabled")]
    [InlineData("/v1/chat/completions", """{"tool_choice":"none"}""", """{"type":"none"}""", "adaptive")]
    [InlineData(
        "/v1/chat/completions",
        """{"parallel_tool_calls":false}""",
        """{"type":"auto","disable_parallel_tool_use":true}""",
        "adaptive"
    )]
    public async Task A_choice_reaches_the_API_and_a_forced_call_turns_thinking_off(
        string path,
        string choice,
        string sent,
        string thinking
    )
    {
        var app = new ToolApp(path, $"choice {path} {choice.GetHashCode(StringComparison.Ordinal)}");
        var body = app.Body();
        foreach (var (name, value) in Parse(choice))
        {
            body[name] = value!.DeepClone();
        }

        await AskAsync(path, relay.Key, body, isStream: false);

        var seen = relay.RequestsOf(app.Question).Single();
        JsonNode
            .DeepEquals(JsonNode.Parse(seen.Json.GetProperty("tool_choice").GetRawText()), JsonNode.Parse(sent))
            .Should()
            .BeTrue(seen.Json.GetProperty("tool_choice").GetRawText());
        seen.Json.GetProperty("thinking").GetProperty("type").GetString().Should().Be(thinking);
    }

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/messages", "\"stop_reason\":\"max_tokens\"")]
    [InlineData("/v1/chat/completions", "\"finish_reason\":\"length\"", Traits = ["Extent", "all"])]
    [InlineData("/v1/complete", "\"stop_reason\":\"max_tokens\"", Traits = ["Extent", "all"])]
    public async Task A_call_whose_input_was_cut_off_is_left_out_of_a_whole_answer(string path, string reason)
    {
        var app = new ToolApp(path, $"cut call {path}");
        relay.Api.When(
            app.Question,
            new Behavior
            {
                BeforeCalls = "First.",
                ToolCalls = [ToolCall.Of("weather", """{"city":"Bonn"}"""), ToolCall.Of("weather", """{"city":"Bremen"}""")],
                Failure = UpstreamFailure.MaxTokens,
            }
        );

        var whole = await AskAsync(path, relay.Key, app.Body(), isStream: false);
        var stream = await relay.Program.PostAsync(path, relay.Key, Streamed(app.Body()));

        whole.Calls.Select(call => call.Input["city"]!.GetValue<string>()).Should().Equal("Bonn");
        whole.Text.Should().Be("First.");
        stream.Status.Should().Be(200);
        stream.Body.Should().Contain(reason);
    }

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions", Traits = ["Extent", "all"])]
    [InlineData("/v1/complete", Traits = ["Extent", "all"])]
    public async Task Thoughts_are_passed_on_to_a_caller_who_asks_for_thinking_and_to_no_other(string path)
    {
        var app = new ToolApp(path, $"thoughts of {path}");
        relay.Api.When(
            app.Question,
            new Behavior
            {
                Thought = "I think so: °.",
                HiddenThought = "c2VjcmV0",
                ToolCalls = [ToolCall.Of("weather", """{"city":"Bonn"}""")],
                ToolRounds = 1,
                Text = "Mild.",
            }
        );
        var asking = app.Body();
        asking["thinking"] = Parse("""{"type":"adaptive"}""");

        var silent = await relay.Program.PostAsync(path, relay.Key, app.Body());
        var whole = await relay.Program.PostAsync(path, relay.Key, asking);
        var stream = await relay.Program.PostAsync(path, relay.Key, Streamed(asking));

        silent.Body.Should().NotContain("think").And.NotContain("reasoning");
        var marker = path == "/v1/chat/completions" ? "\"reasoning_content\":\"I think so: °.\"" : "\"thinking\":\"I think so: °.\"";
        whole.Body.Should().Contain(marker);
        stream.Body.Should().Contain(marker);
        if (path != "/v1/chat/completions")
        {
            whole.Body.Should().Contain("\"signature\":\"c2lnbmVk\"").And.Contain("\"data\":\"c2VjcmV0\"");
            stream.Body.Should().Contain("\"signature\":\"c2lnbmVk\"").And.Contain("\"data\":\"c2VjcmV0\"");
        }

        if (path == "/v1/messages")
        {
            // The answer goes back in as it came: its thoughts are passed over.
            var back = app.Body();
            back["thinking"] = Parse("""{"type":"adaptive"}""");
            var content = JsonNode.Parse(whole.Body)!["content"]!;
            back["messages"]!.AsArray().Add(new JsonObject { ["role"] = "assistant", ["content"] = content.DeepClone() });
            back["messages"]!
                .AsArray()
                .Add(
                    Parse(
                        $$"""{"role":"user","content":[{"type":"tool_result","tool_use_id":"{{content.AsArray()[^1]!["id"]}}","content":"12"}]}"""
                    )
                );
            (await relay.Program.PostAsync(path, relay.Key, back)).Body.Should().Contain("Mild.");
        }
    }

    [Fact(Timeout = 120_000)]
    public async Task A_key_without_tools_is_refused_and_the_audit_log_counts_tools()
    {
        var denied = await relay.Program.MintAsync("no-tools", "--no-tools");
        var app = new ToolApp("/v1/messages", "keys and tools");
        relay.Api.When(
            app.Question,
            new Behavior { ToolCalls = [ToolCall.Of("weather", """{"city":"Bonn"}"""), ToolCall.Of("weather", "{}")], ToolRounds = 1 }
        );

        var refused = await relay.Program.PostAsync("/v1/messages", denied, app.Body());
        app.TakeCalls(await AskAsync("/v1/messages", relay.Key, app.Body(), isStream: false));
        app.AddResults("mild");
        var body = app.Body();
        body.Remove("tools");
        var history = await relay.Program.PostAsync("/v1/messages", denied, body);

        refused.Status.Should().Be(403, refused.Body);
        refused.Body.Should().Contain("may not use tools");
        history.Status.Should().Be(403, history.Body);
        var audit = string.Empty;
        await relay.Program.EventuallyAsync(
            async () =>
            {
                var files = Directory.GetFiles(Path.Combine(relay.Program.Home, "audit"), "*.jsonl");
                audit = string.Concat(
                    await Task.WhenAll(files.Select(file => File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)))
                );
                return audit.Contains("\"tools\":2,\"tool_calls\":2", StringComparison.Ordinal);
            },
            "the audit log does not count tools"
        );
        audit.Should().Contain("\"no_tools\":true").And.NotContainAny("weather", "Bonn");
    }

    private static JsonObject Streamed(JsonObject body)
    {
        body["stream"] = true;
        return body;
    }

    private async Task<ToolAnswer> AskAsync(string path, string key, JsonObject body, bool isStream)
    {
        if (isStream)
        {
            body["stream"] = true;
        }

        var answer = await relay.Program.PostAsync(path, key, body);
        answer.Status.Should().Be(200, answer.Body);
        return isStream ? ToolAnswer.OfStream(path, answer.Body) : ToolAnswer.Of(path, JsonNode.Parse(answer.Body)!);
    }

    /// <summary>The messages that the API got, without Claude Code's own and without cache breakpoints.</summary>
    private static JsonArray Sent(RecordedRequest request)
    {
        var sent = new JsonArray();
        foreach (var message in JsonNode.Parse(request.Json.GetProperty("messages").GetRawText())!.AsArray())
        {
            if (message!["role"]!.GetValue<string>() != "system")
            {
                sent.Add(message.DeepClone());
            }
        }

        foreach (var block in sent.SelectMany(message => message!["content"] as JsonArray ?? []).OfType<JsonObject>())
        {
            block.Remove("cache_control");
        }

        return sent;
    }

    private static void ShouldBe(JsonArray sent, JsonArray expected)
    {
        if (!JsonNode.DeepEquals(sent, expected))
        {
            sent.ToJsonString().Should().Be(expected.ToJsonString());
        }
    }

    private static string Plain(RecordedRequest request) =>
        System.Text.RegularExpressions.Regex.Replace(
            Encoding.UTF8.GetString(request.Body),
            @"(?<=cc_version=[0-9]+\.[0-9]+\.[0-9]+\.)[0-9a-f]{3}",
            string.Empty,
            System.Text.RegularExpressions.RegexOptions.None,
            TimeSpan.FromSeconds(1)
        );

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();
}
