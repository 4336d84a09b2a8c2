using System.Text.Json;
using Relay.Domain.Completions;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

/// <summary>Blocks of an answer that cites documents.</summary>
public sealed class CitationTests
{
    private const string Place =
        """{"type":"page_location","cited_text":"é","document_index":0,"start_page_number":1,"end_page_number":2}""";

    [Fact]
    public void Words_come_block_by_block_each_with_its_citations()
    {
        var blocks = new AnswerBlocks(showsThoughts: false, hasCitations: true);
        var pieces = new List<AnswerPiece>();
        Say(blocks, pieces, "Plain. ");
        Say(blocks, pieces, "Cited", Place, Place);
        Say(blocks, pieces, " and plain.");

        var texts = (AnswerText[])[new("Plain. "), new("Cited") { Citations = [Place, Place] }, new(" and plain.")];
        pieces
            .Should()
            .BeEquivalentTo(
                (AnswerPiece[])
                    [
                        new WordsPiece("Plain. "),
                        new WordsEnd(texts[0]),
                        new WordsPiece("Cited"),
                        new CitationPiece(Place),
                        new CitationPiece(Place),
                        new WordsEnd(texts[1]),
                        new WordsPiece(" and plain."),
                        new WordsEnd(texts[2]),
                    ],
                options => options.WithStrictOrdering().RespectingRuntimeTypes()
            );
        blocks.Content("Plain. Cited and plain.").Should().BeEquivalentTo(texts, options => options.WithStrictOrdering());
    }

    [Fact]
    public void Without_documents_to_cite_blocks_of_words_are_one()
    {
        var blocks = new AnswerBlocks(showsThoughts: false, hasCitations: false);
        var pieces = new List<AnswerPiece>();
        Say(blocks, pieces, "One.", Place);
        Say(blocks, pieces, "Two.");

        pieces.Should().Equal(new WordsPiece("One."), new WordsPiece("Two."));
        blocks.Content("One.Two.").Should().BeNull();
    }

    [Fact]
    public void A_citation_that_is_not_Unicode_is_left_out()
    {
        var blocks = new AnswerBlocks(showsThoughts: false, hasCitations: true);
        var pieces = new List<AnswerPiece>();
        Say(blocks, pieces, "One.", """{"type":"char_location","cited_text":"\ud800"}""");

        pieces.Should().NotContain(piece => piece is CitationPiece);
    }

    private static void Say(AnswerBlocks blocks, List<AnswerPiece> pieces, string words, params string[] citations)
    {
        blocks.Begin(JsonElement.Parse("""{"type":"text","text":""}"""));
        blocks.Append(words, null);
        foreach (var citation in citations)
        {
            blocks.Add(JsonElement.Parse($$"""{"type":"citations_delta","citation":{{citation}}}"""));
        }

        blocks.End();
        while (blocks.Take() is { } piece)
        {
            pieces.Add(piece);
        }
    }
}
