using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>Parameters of the model, over the real CLI: in the request of the turn that has them, and in no other one.</summary>
public sealed partial class ParameterTests(RealRelay relay) : IClassFixture<RealRelay>
{
    private static readonly string[] Names = ["temperature", "top_p", "top_k", "stop_sequences"];

    [Theory(Timeout = 180_000)]
    [InlineData("/v1/complete", "opus", Traits = ["Extent", "all"])]
    [InlineData("/v1/chat/completions", "opus")]
    [InlineData("/v1/messages", "opus", Traits = ["Extent", "all"])]
    [InlineData("/v1/messages", "claude-haiku-4-5")]
    public async Task The_API_gets_exactly_the_parameters_of_each_turn(string path, string model)
    {
        var (key, words) = (
            await relay.Program.MintAsync($"parameters-{path[4..].Replace('/', '-')}-{model}"),
            $"parameters of {path} {model}"
        );

        await AskAsync(path, key, model, words, "{}");
        var sampled = await AskAsync(
            path,
            key,
            model,
            words,
            """{"temperature":0.25,"top_p":0.5,"top_k":40,"stop":["END","\u00e4\u2028\ud83d\ude00"]}"""
        );
        await AskAsync(path, key, model, words, "{}");
        await AskAsync(path, key, model, words, """{"thinking":{"type":"enabled","budget_tokens":2048}}""");
        await AskAsync(path, key, model, words, """{"thinking":{"type":"adaptive"},"temperature":1,"top_p":1}""");
        await AskAsync(path, key, model, words, """{"thinking":{"type":"disabled"}}""");
        await AskAsync(path, key, model, words, "{}");

        sampled.Headers.Contains("X-Relay-Ignored").Should().BeFalse();
        var seen = relay.RequestsOf(words);
        seen.Select(request => request.SessionId).Distinct(StringComparer.Ordinal).Should().ContainSingle("one process serves all of them");
        seen.Select(Sampling)
            .Should()
            .Equal(
                "{}",
                """{"temperature":0.25,"top_p":0.5,"top_k":40,"stop_sequences":["END","ä\u2028\uD83D\uDE00"]}""",
                "{}",
                "{}",
                "{}",
                "{}",
                "{}"
            );
        seen.Select(Thinking)
            .Should()
            .Equal(
                Thinking(seen[0]),
                """{"type":"disabled"}""",
                Thinking(seen[0]),
                """{"type":"enabled","budget_tokens":2048}""",
                """{"type":"adaptive"}""",
                """{"type":"disabled"}""",
                Thinking(seen[0])
            );
        Plain(seen[2]).Should().Be(Plain(seen[0]));
        Plain(seen[6]).Should().Be(Plain(seen[0]));
        seen[6].Headers["anthropic-beta"].Should().Be(seen[0].Headers["anthropic-beta"]);
    }

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/complete", Traits = ["Extent", "all"])]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/messages", Traits = ["Extent", "all"])]
    public async Task A_refusal_of_the_API_comes_back_in_its_own_words_and_costs_one_call(string path)
    {
        var words = $"hot thoughts of {path}";

        var refused = await relay.Program.PostAsync(
            path,
            relay.Key,
            Body(path, "opus", words, """{"temperature":0.5,"thinking":{"type":"adaptive"}}""")
        );
        var streamed = await relay.Program.PostAsync(
            path,
            relay.Key,
            Body(path, "opus", words, """{"temperature":0.5,"thinking":{"type":"adaptive"},"stream":true}""")
        );

        foreach (var answer in new[] { refused, streamed })
        {
            answer.Status.Should().Be(400, answer.Body);
            answer
                .Body.Should()
                .Contain("may only be set to 1 when thinking is enabled or in adaptive mode.")
                .And.NotContain("docs.claude.com")
                .And.NotContain("http");
        }

        relay.RequestsOf(words).Should().HaveCount(2);
    }

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/complete", Traits = ["Extent", "all"])]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/messages", Traits = ["Extent", "all"])]
    public async Task An_answer_ends_at_blank_texts_too_which_the_API_does_not_take(string path)
    {
        var words = $"blank stop of {path}";
        relay.Api.When(words, new Behavior { Text = "One.\n\nTwo." });

        var answer = await relay.Program.PostAsync(path, relay.Key, Body(path, "opus", words, """{"stop":["\n\n"]}"""));

        answer.Status.Should().Be(200, answer.Body);
        answer.Body.Should().Contain("One.").And.NotContain("Two.");
        Sampling(relay.RequestsOf(words).Single()).Should().Be("{}");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_stop_text_of_the_API_is_named_on_every_surface()
    {
        relay.Api.When("until END", new Behavior { Text = "One. END Two." });

        (await AskAsync("/v1/complete", relay.Key, "opus", "until END", """{"stop":["END"]}"""))
            .Json.GetProperty("stop_sequence")
            .GetString()
            .Should()
            .Be("END");
        (await AskAsync("/v1/messages", relay.Key, "opus", "until END", """{"stop":["END"]}"""))
            .Json.GetProperty("stop_sequence")
            .GetString()
            .Should()
            .Be("END");
        (await AskAsync("/v1/chat/completions", relay.Key, "opus", "until END", """{"stop":["END"]}"""))
            .Json.GetProperty("choices")[0]
            .GetProperty("finish_reason")
            .GetString()
            .Should()
            .Be("stop");
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_temperature_of_OpenAIs_above_Claudes_greatest_counts_as_that_and_is_named()
    {
        var answer = await AskAsync("/v1/chat/completions", relay.Key, "opus", "very hot", """{"temperature":1.7}""");

        answer.Headers.GetValues("X-Relay-Ignored").Should().Equal("temperature");
        Sampling(relay.RequestsOf("very hot").Single()).Should().Be("{}");
    }

    private async Task<RelayAnswer> AskAsync(string path, string key, string model, string words, string parameters)
    {
        var answer = await relay.Program.PostAsync(path, key, Body(path, model, words, parameters));
        answer.Status.Should().Be(200, answer.Body);
        return answer;
    }

    private static JsonObject Body(string path, string model, string words, string parameters)
    {
        var body = new JsonObject
        {
            ["model"] = model,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = words }),
            ["max_tokens"] = 4096,
        };
        foreach (var (name, value) in JsonNode.Parse(parameters)!.AsObject())
        {
            body[name == "stop" && path == "/v1/messages" ? "stop_sequences" : name] = value!.DeepClone();
        }

        return body;
    }

    /// <summary>The fields about the choice of words, and nothing else.</summary>
    private static string Sampling(RecordedRequest request) =>
        new JsonObject(
            request
                .Json.EnumerateObject()
                .Where(field => Names.Contains(field.Name, StringComparer.Ordinal))
                .Select(field => KeyValuePair.Create(field.Name, JsonNode.Parse(field.Value.GetRawText())))
        ).ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    private static string Thinking(RecordedRequest request) => request.Json.GetProperty("thinking").GetRawText();

    /// <summary>The whole body, without the digits that depend on the prompt.</summary>
    private static string Plain(RecordedRequest request) =>
        BillingDigits().Replace(System.Text.Encoding.UTF8.GetString(request.Body), "${version}");

    [GeneratedRegex(
        @"(?<version>cc_version=[0-9]+\.[0-9]+\.[0-9]+\.)[0-9a-f]{3}",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex BillingDigits();
}
