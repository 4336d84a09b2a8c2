using System.Text.Json;
using System.Text.Json.Nodes;
using Relay.Api.Responses;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;

namespace Relay.UnitTests.Api.Responses;

/// <summary>References to items whose ids hold them, in an input.</summary>
public sealed class ItemReferenceTests : IDisposable
{
    private static readonly ResponseMessage Message = ResponseMessage.Of("msg_1", "completed", [ResponseText.Of("Let me look.\0.\nÄ")]);
    private static readonly ResponseCall Call = ResponseCall.Of("fc_1", "completed", "call_1", "weather", """{"city":"Zürich"}""");

    private readonly KeySecret _secret = KeySecret.Generate();
    private readonly ItemSeal _seal;

    public ItemReferenceTests() => _seal = new ItemSeal(_secret);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_reference_is_read_as_the_item_itself_also_after_a_restart(bool isStreamed)
    {
        IReadOnlyList<object> items = isStreamed ? [Message, Call, _seal.Carry([Message, Call])] : _seal.WithIds([Message, Call]);
        using var restarted = new ItemSeal(KeySecret.Parse(_secret.Reveal())!);

        var referring = Read(restarted, [.. items.Select(item => Reference(IdOf(item)))]);

        var itself = Read(restarted, Message, Call);
        referring.Value.Conversation.Turns[1].Content.Should().Equal(itself.Value.Conversation.Turns[1].Content);
        var answer = referring.Value.Conversation.Turns[1].Content;
        answer.OfType<TextBlock>().Single().Text.Reveal().Should().Be("Let me look.\0.\nÄ");
        answer.OfType<ToolCallBlock>().Single().Call.RevealInput().Should().Be("""{"city":"Zürich"}""");
    }

    [Fact]
    public void A_call_is_referred_to_or_sent_beside_the_message_as_clients_like()
    {
        var carrier = _seal.Carry([Message, Call]);

        Read(_seal, Reference("msg_1"), Call, Reference(carrier.Id)).Value.Conversation.Turns[1].Content.Should().HaveCount(2);
        Read(_seal, Reference("msg_1"), Reference("fc_1"), carrier).Error!.Field.Should().Be("input[1]", "only its reference is opened");
    }

    [Fact]
    public void An_id_tells_its_item_to_nobody_else()
    {
        using var other = new ItemSeal(KeySecret.Generate());
        var id = IdOf(_seal.WithIds([Message])[0]);

        id.Should().MatchRegex("^msg_[A-Za-z0-9_-]+$").And.NotContain("TGV0IG1lIGxvb2");
        Refused(other, id);
        IdOf(_seal.WithIds([Message])[0]).Should().NotBe(id, "a nonce is used once");
        id.Length.Should().Be(4 + ((4 * (28 + 27)) + 2) / 3, "an id is a third longer than its item");
    }

    [Fact]
    public void No_changed_or_invented_id_is_read()
    {
        var random = new Random(Fuzz.Seed);
        var id = IdOf(_seal.WithIds([Message])[0]);
        Fuzz.For(
            TimeSpan.FromSeconds(0.5),
            () =>
            {
                var letters = id.ToCharArray();
                // The last letter holds some bits that stand for nothing.
                var at = random.Next(4, letters.Length - 1);
                letters[at] = letters[at] == 'A' ? 'B' : 'A';
                Refused(_seal, new string(letters));
                Refused(_seal, id[..random.Next(id.Length)]);
                Refused(_seal, "msg_" + new string([.. Enumerable.Range(0, random.Next(90)).Select(_ => (char)random.Next(32, 127))]));
            }
        );
        foreach (var odd in (string[])["", "_", "msg_", "msg_.", "msg_1", "msg_0123456789abcdef0123456700", "resp_1", "msg_\u0000", "Ä"])
        {
            Refused(_seal, odd);
        }
    }

    [Fact]
    public void One_long_item_is_brought_once()
    {
        var carrier = _seal.Carry([Message]);

        Read(_seal, Reference("msg_1"), Reference("msg_1"), Reference(carrier.Id)).Error!.Field.Should().Be("input[2]");
    }

    [Theory]
    [InlineData("""{"type":"item_reference"}""", "input[1]")]
    [InlineData("""{"type":"item_reference","id":5}""", "input[1].id")]
    [InlineData("""{"type":"item_reference","id":null}""", "input[1]")]
    public void A_reference_without_an_id_is_named(string reference, string name) =>
        Read(_seal, JsonNode.Parse(reference)!).Error!.Field.Should().Be(name);

    [Fact]
    public void Thoughts_that_are_referred_to_are_left_out_as_thoughts_are() =>
        Read(_seal, Reference("rs_0123456789abcdef0123456700"), Reference("rs_..")).Value.Conversation.Turns.Should().ContainSingle();

    [Theory]
    [InlineData("", true)]
    [InlineData(",\"store\":null", true)]
    [InlineData(",\"store\":true", true)]
    [InlineData(",\"store\":false", false)]
    public void Ids_hold_their_items_unless_the_caller_stores_them(string field, bool isMeant)
    {
        using var document = JsonDocument.Parse($$"""{"model":"opus","input":"hi"{{field}}}""");

        ResponseBody.Parse(document.RootElement, Any.ModelNames(), _seal).Value.MayRefer.Should().Be(isMeant);
    }

    public void Dispose() => _seal.Dispose();

    private static string IdOf(object item) => JsonSerializer.SerializeToElement(item).GetProperty("Id").GetString()!;

    private static JsonObject Reference(string id) => new() { ["type"] = "item_reference", ["id"] = id };

    private static void Refused(ItemSeal seal, string id) =>
        Read(seal, Reference(id))
            .Error.Should()
            .Match<RelayError>(
                error => error.Code == ErrorCode.InvalidRequest && error.Field == "input[1]" && error.Message.Contains("store: false"),
                id
            );

    /// <summary>Reads an input with these items between two questions; results of the calls stand before the second.</summary>
    private static Result<(Conversation Conversation, PromptText? System)> Read(ItemSeal seal, params IReadOnlyList<object> items)
    {
        var input = new JsonArray
        {
            new JsonObject { ["role"] = "user", ["content"] = "one" },
        };
        foreach (var item in items)
        {
            input.Add(item as JsonNode ?? JsonSerializer.SerializeToNode(item, item.GetType(), Relay.Api.Http.JsonContract.Options));
        }

        if (items.Any(item => item is ResponseCall || (item as JsonNode)?["id"]?.ToString() is ['f', 'c', ..]))
        {
            input.Add(
                new JsonObject
                {
                    ["type"] = "function_call_output",
                    ["call_id"] = "call_1",
                    ["output"] = "sun",
                }
            );
        }

        input.Add(new JsonObject { ["role"] = "user", ["content"] = "two" });
        return ResponseInput.Read(JsonSerializer.SerializeToElement(input), null, seal);
    }
}
