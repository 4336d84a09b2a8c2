using System.Text.Json;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Domain.Completions;

public sealed class ToolPairsTests
{
    [Fact]
    public void Each_call_has_its_result_at_the_head_of_the_next_turn_in_any_order()
    {
        var conversation = Conversation
            .Create(
                "messages",
                [Says(Words("a")), Answers(Words("b"), Calls("c1"), Calls("c2")), Says(Result("c2")), Says(Result("c1"), Words("d"))]
            )
            .Value;

        conversation.Turns.Should().HaveCount(3, "messages of one side in a row are one turn");
        conversation.ContinuesCalls.Should().BeTrue();
        conversation.CalledTools.Should().Equal("f", "f");
    }

    [Fact]
    public void A_conversation_may_go_on_after_results() =>
        Conversation
            .Create("messages", [Says(Words("a")), Answers(Calls("c1")), Says(Result("c1")), Answers(Words("b")), Says(Words("c"))])
            .Value.ContinuesCalls.Should()
            .BeFalse();

    [Fact]
    public void A_broken_pair_is_refused_and_named()
    {
        Problem(Says(Words("a")), Answers(Calls("c1")), Says(Words("b"))).Should().Contain("without its result: 'c1'");
        Problem(Says(Words("a")), Answers(Calls("c1")), Says(Words("b"), Result("c1"))).Should().Contain("after other content");
        Problem(Says(Result("c1"))).Should().Contain("'c1'").And.Contain("does not call");
        Problem(Says(Words("a")), Answers(Calls("c1")), Says(Result("c1"), Result("c1"))).Should().Contain("second result");
        Problem(Says(Words("a")), Answers(Calls("c1"), Calls("c1")), Says(Result("c1"))).Should().Contain("two calls with the id 'c1'");
        Problem(Says(Words("a")), Answers(Calls("c1")), Says(Result("c1")), Answers(Calls("c1")), Says(Result("c1")))
            .Should()
            .Contain("two calls with the id 'c1'");
    }

    [Fact]
    public void Results_count_as_what_they_hold()
    {
        var picture = ImageBlock.Create("image", "R0lGODlhAQABAAAAACw=").Value;
        var conversation = Conversation
            .Create(
                "messages",
                [Says(Words("a")), Answers(Calls("c1")), Says(new ToolResultBlock("c1", [new TextBlock(Any.Text("1234")), picture]))]
            )
            .Value;

        conversation.Images.Should().Be(1);
        conversation.TextBytes.Should().Be("a".Length + "c1f{}".Length + "c1".Length + "1234".Length);
        conversation.ToString().Should().NotContain("1234");
        Conversation
            .Create(
                "messages",
                [Says(Words("a")), Answers(Calls("c1")), Says(new ToolResultBlock("c1", [.. Enumerable.Repeat(picture, 21)]))]
            )
            .Error!.Message.Should()
            .Contain("pictures");
    }

    private static string Problem(params ChatMessage[] messages) => Conversation.Create("messages", messages).Error!.Message;

    private static ChatMessage Says(params ContentBlock[] blocks) => new(ChatRole.User, blocks);

    private static ChatMessage Answers(params ContentBlock[] blocks) => new(ChatRole.Assistant, blocks);

    private static TextBlock Words(string text) => new(Any.Text(text));

    private static ToolCallBlock Calls(string id) => new(ToolCall.Create("m", id, "f", JsonElement.Parse("{}")).Value);

    private static ToolResultBlock Result(string id) => new(id, []);
}
