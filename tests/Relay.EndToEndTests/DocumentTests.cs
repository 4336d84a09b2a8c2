using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using Relay.EndToEndTests.Harness;
using Relay.Tests.Corpus;

namespace Relay.EndToEndTests;

/// <summary>Documents of a caller arrive at Anthropic's API byte for byte, over the real CLI, on every surface.</summary>
[Collection(nameof(RealRelay))]
public sealed class DocumentTests(RealRelay relay)
{
    /// <summary>A PDF with bytes of all values, and a text that Claude Code could take for commands, files and notes of its own.</summary>
    private static readonly string Pdf = Convert.ToBase64String(
        PdfFile.WithContent(string.Empty, [.. Enumerable.Range(0, 256).Select(value => (byte)value)])
    );

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

    [Fact(Timeout = 120_000)]
    public async Task OpenAIs_files_arrive_as_documents_with_their_names()
    {
        var body = new
        {
            model = "opus",
            messages = new[]
            {
                new
                {
                    role = "user",
                    content = new object[]
                    {
                        new { type = "text", text = "files by OpenAI" },
                        new { type = "file", file = new { filename = "a.pdf", file_data = $"data:application/pdf;base64,{Pdf}" } },
                        new
                        {
                            type = "file",
                            file = new
                            {
                                filename = "a.txt",
                                file_data = $"data:text/plain;base64,{Convert.ToBase64String(Encoding.UTF8.GetBytes(Words))}",
                            },
                        },
                    },
                },
            },
        };

        var answer = await relay.Program.PostAsync("/v1/chat/completions", relay.Key, body);

        answer.Status.Should().Be(200, answer.Body);
        SeenOf("files by OpenAI")
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
