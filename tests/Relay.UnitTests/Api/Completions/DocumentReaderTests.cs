using System.Text.Json;
using Relay.Api.Completions;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Tests.Corpus;

namespace Relay.UnitTests.Api.Completions;

public sealed class DocumentReaderTests
{
    private static readonly string Pdf = Convert.ToBase64String(PdfFile.Of("Title", "one"));

    public static TheoryData<string, DocumentBlock> Documents =>
        new()
        {
            {
                """{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"PDF"}}""",
                new DocumentBlock(PdfOf())
            },
            {
                """{"type":"document","title":"T","context":"C","citations":{"enabled":true},"cache_control":{"type":"ephemeral"},"source":{"type":"text","media_type":"text/plain","data":"x\ny"}}""",
                new DocumentBlock(new TextSource(Any.Text("x\ny")))
                {
                    Title = Any.Text("T"),
                    Context = Any.Text("C"),
                    HasCitations = true,
                }
            },
            {
                """{"type":"document","title":"","context":null,"citations":null,"source":{"type":"content","content":"abc"}}""",
                new DocumentBlock(new PartsSource([Any.Text("abc")]))
            },
            {
                """{"type":"document","citations":{"enabled":false},"source":{"type":"text","data":"a"}}""",
                new DocumentBlock(new TextSource(Any.Text("a")))
            },
        };

    public static TheoryData<string, string> Wrong =>
        new()
        {
            { """{"type":"document"}""", ".source" },
            { """{"type":"document","source":{"type":"xml"}}""", ".source" },
            { """{"type":"document","source":{"type":"base64","data":"AAAA"}}""", ".source.data" },
            { """{"type":"document","source":{"type":"base64"}}""", ".source.data" },
            { """{"type":"document","source":{"type":"text","data":" "}}""", ".source.data" },
            { """{"type":"document","source":{"type":"text","data":5}}""", ".source.data" },
            { """{"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}}""", ".source" },
            { """{"type":"document","source":{"type":"file","file_id":"file_1"}}""", ".source" },
            { """{"type":"document","source":{"type":"content"}}""", ".source" },
            { """{"type":"document","source":{"type":"content","content":[]}}""", ".source.content" },
            { """{"type":"document","source":{"type":"content","content":[{"type":"image"}]}}""", ".source.content[0]" },
            { """{"type":"document","source":{"type":"content","content":[{"type":"text","text":""}]}}""", ".source.content[0].text" },
            { """{"type":"document","source":{"type":"text","data":"a"},"title":1}""", ".title" },
            { """{"type":"document","source":{"type":"text","data":"a"},"context":{}}""", ".context" },
            { """{"type":"document","source":{"type":"text","data":"a"},"citations":true}""", ".citations" },
            { """{"type":"document","source":{"type":"text","data":"a"},"citations":{"enabled":"yes"}}""", ".citations" },
        };

    public static TheoryData<string, string, string> WrongFiles =>
        new()
        {
            { """{"file_id":"file-1"}""", ".file", "file_data" },
            { """{"filename":"a.pdf"}""", ".file", "file_data" },
            { """{"file_data":"data:application/pdf,x"}""", ".file.file_data", "base64" },
            { """{"file_data":"data:application/pdf;base64,AAAA"}""", ".file.file_data", "neither a PDF nor a text" },
            { """{"file_data":5}""", ".file.file_data", "string" },
            { """{"file_url":"https://example.com/a.pdf"}""", ".file.file_url", "fetches nothing" },
        };

    [Theory]
    [MemberData(nameof(Documents))]
    public void Anthropics_documents_are_read_on_two_surfaces(string block, DocumentBlock expected)
    {
        foreach (var conversation in (Result<Conversation>[])[Native(block), Anthropic(block)])
        {
            var read = conversation.Value.Last.Content.Should().ContainSingle().Which.Should().BeOfType<DocumentBlock>().Which;
            (read with { Source = expected.Source }).Should().Be(expected);
            SourceOf(read).Should().Be(SourceOf(expected));
        }
    }

    [Fact]
    public void OpenAIs_files_become_documents_with_their_names()
    {
        var text = Convert.ToBase64String("a,b\n"u8);
        var read = OpenAi(
            $$$"""{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,{{{Pdf}}}"}},{"type":"file","file":{"file_data":"{{{text}}}"}},{"type":"text","text":"q"}"""
        );

        read.Value.Last.Content.Should()
            .Equal(
                new DocumentBlock(PdfOf()) { Title = Any.Text("a.pdf") },
                new DocumentBlock(new TextSource(Any.Text("a,b\n"))),
                new TextBlock(Any.Text("q"))
            );
    }

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_wrong_document_is_named(string block, string place)
    {
        Native(block).Error!.Field.Should().Be($"messages[0].content[0]{place}");
        Anthropic(block).Error!.Field.Should().Be($"messages[0].content[0]{place}");
    }

    [Theory]
    [MemberData(nameof(WrongFiles))]
    public void A_wrong_file_is_named_and_the_error_says_which_form_is_taken(string file, string place, string words) =>
        OpenAi($$"""{"type":"file","file":{{file}}}""")
            .Error!.Should()
            .Match<RelayError>(error => error.Field == $"messages[0].content[0]{place}" && error.Message.Contains(words));

    [Fact]
    public void Only_the_user_shows_documents_and_the_native_form_is_strict()
    {
        const string document = """{"type":"document","source":{"type":"text","data":"a"}}""";
        MessageReader
            .ReadAnthropic(
                JsonElement.Parse(
                    $$"""[{"role":"user","content":"q"},{"role":"assistant","content":[{{document}}]},{"role":"user","content":"q"}]"""
                ),
                null
            )
            .Error!.Message.Should()
            .Contain("only the user");
        Native("""{"type":"document","source":{"type":"text","data":"a"},"more":1}""").Error!.Message.Should().Contain("does not know");
        Anthropic("""{"type":"document","source":{"type":"text","data":"a"},"more":1}""").Error.Should().BeNull();
    }

    private static PdfSource PdfOf() => PdfSource.Create("x", Pdf).Value!;

    private static string SourceOf(DocumentBlock document) =>
        document.Source switch
        {
            PdfSource pdf => pdf.Reveal(),
            TextSource text => text.Text.Reveal(),
            PartsSource parts => string.Join('|', parts.Parts.Select(part => part.Reveal())),
            _ => throw new NotSupportedException(),
        };

    private static JsonElement Message(string blocks) =>
        JsonElement.Parse($$"""[{"role":"user","content":[{{blocks.Replace("\"PDF\"", $"\"{Pdf}\"", StringComparison.Ordinal)}}]}]""");

    private static Result<Conversation> Native(string block) => MessageReader.ReadNative(Message(block));

    private static Result<Conversation> Anthropic(string block) =>
        MessageReader.ReadAnthropic(Message(block), null).TryGet(out var read, out var error) ? read.Conversation : error;

    private static Result<Conversation> OpenAi(string block) =>
        MessageReader.ReadOpenAi(Message(block)).TryGet(out var read, out var error) ? read.Conversation : error;
}
