using System.Text;
using Relay.Infrastructure.Pdf;
using Relay.Tests.Corpus;

namespace Relay.UnitTests.Infrastructure.Pdf;

/// <summary>Letters become lines and paragraphs. These files are harmless, and read in this process.</summary>
public sealed class PdfExtractorTests
{
    private const string Hebrew =
        "1 begincodespacerange <00> <FF> endcodespacerange 4 beginbfchar <61> <05E9> <62> <05DC> <63> <05D5> <64> <05DD> endbfchar";

    [Fact]
    public void Lines_that_were_broken_for_want_of_room_are_one_paragraph() =>
        Read("14 TL (The quick brown fox jumps over) Tj T* (the lazy dog, and then over the) Tj T* (next one.) Tj")
            .Should()
            .Equal("The quick brown fox jumps over the lazy dog, and then over the next one.");

    [Fact]
    public void The_lines_of_an_address_stay_lines() =>
        Read("14 TL (Ada Lovelace) Tj T* (12 Analytical Street, London) Tj T* (England) Tj")
            .Should()
            .Equal("Ada Lovelace\n12 Analytical Street, London\nEngland");

    [Fact]
    public void A_gap_between_lines_is_a_gap_between_paragraphs() =>
        Read("14 TL (First.) Tj T* T* (Second.) Tj").Should().Equal("First.", "Second.");

    [Fact]
    public void A_heading_is_a_paragraph_of_its_own() =>
        Read("/F1 18 Tf (Heading) Tj 0 -20 Td /F1 12 Tf (Words below.) Tj").Should().Equal("Heading", "Words below.");

    [Fact]
    public void Columns_are_read_one_after_the_other() =>
        Read("14 TL (Left one) Tj T* (left two) Tj 300 14 Td (Right one) Tj T* (right two) Tj")
            .Should()
            .Equal("Left one left two", "Right one right two");

    [Fact]
    public void Gaps_are_spaces_and_kerning_is_none() => Read("[(W) 80 (ord) -400 (next)] TJ").Should().Equal("Word next");

    [Fact]
    public void Indices_stay_in_their_line() => Read("(x) Tj 5 Ts /F1 7 Tf (2) Tj 0 Ts /F1 12 Tf ( and y) Tj").Should().Equal("x2 and y");

    /// <summary>The word is "shalom": its letters stand from right to left, and files write them in either order.</summary>
    [Theory]
    [InlineData("(dcba) Tj")]
    [InlineData("100 0 Td (a) Tj -7 0 Td (b) Tj -7 0 Td (c) Tj -7 0 Td (d) Tj")]
    public void Hebrew_is_in_the_order_in_which_it_is_read(string content) =>
        Read(content, Hebrew).Should().Equal("\u05E9\u05DC\u05D5\u05DD");

    [Fact]
    public void Forms_of_letters_are_letters() =>
        PdfLayout
            .Clean("o\uFB03ce \uFEE3\uFEAE\uFEA3\uFE92\uFE8E \uFEFC a\u00ADb\u0000c\u00A0d")
            .Should()
            .Be("office \u0645\u0631\u062D\u0628\u0627 \u0644\u0627 abc d");

    [Fact]
    public void A_file_without_its_end_gets_a_new_one()
    {
        var file = PdfFile.Of(null, "One.", "Two.", "Three.");
        var frames = PdfExtractor.Read(file[..^400]).ToList();

        frames[0].Count.Should().BeInRange(1, 3);
        frames[1].Paragraphs.Should().Equal("One.");
    }

    private static IReadOnlyList<string> Read(string content, string? letters = null)
    {
        var bytes = Encoding.Latin1.GetBytes($"BT /F1 12 Tf 72 700 Td {content} ET");
        var file = letters is null
            ? PdfFile.WithContent(string.Empty, bytes)
            : PdfFile.WithContent(
                string.Empty,
                Encoding.Latin1.GetBytes($"BT /F2 12 Tf 72 700 Td {content} ET"),
                "/Font << /F2 {0} >>",
                pdf =>
                    pdf.Add(
                        $"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 750 750] /FontMatrix [0.001 0 0 0.001 0 0] /CharProcs << >> "
                            + $"/Encoding << /Type /Encoding /Differences [97 /a /b /c /d] >> /FirstChar 97 /LastChar 100 /Widths [600 "
                            + "600 600 600] "
                            + $"/ToUnicode {pdf.AddStream(string.Empty, Encoding.Latin1.GetBytes(letters))} 0 R >>"
                    )
            );
        var frames = PdfExtractor.Read(file).ToList();
        frames[^1].IsWhole.Should().BeTrue();
        return frames[1].Paragraphs!;
    }
}
