using System.Text.Json;
using System.Text.Json.Nodes;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>Bodies as real clients send them, each over the whole route, and the answer that their own API would give.</summary>
public sealed class ClientBodyTests(ClientBodyTests.Fixture fixture) : IClassFixture<ClientBodyTests.Fixture>
{
    /// <summary>Bodies that this test does not send, and why.</summary>
    private static readonly Dictionary<string, string> Elsewhere = new(StringComparer.Ordinal)
    {
        ["forced-tool"] = "it needs tools, and this Claude Code has no gate: ToolTests",
        ["tool-history-no-tools"] = "as forced-tool",
        ["tools-choice-none"] = "as forced-tool",
        ["schema-never-fits"] = "it is no body, but an answer: the last test",
    };

    /// <summary>Fields that have no effect here, by the name of their body.</summary>
    private static readonly string[] EmptyFields = ["field-provider", "field-web_search_options", "field-reasoning"];

    /// <summary>Scripts for Claude Code with some bodies; it repeats the words of all others.</summary>
    private static readonly Dictionary<string, FakeScript> Scripts = new(StringComparer.Ordinal)
    {
        ["schema-2020-12"] = new() { StructuredOutput = """{"city":"Paris"}""" },
        ["schema-list"] = new() { StructuredOutput = """{"data":["Paris"]}""" },
        ["model-unknown-version"] = new()
        {
            Behavior = FakeBehavior.ErrorResult,
            ErrorStatus = 404,
            ErrorName = "model_not_found",
        },
    };

    private readonly FakeRelay _relay = fixture.Relay;

    public static TheoryData<string, string> Bodies =>
        [.. Rows().Where(row => !Elsewhere.ContainsKey(row.Id)).SelectMany(row => row.Surfaces.Select(surface => (row.Id, surface)))];

    [Theory(Timeout = 120_000)]
    [MemberData(nameof(Bodies))]
    public async Task A_body_of_a_real_client_gets_its_right_answer(string id, string surface)
    {
        var row = Rows().Single(row => row.Id == id);
        var (path, body) = Request(row, surface);

        _relay.Script(Scripts.GetValueOrDefault(id) ?? new FakeScript { EchoPrompt = true });
        var answer = await _relay.Program.PostAsync(path, _relay.Key, body);

        answer
            .Status.ToString(System.Globalization.CultureInfo.InvariantCulture)
            .Should()
            .Be(row.Right[..3], $"{row.Right}; it was answered: {answer.Body}");
        if (answer.Status == 400)
        {
            answer.Body.Should().Contain(id == "prefill" ? "prefill" : $"'{id.Split('-')[1]}'", row.Right);
        }

        var ignored =
            id.StartsWith("field-", StringComparison.Ordinal) || id == "verbosity"
                ? id.Replace("field-", string.Empty, StringComparison.Ordinal)
                : null;
        if (ignored is not null && !EmptyFields.Contains(id, StringComparer.Ordinal))
        {
            answer.Headers.GetValues("X-Relay-Ignored").Should().Equal(ignored);
        }
    }

    [Fact(Timeout = 120_000)]
    public async Task A_stream_names_what_it_ignores_too()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = System.Net.Http.Json.JsonContent.Create(
                new
                {
                    model = "haiku",
                    stream = true,
                    seed = 7,
                    temperature = 0.1,
                    messages = new[] { new { role = "user", content = "a" } },
                }
            ),
        };

        request.Headers.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", _relay.Key);

        using var answer = await _relay.Program.Http.SendAsync(request, TestContext.Current.CancellationToken);

        answer.Headers.GetValues("X-Relay-Ignored").Should().Equal("temperature, seed");
        (await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Should().EndWith("data: [DONE]\n\n");
    }

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/chat/completions", 400)]
    [InlineData("/v1/messages", 400)]
    [InlineData("/v1/complete", 422)]
    public async Task An_answer_that_never_fits_has_a_status_that_no_client_repeats(string path, int status)
    {
        _relay.Script(new FakeScript { StructuredOutput = """{"city":5}""" });
        var schema = JsonNode.Parse("""{"type":"object","properties":{"city":{"type":"string"}}}""");
        var body = new JsonObject { ["model"] = "haiku", ["messages"] = JsonNode.Parse("""[{"role":"user","content":"Paris"}]""") };
        body[
            path switch
            {
                "/v1/complete" => "json_schema",
                "/v1/messages" => "output_config",
                _ => "response_format",
            }
        ] = path switch
        {
            "/v1/complete" => schema,
            "/v1/messages" => new JsonObject
            {
                ["format"] = new JsonObject { ["type"] = "json_schema", ["schema"] = schema },
            },
            _ => new JsonObject
            {
                ["type"] = "json_schema",
                ["json_schema"] = new JsonObject { ["name"] = "city", ["schema"] = schema },
            },
        };
        body["max_tokens"] = 64;

        var answer = await _relay.Program.PostAsync(path, _relay.Key, body);

        answer.Status.Should().Be(status, answer.Body);
        answer.Body.Should().Contain("did not fit the schema");
        (answer.Headers.TryGetValues("x-should-retry", out var retry) ? retry.Single() : null).Should().Be(status == 422 ? null : "false");
    }

    private static (string Path, JsonObject Body) Request(Row row, string surface)
    {
        var body = JsonNode.Parse(row.Body.GetRawText())!.AsObject();
        if (surface == "anthropic")
        {
            body.TryAdd("max_tokens", 64);
        }

        return (
            surface switch
            {
                "openai" => "/v1/chat/completions",
                "anthropic" => "/v1/messages",
                _ => "/v1/complete",
            },
            body
        );
    }

    private static IEnumerable<Row> Rows() =>
        File.ReadLines(Path.Combine(AppContext.BaseDirectory, "client-bodies.jsonl"))
            .Select(line => JsonElement.Parse(line))
            .Select(row => new Row(
                row.GetProperty("id").GetString()!,
                row.GetProperty("surface").GetString()!.Split(", "),
                row.GetProperty("body"),
                row.GetProperty("right").GetString()!
            ));

    private sealed record Row(string Id, string[] Surfaces, JsonElement Body, string Right);

    public sealed class Fixture() : FakeRelayFixture(("PER_KEY_RPM", "1000"))
    {
        /// <inheritdoc/>
        protected override FakeScript Script => new() { EchoPrompt = true };
    }
}
