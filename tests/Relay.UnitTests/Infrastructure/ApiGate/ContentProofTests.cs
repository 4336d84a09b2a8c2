using System.Text.Json.Nodes;
using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;
using Relay.Tests.Corpus;
using static Relay.UnitTests.Infrastructure.ApiGate.ProofBench;

namespace Relay.UnitTests.Infrastructure.ApiGate;

/// <summary>The turns of a conversation and their blocks.</summary>
public sealed class ContentProofTests
{
    [Fact]
    public void A_history_passes_with_its_turns_in_order()
    {
        var request = new ComposedRequest().Say("user", "q1");
        request.Messages.Add(JsonNode.Parse("""{"role":"system","content":[],"output_config":{"effort":"medium"}}"""));
        request.Say("assistant", ComposedRequest.Text("a1")).Say("user", ComposedRequest.Text("q2"), ComposedRequest.Text("q3")).WithNote();

        Prove(request, Expect(Turn(ChatRole.User, "q1"), Turn(ChatRole.Assistant, "a1"), Turn(ChatRole.User, "q2", "q3")))
            .Refusal.Should()
            .BeNull();
    }

    [Fact]
    public void Reminders_of_older_models_pass_at_the_head_of_the_last_turn()
    {
        var request = new ComposedRequest().Say(
            "user",
            ComposedRequest.Text($"<system-reminder>\n{ComposedRequest.Note}\n</system-reminder>"),
            ComposedRequest.Text("Hi", cached: true)
        );

        var proof = Prove(request, Expect("Hi"));

        proof.Refusal.Should().BeNull();
        proof.Shape!.Placement.Should().Be(NotePlacement.Reminders);
    }

    [Fact]
    public void A_callers_words_that_look_like_a_reminder_are_compared_as_words()
    {
        const string words = "<system-reminder>\n# Environment\n</system-reminder>";

        Prove(new ComposedRequest().Say("user", words).WithNote(), Expect(words)).Refusal.Should().BeNull();
        Prove(
            new ComposedRequest().Say("user", ComposedRequest.Text(words), ComposedRequest.Text("Hi")).WithNote(),
            Expect(Turn(ChatRole.User, words, "Hi"))
        )
            .Refusal.Should()
            .BeNull();
    }

    [Fact]
    public void A_picture_passes_byte_for_byte()
    {
        var picture = ImageBlock.Create("image", Pictures.Png(8, 8)).Value!;
        var expected = Expect(new ChatMessage(ChatRole.User, [picture, new TextBlock(PromptText.Create("text", "see").Value!)]));
        JsonObject Picture(string data) =>
            JsonNode.Parse($$$"""{"type":"image","source":{"type":"base64","media_type":"image/png","data":"{{{data}}}"}}""")!.AsObject();

        Prove(new ComposedRequest().Say("user", Picture(picture.Reveal()), ComposedRequest.Text("see")).WithNote(), expected)
            .Refusal.Should()
            .BeNull();
        Prove(new ComposedRequest().Say("user", Picture("AAAA"), ComposedRequest.Text("see")).WithNote(), expected)
            .Refusal.Should()
            .Be(GateRefusal.CallersPart);
    }

    public static TheoryData<string, bool> SentDocuments =>
        new()
        {
            {
                """{"type":"document","source":{"type":"text","media_type":"text/plain","data":"abc"},"title":"T","context":"C","citations":{"enabled":true}}""",
                true
            },
            {
                """{"type":"document","source":{"type":"text","media_type":"text/plain","data":"abc"},"title":"T","context":"C","citations":{"enabled":true},"cache_control":{"type":"ephemeral"}}""",
                true
            },
            {
                """{"type":"document","source":{"type":"text","media_type":"text/plain","data":"abd"},"title":"T","context":"C","citations":{"enabled":true}}""",
                false
            },
            {
                """{"type":"document","source":{"type":"text","media_type":"text/html","data":"abc"},"title":"T","context":"C","citations":{"enabled":true}}""",
                false
            },
            {
                """{"type":"document","source":{"type":"base64","media_type":"text/plain","data":"abc"},"title":"T","context":"C","citations":{"enabled":true}}""",
                false
            },
            {
                """{"type":"document","source":{"type":"text","media_type":"text/plain","data":"abc"},"title":"U","context":"C","citations":{"enabled":true}}""",
                false
            },
            {
                """{"type":"document","source":{"type":"text","media_type":"text/plain","data":"abc"},"title":"T","citations":{"enabled":true}}""",
                false
            },
            {
                """{"type":"document","source":{"type":"text","media_type":"text/plain","data":"abc"},"title":"T","context":"C","citations":{"enabled":false}}""",
                false
            },
            { """{"type":"document","source":{"type":"text","media_type":"text/plain","data":"abc"},"title":"T","context":"C"}""", false },
            {
                """{"type":"document","source":{"type":"text","media_type":"text/plain","data":"abc"},"title":"T","context":"C","citations":{"enabled":true},"more":1}""",
                false
            },
            { """{"type":"text","text":"abc"}""", false },
        };

    [Theory]
    [MemberData(nameof(SentDocuments))]
    public void A_document_passes_with_its_own_words_only(string sent, bool passes)
    {
        var document = new DocumentBlock(new TextSource(Any.Text("abc")))
        {
            Title = Any.Text("T"),
            Context = Any.Text("C"),
            HasCitations = true,
        };
        var request = new ComposedRequest().Say("user", JsonNode.Parse(sent)!, ComposedRequest.Text("see")).WithNote();

        (Prove(request, Expect(new ChatMessage(ChatRole.User, [document, new TextBlock(Any.Text("see"))]))).Refusal is null)
            .Should()
            .Be(passes);
    }

    [Fact]
    public void Documents_of_each_kind_pass_byte_for_byte()
    {
        var pdf = PdfSource.Create("x", Convert.ToBase64String(PdfFile.Of(null, "one"))).Value!;
        var expected = Expect(
            new ChatMessage(ChatRole.User, [new DocumentBlock(pdf), new DocumentBlock(new PartsSource([Any.Text("a"), Any.Text("b")]))])
        );
        ComposedRequest Sent(string data, string second, params string[] more) =>
            new ComposedRequest()
                .Say(
                    "user",
                    JsonNode.Parse(
                        $$$"""{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"{{{data}}}"}}"""
                    )!,
                    new JsonObject
                    {
                        ["type"] = "document",
                        ["source"] = new JsonObject
                        {
                            ["type"] = "content",
                            ["content"] = new JsonArray([
                                ComposedRequest.Text("a"),
                                ComposedRequest.Text(second),
                                .. more.Select(text => ComposedRequest.Text(text)),
                            ]),
                        },
                    }
                )
                .WithNote();

        Prove(Sent(pdf.Reveal(), "b"), expected).Refusal.Should().BeNull();
        Prove(Sent("JVBERi0=", "b"), expected).Refusal.Should().Be(GateRefusal.CallersPart);
        Prove(Sent(pdf.Reveal(), "c"), expected).Refusal.Should().Be(GateRefusal.CallersPart);
        Prove(Sent(pdf.Reveal(), "b", "c"), expected).Refusal.Should().Be(GateRefusal.CallersPart);
    }
}
