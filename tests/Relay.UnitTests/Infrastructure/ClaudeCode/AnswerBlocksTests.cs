using System.Text.Json;
using Relay.Domain.Completions;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

/// <summary>The blocks of a message and the pieces of a stream, made of the API's events in every order and cut anywhere.</summary>
public sealed class AnswerBlocksTests
{
    private const string Input = """{"city":"Évry 😀","n":1}""";

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Pieces_joined_are_the_blocks_wherever_they_are_cut(int size)
    {
        foreach (var takesOften in new[] { true, false })
        {
            var blocks = new AnswerBlocks(showsThoughts: true, hasCitations: false);
            var pieces = new List<AnswerPiece>();
            void Take()
            {
                while (takesOften && blocks.Take() is { } piece)
                {
                    pieces.Add(piece);
                }
            }

            Send(blocks, """{"type":"thinking","thinking":"","signature":""}""", "thinking", "I think 😀 so.", size, Take);
            Send(blocks, """{"type":"redacted_thinking","data":"eA=="}""", null, string.Empty, size, Take);
            Send(blocks, """{"type":"text","text":""}""", "text", "First 😀", size, Take);
            Send(blocks, """{"type":"tool_use","id":"t1","name":"f","input":{}}""", "partial_json", Input, size, Take);
            Send(blocks, """{"type":"tool_use","id":"t2","name":"g","input":{}}""", "partial_json", string.Empty, size, Take);
            Send(blocks, """{"type":"text","text":""}""", "text", "Last", size, Take);
            var text = blocks.Complete();
            pieces.AddRange(blocks.TakeRest(text));

            text.Should().Be("First 😀Last");
            Kinds(pieces)
                .Should()
                .Equal(
                    "thought I think 😀 so.",
                    "thought ends",
                    "hidden eA==",
                    "words First 😀",
                    "call t1 f",
                    $"input {Input}",
                    $"ends {Input}",
                    "call t2 g",
                    "ends {}",
                    "words Last"
                );
            blocks
                .Content(text)!
                .Select(Describe)
                .Should()
                .Equal("thought I think 😀 so.", "hidden eA==", "words First 😀", $"call t1 f {Input}", "call t2 g {}", "words Last");
            blocks.IsShown.Should().Be(takesOften);
            blocks.HasBrokenCall.Should().BeFalse();
        }
    }

    [Fact]
    public void Thoughts_are_kept_back_where_nobody_asked_for_them()
    {
        var blocks = new AnswerBlocks(showsThoughts: false, hasCitations: false);

        Send(blocks, """{"type":"thinking","thinking":"","signature":""}""", "thinking", "I think so.", 3, () => { });
        Send(blocks, """{"type":"text","text":""}""", "text", "Yes.", 3, () => { });

        blocks.Take().Should().Be(new WordsPiece("Yes."));
        blocks.Take().Should().BeNull();
        blocks.Content("Yes.").Should().BeNull("the answer is nothing but its words");
    }

    [Fact]
    public void A_call_without_a_whole_input_is_no_call()
    {
        var blocks = new AnswerBlocks(showsThoughts: false, hasCitations: false);

        Send(blocks, """{"type":"tool_use","id":"t1","name":"f","input":{}}""", "partial_json", """{"a":""", 3, () => { });

        blocks.HasBrokenCall.Should().BeTrue();
        Kinds([.. blocks.TakeRest(string.Empty)]).Should().Equal("call t1 f", """input {"a":""");
        (blocks.Content(string.Empty) ?? []).Should().BeEmpty();
    }

    [Fact]
    public void Words_that_could_begin_a_stop_text_come_before_a_call_all_the_same()
    {
        var stop = StopSequences.Create("stop", ["\n\n"]).Value;
        var blocks = new AnswerBlocks(showsThoughts: false, hasCitations: false);

        blocks.Append("Look\n", stop).Should().BeNull();
        blocks.Begin(JsonElement.Parse("""{"type":"tool_use","id":"t1","name":"f","input":{}}"""));

        Kinds([.. Drain(blocks)]).Should().Equal("words Look\n", "call t1 f");
    }

    [Fact]
    public void A_message_that_broke_off_leaves_nothing()
    {
        var blocks = new AnswerBlocks(showsThoughts: true, hasCitations: false);
        Send(blocks, """{"type":"text","text":""}""", "text", "x", 3, () => { });
        Send(blocks, """{"type":"tool_use","id":"t1","name":"f","input":{}}""", "partial_json", "{", 3, () => { });

        blocks.Clear();

        blocks.TakeRest(string.Empty).Should().BeEmpty();
        blocks.Content(string.Empty).Should().BeNull();
        (blocks.Length, blocks.HasBrokenCall).Should().Be((0, false));
    }

    private static IEnumerable<AnswerPiece> Drain(AnswerBlocks blocks)
    {
        while (blocks.Take() is { } piece)
        {
            yield return piece;
        }
    }

    private static void Send(AnswerBlocks blocks, string block, string? name, string text, int size, Action take)
    {
        blocks.Begin(JsonElement.Parse(block));
        foreach (var piece in text.Chunk(size).Select(chunk => new string(chunk)))
        {
            if (name == "text")
            {
                blocks.Append(piece, stop: null);
            }
            else
            {
                // Half of a surrogate pair is written as the API writes it: as an escape.
                var escaped = string.Concat(piece.Select(letter => $"\\u{(int)letter:x4}"));
                blocks.Add(JsonElement.Parse($$"""{"type":"x","{{name}}":"{{escaped}}"}"""));
            }

            take();
        }

        blocks.End();
        take();
    }

    /// <summary>One word for each piece; neighbours of a kind are joined, for where they are cut is nobody's business.</summary>
    private static List<string> Kinds(IReadOnlyList<AnswerPiece> pieces)
    {
        var kinds = new List<string>();
        AnswerPiece? last = null;
        foreach (var piece in pieces)
        {
            var (kind, text) = piece switch
            {
                WordsPiece words => ("words ", words.Text),
                CallBegins call => ($"call {call.Id} ", call.Name),
                CallInputPiece input => ("input ", input.Json),
                CallEnds ended => ("ends ", ended.Call.RevealInput()),
                ThoughtPiece thought => ("thought ", thought.Text),
                ThoughtEnds => ("thought ends", string.Empty),
                HiddenThoughtPiece hidden => ("hidden ", hidden.Thought.Data),
                _ => throw new ArgumentException(piece.GetType().Name, nameof(pieces)),
            };
            if (last?.GetType() == piece.GetType() && piece is WordsPiece or CallInputPiece or ThoughtPiece)
            {
                kinds[^1] += text;
            }
            else
            {
                kinds.Add(kind + text);
            }

            last = piece;
        }

        return kinds;
    }

    private static string Describe(AnswerBlock block) =>
        block switch
        {
            AnswerText words => $"words {words.Text}",
            AnswerCall { Call: var call } => $"call {call.Id} {call.Name} {call.RevealInput()}",
            AnswerThought thought => $"thought {thought.Text}",
            HiddenThought hidden => $"hidden {hidden.Data}",
            _ => block.GetType().Name,
        };
}
