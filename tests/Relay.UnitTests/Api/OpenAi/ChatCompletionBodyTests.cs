using System.Text.Json;
using Relay.Api.Completions;
using Relay.Api.OpenAi;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Api.OpenAi;

public sealed class ChatCompletionBodyTests
{
    private const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

    [Fact]
    public void A_conversation_comes_whole_and_in_order()
    {
        var request = Parse(
            $$$"""
            "messages":[
              {"role":"system","content":"Be brief."},{"role":"developer","content":[{"type":"text","text":"And kind."}]},
              {"role":"user","content":[{"type":"text","text":"What is it?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{Png}}}","detail":"low"} }]},
              {"role":"assistant","content":"A dot.","refusal":null,"annotations":[],"tool_calls":null},
              {"role":"user","content":"Sure?"}]
            """
        ).Value;

        request.System!.Reveal().Should().Be("Be brief.\n\nAnd kind.");
        request.Conversation.Turns.Select(turn => turn.Role).Should().Equal(ChatRole.User, ChatRole.Assistant, ChatRole.User);
        request.Conversation.Turns[0].Content.Should().HaveCount(2);
        request.Conversation.Turns[0].Content[1].Should().BeOfType<ImageBlock>().Which.Reveal().Should().Be(Png);
        request.Conversation.Last.Content.Should().Equal(new TextBlock(Any.Text("Sure?")));
    }

    [Fact]
    public void Supported_fields_have_their_effect()
    {
        var request = Parse(
            """
            "messages":[{"role":"user","content":"hi"}],"max_completion_tokens":7,"reasoning_effort":"low","stop":["a","b"],
            "response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":{"type":"object","title":"t"}}}
            """
        ).Value;

        (request.MaxOutputTokens, request.Effort).Should().Be((7, Effort.Low));
        request.Stop!.Find("xb").Should().Be((1, "b"));
        request.Schema!.Reveal().Should().Contain("\"title\":\"t\"");
        Parse(
            """
            "messages":[{"role":"user","content":"hi"}],"max_tokens":8,"stop":"x","response_format":{"type":"json_object"}
            """
        )
            .Value.Should()
            .Match<CompletionRequest>(other =>
                other.MaxOutputTokens == 8 && OutputSchema.AnyObject.Equals(other.Schema) && other.Stop != null
            );
    }

    [Theory]
    [InlineData("{}", "'tools[0]' has no type. *")]
    [InlineData("{\"type\":\"web_search\"}", "'tools[0]' has the type 'web_search'. *")]
    [InlineData("{\"type\":\"Web search\"}", "'tools[0]' has a type that the relay does not know. *")]
    public void A_tool_of_another_type_is_refused_with_the_name_of_its_type(string tool, string message) =>
        Parse($"\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],\"tools\":[{tool}]").Error!.Message.Should().Match(message);

    [Theory]
    [InlineData("\"tools\":[{\"type\":\"function\"}]", "tools[0].function")]
    [InlineData("\"tools\":[{\"type\":\"web_search\"}]", "tools[0]")]
    [InlineData("\"tool_choice\":\"required\"", "tool_choice")]
    [InlineData("\"tool_choice\":\"\\ud800\"", "tool_choice")]
    [InlineData("\"modalities\":[\"\\ud800\"]", "modalities")]
    [InlineData("\"functions\":[{}]", "functions[0].name")]
    [InlineData("\"n\":2", "n")]
    [InlineData("\"logprobs\":true", "logprobs")]
    [InlineData("\"top_logprobs\":3", "top_logprobs")]
    [InlineData("\"audio\":{\"voice\":\"x\"}", "audio")]
    [InlineData("\"modalities\":[\"text\",\"audio\"]", "modalities")]
    [InlineData("\"web_search_options\":{\"a\":1}", "web_search_options")]
    public void Fields_that_would_change_the_kind_of_answer_are_refused_by_name(string field, string name) =>
        Parse($"\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],{field}")
            .Error.Should()
            .BeEquivalentTo(new { Code = ErrorCode.InvalidRequest, Field = name });

    [Theory]
    [InlineData("\"temperature\":1.01", "temperature")]
    [InlineData("\"presence_penalty\":1", "presence_penalty")]
    [InlineData("\"frequency_penalty\":-1", "frequency_penalty")]
    [InlineData("\"logit_bias\":{\"5\":1}", "logit_bias")]
    [InlineData("\"seed\":1", "seed")]
    [InlineData("\"verbosity\":\"low\"", "verbosity")]
    [InlineData("\"prediction\":{\"type\":\"content\"}", "prediction")]
    [InlineData("\"store\":true", "store")]
    [InlineData("\"service_tier\":\"flex\"", "service_tier")]
    [InlineData("\"chat_template_kwargs\":{\"a\":1}", "chat_template_kwargs")]
    [InlineData("\"telepathy\":true", "telepathy")]
    [InlineData("\"user\":\"u\"", "user")]
    [InlineData("\"evil\\u001b[31m\":1", "(other)")]
    public void Fields_without_effect_are_taken_and_named(string field, string name) =>
        Read($"\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],{field}").Value.Ignored.Should().Equal(name);

    [Theory]
    [InlineData("\"temperature\":0.25,\"top_p\":1,\"top_k\":-1", 0.25)]
    [InlineData("\"temperature\":0", 0.0)]
    [InlineData("\"temperature\":1", null)]
    [InlineData("\"temperature\":2", null)]
    [InlineData("\"temperature\":null", null)]
    public void A_temperature_counts_up_to_the_greatest_that_Claude_has(string fields, double? temperature) =>
        Parse($"\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],{fields}")
            .Value.Parameters.Should()
            .Be(ModelParameters.Of(temperature, null, null, null));

    [Theory]
    [InlineData("\"temperature\":2.1", "temperature")]
    [InlineData("\"temperature\":-0.1", "temperature")]
    [InlineData("\"temperature\":\"0.5\"", "temperature")]
    [InlineData("\"top_p\":1.5", "top_p")]
    [InlineData("\"top_k\":-2", "top_k")]
    [InlineData("\"thinking\":\"yes\"", "thinking")]
    public void A_parameter_out_of_its_range_is_refused_by_name(string fields, string name) =>
        Parse($"\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],{fields}").Error!.Field.Should().Be(name);

    [Fact]
    public void No_more_than_32_names_are_told() =>
        Read(
            $"\"messages\":[{{\"role\":\"user\",\"content\":\"hi\""
                + $"}}],{string.Join(',', Enumerable.Range(0, 1000).Select(number => $"\"a{number}\":1"))}"
        )
            .Value.Ignored.Should()
            .HaveCount(32);

    [Theory]
    [InlineData("none", Effort.Low)]
    [InlineData("minimal", Effort.Low)]
    [InlineData("high", Effort.High)]
    [InlineData("default", null)]
    public void An_effort_of_OpenAIs_is_the_nearest_that_there_is(string name, Effort? effort)
    {
        Parse($"\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],\"reasoning_effort\":\"{name}\"").Value.Effort.Should().Be(effort);
        Parse($"\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],\"reasoning\":{{\"effort\":\"{name}\"}}")
            .Value.Effort.Should()
            .Be(effort);
    }

    [Fact]
    public void Instructions_come_after_the_system_prompt_in_order_and_a_greeting_is_told_to_the_model()
    {
        var request = Parse(
            """
            "messages":[{"role":"system","content":"One."},{"role":"assistant","content":"How can I help?"},{"role":"user","content":"a"},{"role":"assistant","content":""},
            {"role":"developer","content":"Two."},{"role":"user","content":"b"},{"role":"assistant","content":[{"type":"text","text":" "}]}]
            """
        ).Value;

        request.System!.Reveal().Should().Be("One.\n\nYou have begun this conversation with these words:\n\nHow can I help?\n\nTwo.");
        request
            .Conversation.Turns.Should()
            .ContainSingle()
            .Which.Content.Should()
            .Equal(new TextBlock(Any.Text("a")), new TextBlock(Any.Text("b")));
    }

    [Fact]
    public void An_answer_that_was_begun_is_refused_by_what_it_is() =>
        Parse("\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"1, 2,\"}]")
            .Error!.Message.Should()
            .Contain("prefill");

    [Fact]
    public void A_picture_elsewhere_is_handed_on() =>
        Parse("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":\"https://example.com/a.png\"}]}]")
            .Value.Conversation.Last.Content.Should()
            .ContainSingle()
            .Which.Should()
            .BeOfType<ImageLink>()
            .Which.Reveal()
            .Should()
            .Be("https://example.com/a.png");

    [Theory]
    [InlineData("\"temperature\":1")]
    [InlineData("\"temperature\":1.0,\"top_p\":1,\"n\":1,\"presence_penalty\":0,\"frequency_penalty\":0")]
    [InlineData(
        "\"tools\":[],\"tool_choice\":\"auto\",\"logprobs\":false,\"logit_bias\":{},\"seed\":null,\"stop\":null,\"response_format\":null"
    )]
    [InlineData(
        "\"user\":\"u\",\"metadata\":{\"a\":\"b\"},\"store\":false,\"parallel_tool_calls\":true,\"service_tier\":\"auto\",\"modalities\""
            + ":[\"text\"],\"prompt_cache_key\":\"k\",\"safety_identifier\":\"s\""
    )]
    [InlineData("\"stream_options\":{\"include_usage\":true},\"response_format\":{\"type\":\"text\"},\"stop\":[]")]
    public void Values_that_ask_for_the_usual_behaviour_are_taken(string fields) =>
        Parse($"\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],{fields}").Error.Should().BeNull();

    [Fact]
    public void An_empty_instruction_is_none() =>
        Parse("\"messages\":[{\"role\":\"system\",\"content\":\"\"},{\"role\":\"user\",\"content\":\"hi\"}]")
            .Value.System.Should()
            .BeNull();

    [Theory]
    [InlineData("\"messages\":null", "messages")]
    [InlineData("\"messages\":{}", "messages")]
    [InlineData("\"messages\":[]", "messages")]
    [InlineData("\"messages\":[1]", "messages[0]")]
    [InlineData("\"messages\":[{\"role\":\"system\",\"content\":\"s\"}]", "messages")]
    [InlineData(
        "\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,"
            + Png
            + "\"}}]},{\"role\":\"user\",\"content\":\"s\"}]",
        "messages[0].content"
    )]
    [InlineData("\"messages\":[{\"role\":\"robot\",\"content\":\"s\"}]", "messages[0].role")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"s\"},{\"role\":\"tool\",\"content\":\"s\"}]", "messages[1].tool_call_id")]
    [InlineData("\"messages\":[{\"role\":\"user\"}]", "messages[0].content")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":1}]", "messages[0].content")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\" \"}]", "messages[0].content")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"\\ud800\"}]", "messages[0].content")]
    [InlineData("\"messages\":[{\"role\":\"\\ud800\",\"content\":\"a\"}]", "messages[0].role")]
    [InlineData(
        "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{}]},{\"role\":\"user\",\"content\":\"s\"}]",
        "messages[0].tool_calls[0].function"
    )]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\"}]}]", "messages[0].content[0]")]
    [InlineData(
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"http://example.com/a.png\"}}]}]",
        "messages[0].content[0].image_url"
    )]
    [InlineData(
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}]}]",
        "messages[0].content[0].image_url"
    )]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":0", "max_tokens")]
    [InlineData(
        "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":1,\"max_completion_tokens\":2",
        "max_completion_tokens"
    )]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"reasoning_effort\":\"huge\"", "reasoning_effort")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":\"1024\"", "max_tokens")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":6000.5", "max_tokens")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":1e300", "max_tokens")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":\"false\"", "stream")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stop\":5", "stop")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stop\":[1]", "stop")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stop\":\"\\udc00\"", "stop")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"response_format\":{\"type\":\"xml\"}", "response_format")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"response_format\":{\"type\":\"json_schema\"}", "response_format")]
    [InlineData(
        "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\""
            + ":\"x\",\"schema\":[]}}",
        "response_format.json_schema.schema"
    )]
    public void Errors_name_the_wrong_field(string fields, string name) =>
        Parse(fields).Error.Should().Match<RelayError>(error => error.Field == name && error.Code == ErrorCode.InvalidRequest);

    [Theory]
    [InlineData(1, 1000, "text", null)]
    [InlineData(1, 1001, "text", "messages[0].content")]
    [InlineData(5, 1000, "text", null)]
    [InlineData(6, 834, "text", "messages[5].content")]
    [InlineData(1, 1000, "refusal", null)]
    [InlineData(1, 1001, "refusal", "messages[0].content")]
    [InlineData(7, 800, "reasoning", "messages[6].content")]
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

    [Fact]
    public void A_model_is_required() =>
        ChatCompletionBody
            .Parse(JsonElement.Parse("""{"messages":[{"role":"user","content":"hi"}]}"""), Any.ModelNames())
            .Error!.Field.Should()
            .Be("model");

    private static Result<CompletionRequest> Parse(string fields) =>
        Read(fields).TryGet(out var parsed, out var error) ? parsed.Request : error;

    private static Result<ParsedBody> Read(string fields) =>
        ChatCompletionBody.Parse(JsonElement.Parse($"{{\"model\":\"opus\",{fields}}}"), Any.ModelNames());
}
