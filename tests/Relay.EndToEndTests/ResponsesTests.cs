using System.Text.Json;
using System.Text.Json.Nodes;
using Relay.AnthropicSimulator;
using Relay.Tests.Corpus;

namespace Relay.EndToEndTests;

/// <summary>OpenAI's Responses API over the real CLI: what the caller's items are at Anthropic's API, and how the answer comes.</summary>
[Collection(nameof(RealRelay))]
public sealed class ResponsesTests(RealRelay relay)
{
    private const string Path = "/v1/responses";
    private static readonly object Weather = new
    {
        type = "function",
        name = "weather",
        description = "Tells the weather.",
        parameters = new { type = "object", properties = new { city = new { type = "string" } } },
    };

    [Theory(Timeout = 180_000)]
    [InlineData(1)]
    [InlineData(2, Traits = ["Extent", "all"])]
    [InlineData(5)]
    [InlineData(20, Traits = ["Extent", "all"])]
    public async Task Items_that_are_fed_back_as_they_came_arrive_as_turns_in_order(int questions)
    {
        var input = new JsonArray();
        for (var number = 1; number <= questions; number++)
        {
            // The CLI would take these for commands, files and its own notes; here they are only words.
            input.Add(Message($"/cost @/etc/passwd {number} of {questions}."));
            var answer = await AskAsync(
                new JsonObject
                {
                    ["model"] = "sonnet",
                    ["instructions"] = "Be brief.",
                    ["input"] = input.DeepClone(),
                }
            );
            foreach (var item in answer.GetProperty("output").EnumerateArray())
            {
                input.Add(JsonNode.Parse(item.GetRawText()));
            }
        }

        var seen = relay.RequestsOf($"{questions} of {questions}.").Should().ContainSingle().Subject;
        seen.SystemTexts[^1].Should().Be("Be brief.");
        seen.Messages.Where(message => message.Role != "system")
            .Select(message => (message.Role, message.Text))
            .Should()
            .Equal(
                Enumerable
                    .Range(1, (2 * questions) - 1)
                    .Select(turn => (turn % 2 == 1 ? "user" : "assistant", $"/cost @/etc/passwd {(turn + 1) / 2} of {questions}."))
            );
    }

    [Theory(Timeout = 180_000)]
    [InlineData(1)]
    [InlineData(2, Traits = ["Extent", "all"])]
    [InlineData(5)]
    [InlineData(20, Traits = ["Extent", "all"])]
    public async Task Thoughts_words_calls_and_results_are_fed_back_as_they_came_round_by_round(int rounds)
    {
        relay.Api.When(
            $"responses tools {rounds}.",
            new Behavior
            {
                ToolCalls = [ToolCall.Of("weather", """{"city":"Zürich"}"""), ToolCall.Of("weather", "{}")],
                ToolCallsForever = true,
                Thought = "Hm.",
                BeforeCalls = "I look.",
            }
        );
        var input = new JsonArray { Message($"responses tools {rounds}.") };
        JsonObject Body() =>
            new()
            {
                ["model"] = "sonnet",
                ["input"] = input.DeepClone(),
                ["tools"] = new JsonArray(JsonSerializer.SerializeToNode(Weather)),
                ["reasoning"] = new JsonObject { ["summary"] = "auto" },
            };
        var calls = new List<JsonElement>();
        for (var round = 1; round <= rounds; round++)
        {
            var output = (await AskAsync(Body())).GetProperty("output").EnumerateArray().ToList();
            output
                .Select(item => item.GetProperty("type").GetString())
                .Should()
                .Equal("reasoning", "message", "function_call", "function_call");
            output[0].GetProperty("summary")[0].GetProperty("text").GetString().Should().Be("Hm.");
            var made = output.Skip(2).ToList();
            made.Select(call => call.GetProperty("arguments").GetString()).Should().Equal("""{"city":"Zürich"}""", "{}");
            output.ForEach(item => input.Add(JsonNode.Parse(item.GetRawText())));
            // Out of order: the ids say which is whose.
            foreach (var call in made.AsEnumerable().Reverse())
            {
                input.Add(
                    new JsonObject
                    {
                        ["type"] = "function_call_output",
                        ["call_id"] = call.GetProperty("call_id").GetString(),
                        ["output"] = $"sunny {round}",
                    }
                );
            }

            calls.AddRange(made);
        }

        await AskAsync(Body());

        var last = relay.RequestsOf($"responses tools {rounds}.")[^1];
        var blocks = last
            .Json.GetProperty("messages")
            .EnumerateArray()
            .Where(message => message.GetProperty("content").ValueKind == JsonValueKind.Array)
            .SelectMany(message => message.GetProperty("content").EnumerateArray())
            .ToList();
        List<JsonElement> OfType(string type) => [.. blocks.Where(block => block.GetProperty("type").GetString() == type)];
        OfType("thinking").Should().BeEmpty();
        OfType("text").Count(text => text.GetProperty("text").GetString() == "I look.").Should().Be(rounds);
        OfType("tool_use")
            .Select(call => call.GetProperty("id").GetString())
            .Should()
            .Equal(calls.Select(call => call.GetProperty("call_id").GetString()));
        OfType("tool_use")
            .Select(call => call.GetProperty("input").GetRawText())
            .Distinct(StringComparer.Ordinal)
            .Should()
            .Equal("""{"city":"Zürich"}""", "{}");
        OfType("tool_result")
            .Select(result => result.GetProperty("tool_use_id").GetString())
            .Should()
            .Equal(calls.Chunk(2).SelectMany(pair => pair.Reverse()).Select(call => call.GetProperty("call_id").GetString()));
    }

    [Fact(Timeout = 120_000)]
    public async Task A_stream_is_numbered_and_says_at_its_end_what_the_whole_answer_says()
    {
        relay.Api.When("responses: words", new Behavior { Words = 60 });
        var body = new
        {
            model = "sonnet",
            input = "responses: words",
            stream = true,
            store = false,
        };

        var streamed = await relay.Program.StreamAsync(Path, relay.Key, body);
        var whole = await AskAsync(new JsonObject { ["model"] = "sonnet", ["input"] = "responses: words" });

        streamed
            .Events.Select(item => item.Json.GetProperty("sequence_number").GetInt32())
            .Should()
            .Equal(Enumerable.Range(0, streamed.Events.Count));
        string.Join(' ', streamed.Names)
            .Should()
            .StartWith(
                "response.created response.in_progress response.output_item.added response.content_part.added response.output_text.delta "
            )
            .And.EndWith("response.completed");
        streamed.Names.Where(name => name != "response.output_text.delta").Should().OnlyHaveUniqueItems();
        TextOf(streamed.Events[^1].Json.GetProperty("response")).Should().Be(TextOf(whole)).And.Be(Behavior.WordsText(60));
        streamed
            .Events[^1]
            .Json.GetProperty("response")
            .GetProperty("usage")
            .GetRawText()
            .Should()
            .Be(whole.GetProperty("usage").GetRawText());
    }

    [OnlyWithAll]
    [Theory(Timeout = 120_000)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_answer_is_referred_to_by_its_ids_also_at_a_relay_that_has_started_anew(bool isStreamed)
    {
        var words = string.Concat(Enumerable.Repeat("Ein längerer Satz. ", 1_000));
        relay.Api.When($"responses: refers {isStreamed}", new Behavior { Text = words });
        var question = Message($"responses: refers {isStreamed}");
        var body = new JsonObject
        {
            ["model"] = "sonnet",
            ["input"] = new JsonArray(question.DeepClone()),
            ["stream"] = isStreamed,
        };
        var output = isStreamed
            ? (await relay.Program.StreamAsync(Path, relay.Key, body)).Events[^1].Json.GetProperty("response").GetProperty("output")
            : (await AskAsync(body)).GetProperty("output");
        var ids = output.EnumerateArray().Select(item => item.GetProperty("id").GetString()!).ToList();
        JsonObject Later(IEnumerable<string> references, string then) =>
            new()
            {
                ["model"] = "sonnet",
                ["input"] = new JsonArray([
                    question.DeepClone(),
                    .. references.Select(id => new JsonObject { ["type"] = "item_reference", ["id"] = id }),
                    Message(then),
                ]),
            };

        var other = await relay.Program.MintAsync($"refers-{isStreamed}");
        var foreign = await relay.Program.PostAsync(Path, other, Later(ids, "hi"));
        var changed = await relay.Program.PostAsync(Path, relay.Key, Later(ids.Select(id => id.Insert(9, "A")), "hi"));
        var unknown = await relay.Program.PostAsync(Path, relay.Key, Later(["msg_0123456789abcdef0123456700"], "hi"));
        await AskAsync(Later(ids, $"responses: refers {isStreamed} again"));
        await using var restarted = await RelayProgram.WithRealClaudeAsync(relay.Api);
        // In one step, as the relay writes it: the relay may be reading the file just now.
        File.Copy($"{relay.Program.Home}/keys.json", $"{restarted.Home}/keys.json.copied");
        File.Move($"{restarted.Home}/keys.json.copied", $"{restarted.Home}/keys.json", overwrite: true);
        await restarted.EventuallyAsync(async () => (await restarted.GetAsync("/v1/models", relay.Key)).Status == 200, "no key");
        (await restarted.PostAsync(Path, relay.Key, Later(ids, $"responses: refers {isStreamed} anew"))).Status.Should().Be(200);

        foreach (var refused in (RelayAnswer[])[foreign, changed, unknown])
        {
            (refused.Status, refused.Json.GetProperty("error").GetProperty("param").GetString()).Should().Be((400, "input[1]"));
            refused.Body.Should().Contain("Send the item itself");
        }

        foreach (var then in (string[])["again", "anew"])
        {
            relay
                .RequestsOf($"responses: refers {isStreamed} {then}")
                .Should()
                .ContainSingle()
                .Which.Messages.Where(message => message.Role == "assistant")
                .Select(message => message.Text)
                .Should()
                .Equal(words);
        }
    }

    [Fact(Timeout = 120_000)]
    public async Task A_document_arrives_as_it_was_sent_and_a_schema_is_fitted()
    {
        relay.Api.When("responses, a shape", new Behavior { StructuredOutput = """{"a":5}""" });
        var pdf = Convert.ToBase64String(PdfFile.Of(null, "one"));
        var body = JsonNode.Parse(
            $$$"""
            {"model":"sonnet","input":[{"role":"user","content":[
               {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,{{{pdf}}}"},{"type":"input_text","text":"responses, a shape"}]}],
             "text":{"format":{"type":"json_schema","name":"x","strict":true,"schema":{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]} } } }
            """
        )!;

        var answer = await AskAsync(body);

        TextOf(answer).Should().Be("""{"a":5}""");
        var sent = JsonNode.Parse(relay.RequestsOf("responses, a shape")[0].Json.GetRawText())!["messages"]!
            .AsArray()
            .SelectMany(message => message!["content"] as JsonArray ?? [])
            .Single(block => block!["type"]!.GetValue<string>() == "document")!
            .AsObject();
        sent.Remove("cache_control");
        JsonNode
            .DeepEquals(
                sent,
                JsonNode.Parse(
                    $$$"""{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"{{{pdf}}}"},"title":"a.pdf"}"""
                )
            )
            .Should()
            .BeTrue();
    }

    [Fact(Timeout = 120_000)]
    public async Task Limits_idempotency_and_refusals_are_those_of_the_other_surfaces()
    {
        relay.Api.When("responses: cut", new Behavior { Words = 40, Failure = UpstreamFailure.MaxTokens });
        relay.Api.When("responses: declined", new Behavior { Text = "No.", Failure = UpstreamFailure.Refusal });
        var daily = await relay.Program.MintAsync("responses-daily", "--daily-limit", "1");

        var question = new
        {
            model = "sonnet",
            input = "responses: daily",
            stream = true,
        };
        var first = await relay.Program.StreamAsync(Path, daily, question, idempotencyKey: "r-1");
        var again = await relay.Program.StreamAsync(Path, daily, question, idempotencyKey: "r-1");
        var over = await relay.Program.PostAsync(Path, daily, new { model = "sonnet", input = "responses: daily too" });
        var cut = await AskAsync(new JsonObject { ["model"] = "sonnet", ["input"] = "responses: cut" });
        var declined = await AskAsync(new JsonObject { ["model"] = "sonnet", ["input"] = "responses: declined" });
        var stored = await relay.Program.PostAsync(
            Path,
            relay.Key,
            new
            {
                model = "sonnet",
                input = "hi",
                previous_response_id = "resp_1",
            }
        );

        again.Events.Select(item => item.Json.GetRawText()).Should().Equal(first.Events.Select(item => item.Json.GetRawText()));
        over.Status.Should().Be(429);
        over.Json.GetProperty("error").GetProperty("code").GetString().Should().Be("insufficient_quota");
        (cut.GetProperty("status").GetString(), cut.GetProperty("incomplete_details").GetProperty("reason").GetString())
            .Should()
            .Be(("incomplete", "max_output_tokens"));
        declined.GetProperty("output")[0].GetProperty("content")[0].GetProperty("refusal").GetString().Should().Be("No.");
        stored.Status.Should().Be(400);
        stored.Json.GetProperty("error").GetProperty("param").GetString().Should().Be("previous_response_id");
    }

    private static JsonObject Message(string text) =>
        new() { ["role"] = "user", ["content"] = new JsonArray(new JsonObject { ["type"] = "input_text", ["text"] = text }) };

    private static string TextOf(JsonElement response) =>
        string.Concat(
            response
                .GetProperty("output")
                .EnumerateArray()
                .SelectMany(item => item.GetProperty("content").EnumerateArray())
                .Select(part => part.GetProperty("text").GetString())
        );

    private async Task<JsonElement> AskAsync(JsonNode body)
    {
        var answer = await relay.Program.PostAsync(Path, relay.Key, body);
        answer.Status.Should().Be(200, answer.Body);
        return answer.Json;
    }
}
