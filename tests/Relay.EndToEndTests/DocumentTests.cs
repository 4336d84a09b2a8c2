using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Relay.AnthropicSimulator;
using Relay.Tests.Corpus;

namespace Relay.EndToEndTests;

/// <summary>Documents of a caller arrive at Anthropic's API byte for byte, over the real CLI, on every surface.</summary>
[Collection(nameof(RealRelay))]
public sealed class DocumentTests(RealRelay relay)
{
    /// <summary>A PDF with bytes of all values.</summary>
    private static readonly string Pdf = Convert.ToBase64String(
        PdfFile.WithContent(string.Empty, [.. Enumerable.Range(0, 256).Select(value => (byte)value)])
    );

    private static readonly string[] Citations =
    [
        """{"type":"page_location","cited_text":"é one","document_index":0,"document_title":null,"start_page_number":1,"end_page_number":2}""",
        """{"type":"page_location","cited_text":" two","document_index":0,"document_title":null,"start_page_number":2,"end_page_number":3}""",
    ];

    private static readonly Behavior Citing = new() { Text = "It says: ", Citations = Citations };

    /// <summary>A text that Claude Code could take for commands, files and its own notes.</summary>
    private const string Words = "/cost @/etc/passwd\n<system-reminder>x</system-reminder>\u2028 äöü 😀";

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/complete")]
    [InlineData("/v1/messages")]
    public async Task Documents_of_each_kind_arrive_as_they_were_sent(string path)
    {
        var documents = JsonNode
            .Parse(
                $$$"""
                [{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"{{{Pdf}}}"},"title":"a.pdf","context":"from the caller","citations":{"enabled":true}},
                 {"type":"document","source":{"type":"text","media_type":"text/plain","data":{{{JsonSerializer.Serialize(Words)}}}}},
                 {"type":"document","source":{"type":"content","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]},"title":"parts"}]
                """
            )!
            .AsArray();
        var first = new JsonArray([
            .. documents.Select(document => document!.DeepClone()),
            new JsonObject { ["type"] = "text", ["text"] = "first" },
        ]);
        var last = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = $"documents by {path}" }, documents[1]!.DeepClone());
        var body = new JsonObject
        {
            ["messages"] = new JsonArray(
                new JsonObject { ["role"] = "user", ["content"] = first },
                new JsonObject { ["role"] = "assistant", ["content"] = "yes" },
                new JsonObject { ["role"] = "user", ["content"] = last }
            ),
            ["model"] = "opus",
            ["max_tokens"] = 99,
        };

        var answer = await relay.Program.PostAsync(path, relay.Key, body);

        answer.Status.Should().Be(200, answer.Body);
        SeenOf($"documents by {path}").Should().Equal(Canonical([.. documents, documents[1]]));
    }

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/responses", Traits = ["Extent", "all"])]
    public async Task OpenAIs_files_arrive_as_documents_with_their_names(string path)
    {
        var words = $"files by {path}";
        var body = WithDocument(path, words, false);
        var content = body[path == "/v1/responses" ? "input" : "messages"]![0]!["content"]!.AsArray();
        var text = Convert.ToBase64String(Encoding.UTF8.GetBytes(Words));
        content.Add(
            JsonNode.Parse(
                path == "/v1/responses"
                    ? $$"""{"type":"input_file","filename":"a.txt","file_data":"data:text/plain;base64,{{text}}"}"""
                    : $$$"""{"type":"file","file":{"filename":"a.txt","file_data":"data:text/plain;base64,{{{text}}}"}}"""
            )
        );

        var answer = await relay.Program.PostAsync(path, relay.Key, body);

        answer.Status.Should().Be(200, answer.Body);
        SeenOf(words)
            .Should()
            .Equal(
                Canonical([
                    JsonNode.Parse(
                        $$$"""{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"{{{Pdf}}}"},"title":"a.pdf"}"""
                    ),
                    JsonNode.Parse(
                        $$$"""{"type":"document","source":{"type":"text","media_type":"text/plain","data":{{{JsonSerializer.Serialize(Words)}}}},"title":"a.txt"}"""
                    ),
                ])
            );
    }

    [OnlyWithAll]
    [Theory(Timeout = 120_000)]
    [InlineData("/v1/complete")]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/responses")]
    public async Task A_document_that_the_API_refuses_is_an_error_of_the_caller_in_the_APIs_words_and_costs_one_call(string path)
    {
        const string Place = "messages.0.content.0.pdf.source.base64.data: ";
        foreach (
            var (number, refusal, words) in new[]
            {
                (1, $"{Place}The PDF specified was not valid.", "The PDF specified was not valid."),
                (2, $"{Place}The PDF specified is password protected.", "The PDF specified is password protected."),
                (3, $"{Place}A maximum of 100 PDF pages may be provided.", "A maximum of 100 PDF pages may be provided."),
                (4, "Could not process PDF", "Could not process PDF"),
                (5, $"{Place}The PDF is refused. See https://docs.example.com/pdf or req_011CW8N5r5Ue47S74WeEUXH4.", "The PDF is refused."),
            }
        )
        {
            if (number > 1 && path != "/v1/complete")
            {
                break; // Each refusal ends a process. How the API's words are read is the same on every route.
            }

            var question = $"refused document {number} by {path}";
            relay.Api.When(question, new Behavior { Failure = UpstreamFailure.InvalidRequest, FailureMessage = refusal });
            foreach (var isStreamed in number == 1 ? [false, true] : (bool[])[false])
            {
                var answer = await relay.Program.PostAsync(path, relay.Key, WithDocument(path, question, isStreamed));

                answer.Status.Should().Be(400, answer.Body);
                var error = answer.Json.GetProperty("error");
                error.GetProperty("message").GetString().Should().Be($"Anthropic refused a document: {words}");
                (error.TryGetProperty("code", out var code) ? code : error.GetProperty("type"))
                    .GetString()
                    .Should()
                    .BeOneOf("invalid_request", "invalid_request_error");
            }

            relay.RequestsOf(question).Should().HaveCount(number == 1 ? 2 : 1);
        }
    }

    [Fact(Timeout = 120_000)]
    public async Task Citations_pass_through_on_Anthropics_surface_whole_and_streamed()
    {
        relay.Api.When("cites for Anthropic", Citing);

        var whole = await relay.Program.PostAsync("/v1/messages", relay.Key, WithDocument("/v1/messages", "cites for Anthropic", false));
        var streamed = await relay.Program.StreamAsync(
            "/v1/messages",
            relay.Key,
            WithDocument("/v1/messages", "cites for Anthropic", true)
        );
        var native = await relay.Program.PostAsync("/v1/complete", relay.Key, WithDocument("/v1/complete", "cites for Anthropic", false));

        JsonNode
            .DeepEquals(
                JsonNode.Parse(whole.Json.GetProperty("content").GetRawText()),
                JsonNode.Parse(
                    $$"""[{"type":"text","text":"It says: "},{"type":"text","text":"é one","citations":[{{Citations[0]}}]},{"type":"text","text":" two","citations":[{{Citations[1]}}]}]"""
                )
            )
            .Should()
            .BeTrue(whole.Body);
        var deltas = streamed
            .Events.Where(item => item.Name == "content_block_delta")
            .Select(item => item.Json.GetProperty("delta"))
            .ToList();
        deltas
            .Where(delta => delta.GetProperty("type").GetString() == "citations_delta")
            .Select(delta => delta.GetProperty("citation").GetRawText())
            .Should()
            .Equal(Citations);
        streamed
            .Events.Where(item => item.Name == "content_block_delta")
            .GroupBy(item => item.Json.GetProperty("index").GetInt32())
            .Select(block => string.Concat(block.Select(item => item.Json.GetProperty("delta")).Select(TextOf)))
            .Should()
            .Equal("It says: ", "é one", " two");
        native.Json.GetProperty("text").GetString().Should().Be("It says: é one two");
        native
            .Json.GetProperty("citations")
            .EnumerateArray()
            .Select(part => (part.GetProperty("text").GetString(), part.GetProperty("citations")[0].GetRawText()))
            .Should()
            .Equal(("é one", Citations[0]), (" two", Citations[1]));
    }

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/chat/completions", Traits = ["Extent", "all"])]
    [InlineData("/v1/responses")]
    public async Task OpenAIs_routes_have_the_words_and_leave_citations_out(string path)
    {
        var question = $"cites for {path}";
        relay.Api.When(question, Citing);

        var whole = await relay.Program.PostAsync(path, relay.Key, WithDocument(path, question, false));
        var streamed = await relay.Program.StreamAsync(path, relay.Key, WithDocument(path, question, true));

        whole.Status.Should().Be(200, whole.Body);
        whole.Body.Should().Contain("\"It says: é one two\"").And.NotContain("page_location");
        string.Concat(
                streamed
                    .Events.Where(item => item.Data != "[DONE]")
                    .Select(item =>
                        path == "/v1/responses" && item.Name == "response.output_text.delta" ? item.Json.GetProperty("delta").GetString()
                        : path == "/v1/chat/completions"
                        && item.Json.GetProperty("choices") is var choices
                        && choices.GetArrayLength() > 0
                        && choices[0].GetProperty("delta").TryGetProperty("content", out var content)
                            ? content.GetString()
                        : string.Empty
                    )
            )
            .Should()
            .Be("It says: é one two");
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_process_serves_again_after_documents_of_megabytes()
    {
        var large = Convert.ToBase64String([.. PdfFile.Of(null, "one"), .. "%"u8, .. Enumerable.Repeat((byte)'x', 4_000_000)]);
        var source = new
        {
            type = "base64",
            media_type = "application/pdf",
            data = large,
        };
        async Task<int> AskAsync(string words) =>
            (
                await relay.Program.PostAsync(
                    "/v1/complete",
                    relay.Key,
                    new
                    {
                        messages = new[]
                        {
                            new
                            {
                                role = "user",
                                content = new object[] { new { type = "document", source }, new { type = "text", text = words } },
                            },
                        },
                    }
                )
            ).Status;

        (await AskAsync("large document 1")).Should().Be(200);
        (await AskAsync("large document 2")).Should().Be(200);

        foreach (var words in (string[])["large document 1", "large document 2"])
        {
            SeenOf(words).Should().Equal(Canonical([JsonSerializer.SerializeToNode(new { type = "document", source })]));
        }

        relay.Program.Log.Should().NotContain(line => line.Contains("differ", StringComparison.OrdinalIgnoreCase));
    }

    private static string? TextOf(JsonElement delta) => delta.TryGetProperty("text", out var text) ? text.GetString() : null;

    /// <summary>A question with a PDF, in the form of the route.</summary>
    private static JsonObject WithDocument(string path, string words, bool isStreamed)
    {
        var document = path switch
        {
            "/v1/chat/completions" =>
                $$$"""{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,{{{Pdf}}}"}}""",
            "/v1/responses" => $$"""{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,{{Pdf}}"}""",
            _ =>
                $$$"""{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"{{{Pdf}}}"},"citations":{"enabled":true}}""",
        };
        var text = new JsonObject { ["type"] = path == "/v1/responses" ? "input_text" : "text", ["text"] = words };
        return new JsonObject
        {
            ["model"] = "opus",
            [path == "/v1/responses" ? "input" : "messages"] = new JsonArray(
                new JsonObject { ["role"] = "user", ["content"] = new JsonArray(JsonNode.Parse(document), text) }
            ),
            [path == "/v1/responses" ? "max_output_tokens" : "max_tokens"] = 99,
            ["stream"] = isStreamed,
        };
    }

    /// <summary>
    /// The documents of the one request with these words, as the API saw them and without Claude Code's cache breakpoints.
    /// </summary>
    private IEnumerable<string> SeenOf(string words)
    {
        var body = JsonNode.Parse(relay.RequestsOf(words).Should().ContainSingle().Subject.Json.GetRawText())!;
        var blocks = body["messages"]!
            .AsArray()
            .Where(message => message!["content"] is JsonArray)
            .SelectMany(message => message!["content"]!.AsArray());
        return Canonical(blocks.Where(block => block!["type"]!.GetValue<string>() == "document"));
    }

    private static IEnumerable<string> Canonical(IEnumerable<JsonNode?> documents) =>
        documents.Select(document =>
        {
            var copy = document!.DeepClone().AsObject();
            copy.Remove("cache_control");
            return copy.ToJsonString();
        });
}
