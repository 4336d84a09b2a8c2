using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>
/// A request with tools that is made again under its <c>Idempotency-Key</c>: the same call comes back, and the model is not asked.
/// </summary>
public sealed class ToolReplayTests(RealRelay relay) : IClassFixture<RealRelay>
{
    [Theory(Timeout = 120_000)]
    [InlineData("/v1/messages", false)]
    [InlineData("/v1/messages", true)]
    [InlineData("/v1/chat/completions", false)]
    [InlineData("/v1/chat/completions", true)]
    [InlineData("/v1/complete", false)]
    [InlineData("/v1/complete", true)]
    public async Task The_same_tools_get_the_same_calls_and_other_tools_are_a_mismatch(string path, bool isStream)
    {
        var app = new ToolApp(path, $"replayed calls of {path} {isStream}");
        relay.Api.When(
            app.Question,
            new Behavior
            {
                BeforeCalls = "Let me look.",
                ToolCalls = [ToolCall.Of("weather", """{"city":"Bonn"}"""), ToolCall.Of("weather", """{"city":"Kiel"}""")],
                ToolRounds = 1,
                Text = "It is mild.",
            }
        );
        var body = app.Body();
        body["stream"] = isStream;
        var key = $"replay-{path}-{isStream}";

        var first = await PostAsync(path, key, body);
        var again = await PostAsync(path, key, body);

        (first.Status, again.Status).Should().Be((200, 200), first.Body);
        (first.IsReplayed, again.IsReplayed).Should().Be((false, true));
        again.Body.Should().Be(first.Body);
        var answer = isStream ? ToolAnswer.OfStream(path, again.Body) : ToolAnswer.Of(path, JsonNode.Parse(again.Body)!);
        answer.Calls.Select(call => call.Input["city"]!.GetValue<string>()).Should().Equal("Bonn", "Kiel");
        relay.RequestsOf(app.Question).Should().ContainSingle("the second answer is the kept one");

        app.TakeCalls(answer);
        app.AddResults("12 °C");
        var results = await PostAsync(path, $"{key}-results", app.Body());
        var repeated = await PostAsync(path, $"{key}-results", app.Body());

        results.Body.Should().Contain("It is mild.");
        (repeated.Body, repeated.IsReplayed).Should().Be((results.Body, true));
        relay.RequestsOf(app.Question).Should().HaveCount(2);

        var others = body.DeepClone().AsObject();
        others["tools"]!.AsArray().RemoveAt(1);
        var mismatch = await PostAsync(path, key, others);

        (mismatch.Status, mismatch.IsReplayed).Should().Be((422, false), mismatch.Body);
        mismatch.Body.Should().Contain("This Idempotency-Key was used for another request");
        relay.RequestsOf(app.Question).Should().HaveCount(2);
    }

    [Theory(Timeout = 120_000)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_Responses_API_replays_calls_and_the_answer_to_their_results(bool isStream)
    {
        var words = $"replayed calls of responses {isStream}";
        relay.Api.When(
            words,
            new Behavior
            {
                ToolCalls = [ToolCall.Of("weather", """{"city":"Bonn"}""")],
                ToolRounds = 1,
                Text = "It is mild.",
            }
        );
        var tools = """[{"type":"function","name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}]""";
        JsonObject Body(string input) =>
            JsonNode
                .Parse($$"""{"model":"opus","stream":{{(isStream ? "true" : "false")}},"tools":{{tools}},"input":[{{input}}]}""")!
                .AsObject();
        var asked = $$"""{"role":"user","content":"{{words}}"}""";
        var called = """{"type":"function_call","call_id":"c1","name":"weather","arguments":"{\"city\":\"Bonn\"}"}""";
        var result = """{"type":"function_call_output","call_id":"c1","output":"12 °C"}""";

        foreach (var (input, holds) in new[] { (asked, "function_call"), ($"{asked},{called},{result}", "It is mild.") })
        {
            var first = await PostAsync("/v1/responses", $"responses-{isStream}-{holds.Length}", Body(input));
            var again = await PostAsync("/v1/responses", $"responses-{isStream}-{holds.Length}", Body(input));

            (first.Status, first.IsReplayed, again.IsReplayed).Should().Be((200, false, true), first.Body);
            again.Body.Should().Be(first.Body).And.Contain(holds);
        }

        relay.RequestsOf(words).Should().HaveCount(2, "each second answer is the kept one");
    }

    private async Task<(int Status, string Body, bool IsReplayed)> PostAsync(string path, string idempotencyKey, JsonObject body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", relay.Key);
        request.Headers.TryAddWithoutValidation("Idempotency-Key", idempotencyKey);
        using var response = await relay.Program.Http.SendAsync(request, TestContext.Current.CancellationToken);
        return (
            (int)response.StatusCode,
            await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            response.Headers.Contains("Idempotent-Replayed")
        );
    }
}
