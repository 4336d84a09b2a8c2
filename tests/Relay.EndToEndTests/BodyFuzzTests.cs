using System.Text;
using System.Text.Json;

namespace Relay.EndToEndTests;

/// <summary>
/// Bodies that nobody would write, on all three surfaces, made of those that clients send and of some with every field: never a 500, never
/// a process left over, never a stream without an end. The same ones each time, unless <c>RELAY_TEST_SEED</c> or <c>--long</c> chooses
/// others.
/// </summary>
public sealed class BodyFuzzTests(EchoRelay fixture) : IClassFixture<EchoRelay>
{
    private static readonly (string Path, string Body)[] Sound =
    [
        (
            "/v1/complete",
            """{"prompt":"hi","system":"s","model":"opus","output_format":"json","stream":false,"json_schema":{"type":"object"},"effort":"low","max_tokens":5,"stop":["x"]}"""
        ),
        (
            "/v1/complete",
            """{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"text","text":"b"}]},{"role":"user","content":[{"type":"image","media_type":"image/gif","data":"R0lGODlhAQABAAAAACw="}]}],"stream":true}"""
        ),
        (
            "/v1/chat/completions",
            """{"model":"opus","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/gif;base64,R0lGODlhAQABAAAAACw="}}]}],"stream":true,"stream_options":{"include_usage":true},"response_format":{"type":"text"},"stop":"x","max_completion_tokens":5,"temperature":1,"n":1,"tools":[]}"""
        ),
        (
            "/v1/responses",
            """{"model":"opus","input":[{"role":"developer","content":"s"},{"type":"message","role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"data:image/gif;base64,R0lGODlhAQABAAAAACw="},{"type":"input_file","file_data":"YSxi","filename":"a.csv"}]},{"type":"reasoning","summary":[]},{"type":"item_reference","id":"rs_a.b"},{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"r"}]}],"instructions":"s","tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],"tool_choice":"auto","text":{"format":{"type":"text"}},"reasoning":{"effort":"low","summary":"auto"},"metadata":{"a":"b"},"include":[],"store":false,"stream":true}"""
        ),
        (
            "/v1/messages",
            """{"model":"opus","max_tokens":5,"messages":[{"role":"user","content":[{"type":"document","title":"t","context":"c","citations":{"enabled":true},"source":{"type":"text","media_type":"text/plain","data":"a"}},{"type":"document","source":{"type":"content","content":[{"type":"text","text":"b"}]}},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0xLjQK"}}]}]}"""
        ),
        (
            "/v1/messages",
            """{"model":"opus","max_tokens":5,"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]},{"role":"assistant","content":"b"},{"role":"user","content":"c"}],"stream":true,"thinking":{"type":"adaptive"},"output_config":{"effort":"low"},"stop_sequences":["x"]}"""
        ),
        ("/v1/messages", ToolBodies.Anthropic),
        ("/v1/chat/completions", ToolBodies.OpenAi),
        ("/v1/complete", ToolBodies.Native),
        ("/v1/messages/count_tokens", """{"model":"opus","messages":[{"role":"user","content":"a"}]}"""),
    ];

    /// <summary>Bodies of real clients, each on its surfaces.</summary>
    private static readonly (string Path, string Body)[] Real =
    [
        .. from line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "client-bodies.jsonl"))
        let row = JsonElement.Parse(line)
        from surface in row.GetProperty("surface").GetString()!.Split(", ")
        let path = surface switch
        {
            "openai" => "/v1/chat/completions",
            "anthropic" => "/v1/messages",
            "native" => "/v1/complete",
            _ => null,
        }
        where path is not null
        select (path, row.GetProperty("body").GetRawText()),
    ];

    [Fact(Timeout = 600_000)]
    public async Task Every_body_is_answered_and_nothing_is_left_over()
    {
        var seed =
            Environment.GetEnvironmentVariable("RELAY_TEST_SEED") is { Length: > 0 } given
                ? int.Parse(given, System.Globalization.CultureInfo.InvariantCulture)
            : Extent.IsLong ? Random.Shared.Next()
            : 17;
        var random = new Random(seed);
        var rounds = Extent.Of(byDefault: 150, all: 600, atLength: 6000);
        Real.Should().HaveCountGreaterThan(70);
        var statuses = new Dictionary<int, int>();
        for (var round = 0; round < rounds; round++)
        {
            var bodies = random.Next(2) == 0 ? Sound : Real;
            var (path, body) = bodies[random.Next(bodies.Length)];
            body = random.Next(4) == 0 ? body.Replace("{\"model\"", "{\"stream\": true, \"model\"", StringComparison.Ordinal) : body;
            var mutated = BodyMutator.Mutate(body, random);
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(mutated) };
            request.Content.Headers.ContentType = new("application/json");
            request.Headers.Authorization = new("Bearer", fixture.Relay.Key);
            using var response = await fixture.Relay.Program.Http.SendAsync(request, TestContext.Current.CancellationToken);
            var answer = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            var context =
                $"seed {seed}, round {round}, {path}: {Encoding.UTF8.GetString(mutated)}\nanswered {(int)response.StatusCode} {answer}";

            ((int)response.StatusCode).Should().BeOneOf([200, 400, 404, 413], context);
            statuses[(int)response.StatusCode] = statuses.GetValueOrDefault((int)response.StatusCode) + 1;
            if (response.Content.Headers.ContentType?.MediaType == "text/event-stream")
            {
                answer
                    .TrimEnd()
                    .Should()
                    .Match(
                        text =>
                            text.EndsWith("[DONE]", StringComparison.Ordinal)
                            || text.Contains("event: done")
                            || text.Contains("event: message_stop")
                            || text.Contains("event: response.completed"),
                        context
                    );
            }
            else
            {
                JsonElement.Parse(answer).ValueKind.Should().Be(JsonValueKind.Object, context);
                answer.Should().NotContainAny("System.", "Relay.Api", "Exception");
            }
        }

        statuses.Should().ContainKeys([200, 400], "both kinds were tried");
        await fixture.ShouldStillAnswerAsync();
    }

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/complete")]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/responses")]
    [InlineData("/v1/messages")]
    public async Task Bodies_of_very_many_blocks_take_little_memory(string path)
    {
        var blocks = string.Join(',', Enumerable.Repeat("""{"type":"text","text":"a"}""", 199_000));
        var body = Encoding.UTF8.GetBytes($$"""{"model":"haiku","max_tokens":9,"messages":[{"role":"user","content":[{{blocks}}]}]}""");
        if (path == "/v1/complete")
        {
            body = Encoding.UTF8.GetBytes($$"""{"messages":[{"role":"user","content":[{{blocks}}]}]}""");
        }

        if (path == "/v1/responses")
        {
            body = Encoding.UTF8.GetBytes($$"""{"model":"haiku","input":[{"role":"user","content":[{{blocks}}]}]}""");
        }

        var keys = new List<string>();
        for (var key = 0; key < 4; key++)
        {
            keys.Add(await fixture.Relay.Program.MintAsync($"blocks-{path.Split('/')[^1]}-{key}"));
        }

        var memory = TestMachine.MemoryOf(fixture.Relay.Program.ProcessId, "VmHWM");
        var statuses = await Task.WhenAll(
            Enumerable
                .Range(0, 28)
                .Select(async number =>
                {
                    using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(body) };
                    request.Content.Headers.ContentType = new("application/json");
                    request.Headers.Authorization = new("Bearer", keys[number % keys.Count]);
                    using var response = await fixture.Relay.Program.Http.SendAsync(request, TestContext.Current.CancellationToken);
                    return (int)response.StatusCode;
                })
        );

        statuses.Should().OnlyContain(status => status == 413 || status == 429).And.Contain(413);
        (TestMachine.MemoryOf(fixture.Relay.Program.ProcessId, "VmHWM") - memory)
            .Should()
            .BeLessThan(400_000_000, "28 such bodies once took 1.3 GB");
    }
}
