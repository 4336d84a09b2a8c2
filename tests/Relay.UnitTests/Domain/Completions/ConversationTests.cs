using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Domain.Completions;

public sealed class ConversationTests
{
    private const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

    [Theory]
    [InlineData("u", 1)]
    [InlineData("uau", 3)]
    [InlineData("uuaauu", 3)]
    [InlineData("uauau", 5)]
    public void Messages_of_one_side_in_a_row_are_one_turn(string sides, int turns)
    {
        var conversation = Conversation.Create("messages", Messages(sides)).Value;

        conversation.Turns.Should().HaveCount(turns);
        conversation
            .Turns.SelectMany(turn => turn.Content)
            .Should()
            .Equal(Messages(sides).SelectMany(message => message.Content), "nothing is lost, and the order stays");
        conversation
            .Turns.Select(turn => turn.Role)
            .Should()
            .Equal(Enumerable.Range(0, turns).Select(index => index % 2 == 0 ? ChatRole.User : ChatRole.Assistant));
        conversation.History.Append(conversation.Last).Should().Equal(conversation.Turns);
    }

    [Theory]
    [InlineData("", "1 to 500")]
    [InlineData("a", "begin")]
    [InlineData("au", "begin")]
    [InlineData("ua", "end")]
    public void Conversations_without_a_last_question_are_refused(string sides, string why) =>
        Conversation
            .Create("messages", Messages(sides))
            .Error.Should()
            .Match<RelayError>(error => error.Field == "messages" && error.Message.Contains(why));

    [Fact]
    public void There_is_a_most_of_messages_and_of_pictures()
    {
        Conversation.Create("messages", Messages(new string('u', 500))).Error.Should().BeNull();
        Conversation.Create("messages", Messages(new string('u', 501))).Error.Should().NotBeNull();
        var picture = ImageBlock.Create("x", Png).Value;
        Conversation.Create("messages", [new ChatMessage(ChatRole.User, [.. Enumerable.Repeat(picture, 20)])]).Value.Images.Should().Be(20);
        Conversation
            .Create("messages", [new ChatMessage(ChatRole.User, [.. Enumerable.Repeat(picture, 21)])])
            .Error!.Message.Should()
            .Contain("20 pictures");
    }

    [Fact]
    public void There_is_a_most_of_blocks_of_a_message_and_of_all()
    {
        static ChatMessage Message(int blocks, ChatRole role = ChatRole.User) =>
            new(role, [.. Enumerable.Repeat(new TextBlock(Any.Text("a")), blocks)]);

        Conversation.Create("messages", [Message(1000)]).Error.Should().BeNull();
        Conversation.Create("messages", [Message(1001)]).Error!.Message.Should().Contain("1000 of one message");
        Conversation.Create("messages", [.. Enumerable.Repeat(Message(1000), 5)]).Error.Should().BeNull();
        Conversation
            .Create("messages", [.. Enumerable.Repeat(Message(1000), 5), Message(1)])
            .Error!.Message.Should()
            .Contain("5000 of all");
    }

    [Fact]
    public void There_is_a_most_of_pixels_of_all_pictures()
    {
        static ChatMessage Message(uint height) => new(ChatRole.User, [ImageBlock.Create("x", Pictures.Png(8000, height)).Value]);

        Conversation.Create("messages", [Message(8000), Message(4500)]).Error.Should().BeNull("100 million");
        Conversation.Create("messages", [Message(8000), Message(4501)]).Error!.Message.Should().Contain("100000000 pixels");
    }

    [Fact]
    public void Nothing_of_it_prints_what_was_said()
    {
        var picture = ImageBlock.Create("x", Png).Value;
        var conversation = Conversation
            .Create("messages", [new ChatMessage(ChatRole.User, [new TextBlock(Any.Text("launch")), picture])])
            .Value;

        $"{conversation} {conversation.Last} {picture} {conversation.Last.Content[0]}"
            .Should()
            .NotContain("launch")
            .And.NotContain(Png[..12]);
    }

    [Fact]
    public void A_picture_counts_as_tokens_and_not_as_words()
    {
        var picture = ImageBlock.Create("x", Png).Value;
        var request = new CompletionRequest(
            Conversation.Create("messages", [new ChatMessage(ChatRole.User, [new TextBlock(Any.Text("abc")), picture])]).Value,
            Any.Text("def"),
            null
        )
        {
            Schema = OutputSchema.AnyObject,
        };

        request.InputBytes.Should().Be(3 + 3 + OutputSchema.AnyObject.Utf8Bytes);
        request.EstimatedInputTokens.Should().Be((request.InputBytes / 3) + 1 + 1600);
    }

    private static List<ChatMessage> Messages(string sides) =>
        [.. sides.Select((side, index) => ChatMessage.Of(side == 'u' ? ChatRole.User : ChatRole.Assistant, Any.Text($"{side}{index}")))];
}
