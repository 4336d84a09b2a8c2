using System.Text;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Tests.Corpus;

namespace Relay.UnitTests.Domain.Completions;

public sealed class DocumentBlockTests
{
    private static readonly string Pdf = Convert.ToBase64String(PdfFile.Of("Title", "one", "two", "three"));

    [Fact]
    public void A_PDF_is_kept_as_it_was_sent_and_its_pages_are_counted()
    {
        var source = PdfSource.Create("x", Pdf).Value;

        (source.Reveal(), source.Pages, source.TextBytes).Should().Be((Pdf, 3, 0L));
        source.ToString().Should().NotContain("JVBER");
        PdfSource.Create("x", Pdf.Insert(40, "\n").TrimEnd('=')).Value.Should().Be(source);
    }

    [Theory]
    [InlineData("/Type /Page", 1)]
    [InlineData("/Type/Page>>/Type\r\n/Page/Type/Pages", 2)]
    [InlineData("/Type /Pages /Type /PageLabel /Type", 1)]
    public void Pages_are_objects_of_the_type_Page(string text, int pages) =>
        PdfSource.Create("x", Base64("%PDF-1.7\n" + text)).Value.Pages.Should().Be(pages);

    [Fact]
    public void Pages_in_compressed_streams_of_objects_count_and_damaged_streams_do_not()
    {
        static byte[] Stream(byte[] data) =>
            [.. "1 0 obj << /Type /ObjStm /N 3 /Filter /FlateDecode >> stream\r\n"u8, .. data, .. "\nendstream endobj\n"u8];
        var whole = PdfFile.Deflate("<</Type/Page>> <</Type/Page/Parent 1 0 R>> <</Type/Pages>>"u8.ToArray());
        byte[] file = [.. "%PDF-1.7\n"u8, .. Stream(whole), .. Stream("nonsense"u8.ToArray()), .. Stream(whole), .. "/ObjStm stream"u8];

        PdfSource.Create("x", Convert.ToBase64String(file)).Value.Pages.Should().Be(4);
    }

    [OnlyWithAll]
    [Fact]
    public void A_bomb_of_pages_takes_little_time_and_memory()
    {
        var bomb = PdfFile.Deflate("/Type /Page "u8.ToArray(), 20_000_000);
        byte[] file = [.. "%PDF-1.7\n"u8, .. Enumerable.Repeat<byte[]>([.. "/ObjStm stream\n"u8, .. bomb], 6).SelectMany(stream => stream)];
        var before = GC.GetAllocatedBytesForCurrentThread();

        PdfSource.Create("x", Convert.ToBase64String(file)).Value.Pages.Should().BeLessThan(4_000_000);

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(100_000_000);
    }

    [Theory]
    [InlineData(null, "not base64")]
    [InlineData("", "not base64")]
    [InlineData("JVBE!", "not base64")]
    [InlineData("bm9uc2Vuc2U=", "not a PDF")]
    public void Another_text_is_refused_with_the_field(string? base64, string why) =>
        PdfSource
            .Create("a.b", base64)
            .Error!.Should()
            .Match<RelayError>(error => error.Field == "a.b" && error.Message.Contains(why) && error.Message.Contains("'a.b'"));

    [Fact]
    public void A_file_is_a_PDF_or_a_text_by_its_bytes()
    {
        DocumentBlock
            .FromFile("x", Pdf, "a.pdf")
            .Value.Should()
            .Be(new DocumentBlock(PdfSource.Create("x", Pdf).Value) { Title = Any.Text("a.pdf") });
        DocumentBlock
            .FromFile("x", Base64("é😀, a,b\r\n"), null)
            .Value.Should()
            .Be(new DocumentBlock(new TextSource(Any.Text("é😀, a,b\r\n"))));
        DocumentBlock.FromFile("x", Base64("PK\u0003\u0004\0"), "a.docx").Error!.Message.Should().Contain("neither a PDF nor a text");
        DocumentBlock
            .FromFile("x", Convert.ToBase64String([0xFF, 0xFE, 0x41]), "a.txt")
            .Error!.Message.Should()
            .Contain("neither a PDF nor a text");
        DocumentBlock.FromFile("x", Base64(" \n"), null).Error!.Message.Should().Contain("blank");
        DocumentBlock.FromFile("x", Pdf, new string('a', 600)).Value.Title!.Reveal().Should().HaveLength(500);
    }

    [Fact]
    public void Words_of_documents_count_as_input_and_pages_as_tokens()
    {
        static CompletionRequest Ask(params ContentBlock[] blocks) =>
            new(Conversation.Create("messages", [new ChatMessage(ChatRole.User, blocks)]).Value, null, null);
        var parts = new PartsSource([Any.Text("abc"), Any.Text("é")]);

        Ask(new DocumentBlock(new TextSource(Any.Text("12345"))) { Title = Any.Text("123"), Context = Any.Text("12") })
            .InputBytes.Should()
            .Be(10);
        Ask(new DocumentBlock(parts)).InputBytes.Should().Be(5);
        Ask(new DocumentBlock(PdfSource.Create("x", Pdf).Value))
            .Should()
            .Match<CompletionRequest>(request => request.InputBytes == 0 && request.EstimatedInputTokens == 1 + (3 * 4600));
    }

    [Fact]
    public void There_is_a_most_of_pages_and_of_parts()
    {
        static ContentBlock Pages(int count) =>
            new DocumentBlock(PdfSource.Create("x", Base64("%PDF-1.7\n" + string.Concat(Enumerable.Repeat("/Type/Page ", count)))).Value);
        static Result<Conversation> Say(params ContentBlock[] blocks) =>
            Conversation.Create("messages", [new ChatMessage(ChatRole.User, blocks)]);
        var parts = new DocumentBlock(new PartsSource([.. Enumerable.Repeat(Any.Text("a"), 999)]));

        Say(Pages(300), Pages(300)).Error.Should().BeNull();
        Say(Pages(300), Pages(301)).Error!.Message.Should().Contain("600 pages");
        Say(parts, parts, parts, parts, parts).Error.Should().BeNull();
        Say(parts, parts, parts, parts, parts, parts).Error!.Message.Should().Contain("5000 of all");
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
