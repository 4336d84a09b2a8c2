using System.Text.Json;
using Relay.Api.Anthropic;
using Relay.Api.Completions;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Api.Anthropic;

public sealed class MessageBodyTests
{
    private const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
    private const string Hi = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";

    [Fact]
    public void A_conversation_comes_whole_and_in_order_without_the_models_earlier_thoughts()
    {
        var request = Parse(
            $$$"""
            "system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}},{"type":"text","text":"And kind."}],
            "messages":[
              {"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"{{{Png}}}"}},{"type":"text","text":"What is it?","cache_control":{"type":"ephemeral"}}]},
              {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"A dot."}]},
              {"role":"user","content":"Sure?"}]
            """
        ).Value;

        request.System!.Reveal().Should().Be("Be brief.\n\nAnd kind.");
        request.Conversation.Turns[0].Content.Select(block => block.GetType()).Should().Equal(typeof(ImageBlock), typeof(TextBlock));
        request.Conversation.Turns[1].Content.Should().Equal(new TextBlock(Any.Text("A dot.")));
        request.Conversation.Last.Content.Should().Equal(new TextBlock(Any.Text("Sure?")));
    }

    [Fact]
    public void Supported_fields_have_their_effect()
    {
        var request = Parse(
            $$"""
            {{Hi}},"max_tokens":7,"stop_sequences":["x"],"thinking":{"type":"adaptive"},"system":"s",
            "output_config":{"effort":"max","format":{"type":"json_schema","schema":{"type":"object"} } }
            """
        ).Value;

        (request.MaxOutputTokens, request.Effort, request.Schema, request.System!.Reveal())
            .Should()
            .Be((7, Effort.Max, OutputSchema.AnyObject, "s"));
        request.Stop!.Find("ax").Should().Be((1, "x"));
        Parse($$"""{{Hi}},"output_format":{"type":"json_schema","schema":{"type":"object"} }""")
            .Value.Schema.Should()
            .Be(OutputSchema.AnyObject);
    }

    [Theory]
    [InlineData("\"tools\":[{\"name\":\"x y\"}]", "tools[0].name", false)]
    [InlineData("\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]", "tools[0]", false)]
    [InlineData("\"tools\":[{\"name\":\"x\",\"input_examples\":[{}]}]", "tools.input_examples", true)]
    [InlineData("\"tool_choice\":{\"type\":\"any\"}", "tool_choice", false)]
    [InlineData("\"mcp_servers\":[{\"name\":\"x\"}]", "mcp_servers", false)]
    [InlineData("\"container\":\"x\"", "container", false)]
    [InlineData("\"thread\":{\"type\":\"create\"}", "thread", false)]
    [InlineData("\"context_management\":{\"edits\":[1]}", "context_management", false)]
    [InlineData("\"thinking\":{\"type\":\"sometimes\"}", "thinking.type", false)]
    [InlineData("\"thinking\":{\"type\":\"enabled\"}", "thinking.budget_tokens", false)]
    [InlineData("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1023}", "thinking.budget_tokens", false)]
    [InlineData("\"thinking\":{\"type\":\"adaptive\",\"display\":\"loud\"}", "thinking.display", false)]
    [InlineData("\"temperature\":1.1", "temperature", false)]
    [InlineData("\"temperature\":\"hot\"", "temperature", false)]
    [InlineData("\"top_p\":-0.1", "top_p", false)]
    [InlineData("\"top_k\":0", "top_k", false)]
    [InlineData("\"telepathy\":1", "telepathy", true)]
    [InlineData("\"cache_control\":{\"type\":\"ephemeral\"}", "cache_control", true)]
    public void Unsupported_fields_are_refused_by_name_or_taken_and_named(string field, string name, bool isTaken)
    {
        var read = Read($"{Hi},{field}");

        (read.Error is null).Should().Be(isTaken);
        if (isTaken)
        {
            read.Value.Ignored.Should().Equal(name);
        }
        else
        {
            read.Error!.Field.Should().Be(name);
        }
    }

    [Fact]
    public void Parameters_of_the_model_count_and_are_not_named_as_ignored()
    {
        var read = Read(
            $$"""{{Hi}},"temperature":0.25,"top_p":0.9,"top_k":5,"thinking":{"type":"enabled","budget_tokens":2048},"output_config":{"effort":"minimal"}"""
        );

        read.Value.Ignored.Should().BeEmpty();
        read.Value.Request.Parameters.Should().Be(ModelParameters.Of(0.25, 0.9, 5, Thinking.Create("thinking", "enabled", 2048).Value));
        read.Value.Request.Effort.Should().Be(Effort.Low);
    }

    [Fact]
    public void Late_instructions_come_after_the_system_prompt() =>
        Parse("\"system\":\"One.\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"system\",\"content\":\"Two.\"}]")
            .Value.System!.Reveal()
            .Should()
            .Be("One.\n\nTwo.");

    [Fact]
    public void A_picture_elsewhere_is_handed_on() =>
        Parse(
            "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\""
                + "https://example.com/a\"}}]}]"
        )
            .Value.Conversation.Last.Content.Should()
            .ContainSingle()
            .Which.Should()
            .BeOfType<ImageLink>();

    [Theory]
    [InlineData(
        "\"tools\":[],\"tool_choice\":{\"type\":\"auto\"},\"temperature\":1,\"metadata\":{\"user_id\":\"u\"},\"service_tier\":\"auto\""
            + ",\"cache_control\":{\"type\":\"ephemeral\"}"
    )]
    [InlineData("\"system\":\"\"")]
    [InlineData("\"system\":[],\"stop_sequences\":[],\"output_config\":null,\"output_format\":null")]
    public void Values_that_ask_for_the_usual_behaviour_are_taken(string fields) => Parse($"{Hi},{fields}").Error.Should().BeNull();

    [Theory]
    [InlineData("\"messages\":[{\"role\":\"system\",\"content\":\"s\"}]", "messages")]
    [InlineData(
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\""
            + "http://example.com\"}}]}]",
        "messages[0].content[0].source"
    )]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\"}]}]", "messages[0].content[0]")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\"}]}]", "messages[0].content[0].source")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\"}]}]", "messages[0].content[0].tool_use_id")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]", "messages")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"system\":5", "system")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"system\":[{\"type\":\"image\"}]", "system[0]")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"output_config\":{\"effort\":\"huge\"}", "output_config.effort")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"output_config\":1", "output_config")]
    [InlineData(
        "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"output_config\":{\"format\":{\"type\":\"xml\"}}",
        "output_config.format"
    )]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stop_sequences\":[\"\"]", "stop_sequences")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":-1", "max_tokens")]
    public void Errors_name_the_wrong_field(string fields, string name) => Parse(fields).Error!.Field.Should().Be(name);

    [Fact]
    public void A_cap_on_the_answer_is_required_where_there_is_one()
    {
        var body = JsonElement.Parse($"{{\"model\":\"opus\",{Hi}}}");

        MessageBody.Parse(body, Any.ModelNames(), needsMaxTokens: true).Error!.Field.Should().Be("max_tokens");
        MessageBody.Parse(body, Any.ModelNames(), needsMaxTokens: false).Error.Should().BeNull();
    }

    [Theory]
    [InlineData(1, 1000, "text", null)]
    [InlineData(1, 1001, "text", "messages[0].content")]
    [InlineData(5, 1000, "text", null)]
    [InlineData(6, 834, "text", "messages[5].content")]
    [InlineData(1, 1000, "thinking", null)]
    [InlineData(1, 1001, "thinking", "messages[0].content")]
    [InlineData(7, 800, "redacted_thinking", "messages[6].content")]
    public void Blocks_are_bounded_in_a_message_and_in_a_conversation_also_those_that_are_passed_over(
        int messages,
        int blocks,
        string type,
        string? problem
    )
    {
        // The last block is a text: a message of nothing but blocks that are passed over is refused for that.
        var content =
            string.Concat(Enumerable.Repeat($$"""{"type":"{{type}}","text":"a"},""", blocks - 1)) + """{"type":"text","text":"a"}""";
        var read = string.Join(',', Enumerable.Repeat($$"""{"role":"user","content":[{{content}}]}""", messages));
        var error = Parse($"\"messages\":[{read}]").Error;

        (error is null).Should().Be(problem is null);
        error?.Field.Should().Be(problem);
    }

    private static Result<CompletionRequest> Parse(string fields) =>
        Read(fields).TryGet(out var parsed, out var error) ? parsed.Request : error;

    private static Result<ParsedBody> Read(string fields) =>
        MessageBody.Parse(JsonElement.Parse($"{{\"model\":\"opus\",{fields}}}"), Any.ModelNames(), needsMaxTokens: false);
}
