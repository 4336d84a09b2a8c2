using System.Text.Json;
using Relay.Api.Http;
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
        var request = Parse($$$"""
            "messages":[
              {"role":"system","content":"Be brief."},{"role":"developer","content":[{"type":"text","text":"And kind."}]},
              {"role":"user","content":[{"type":"text","text":"What is it?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{Png}}}","detail":"low"} }]},
              {"role":"assistant","content":"A dot.","refusal":null,"annotations":[],"tool_calls":null},
              {"role":"user","content":"Sure?"}]
            """).Value;

        request.System!.Reveal().Should().Be("Be brief.\n\nAnd kind.");
        request.Conversation.Turns.Select(turn => turn.Role).Should().Equal(ChatRole.User, ChatRole.Assistant, ChatRole.User);
        request.Conversation.Turns[0].Content.Should().HaveCount(2);
        request.Conversation.Turns[0].Content[1].Should().BeOfType<ImageBlock>().Which.Reveal().Should().Be(Png);
        request.Conversation.Last.Content.Should().Equal(new TextBlock(Any.Text("Sure?")));
    }

    [Fact]
    public void What_can_be_honoured_is()
    {
        var request = Parse("""
            "messages":[{"role":"user","content":"hi"}],"max_completion_tokens":7,"reasoning_effort":"low","stop":["a","b"],
            "response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":{"type":"object","title":"t"}}}
            """).Value;

        (request.MaxOutputTokens, request.Effort).Should().Be((7, Effort.Low));
        request.Stop!.Find("xb").Should().Be((1, "b"));
        request.Schema!.Reveal().Should().Contain("\"title\":\"t\"");
        Parse("""
            "messages":[{"role":"user","content":"hi"}],"max_tokens":8,"stop":"x","response_format":{"type":"json_object"}
            """).Value.Should().Match<CompletionRequest>(other => other.MaxOutputTokens == 8 && OutputSchema.AnyObject.Equals(other.Schema) && other.Stop != null);
    }

    [Theory]
    [InlineData("\"tools\":[{\"type\":\"function\"}]", "tools")]
    [InlineData("\"tool_choice\":\"required\"", "tool_choice")]
    [InlineData("\"tool_choice\":\"\\ud800\"", "tool_choice")]
    [InlineData("\"modalities\":[\"\\ud800\"]", "modalities")]
    [InlineData("\"functions\":[{}]", "functions")]
    [InlineData("\"n\":2", "n")]
    [InlineData("\"logprobs\":true", "logprobs")]
    [InlineData("\"top_logprobs\":3", "top_logprobs")]
    [InlineData("\"audio\":{\"voice\":\"x\"}", "audio")]
    [InlineData("\"modalities\":[\"text\",\"audio\"]", "modalities")]
    [InlineData("\"web_search_options\":{\"a\":1}", "web_search_options")]
    public void What_would_change_the_kind_of_answer_is_refused_by_name_whatever_the_operator_says(string field, string name)
    {
        foreach (var ignore in (bool[])[false, true])
        {
            Parse($"\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],{field}", ignore).Error.Should().BeEquivalentTo(new { Code = ErrorCode.InvalidRequest, Field = name });
        }
    }

    [Theory]
    [InlineData("\"temperature\":0", "temperature")]
    [InlineData("\"top_p\":0.5", "top_p")]
    [InlineData("\"top_k\":5", "top_k")]
    [InlineData("\"presence_penalty\":1", "presence_penalty")]
    [InlineData("\"frequency_penalty\":-1", "frequency_penalty")]
    [InlineData("\"logit_bias\":{\"5\":1}", "logit_bias")]
    [InlineData("\"seed\":1", "seed")]
    [InlineData("\"verbosity\":\"low\"", "verbosity")]
    [InlineData("\"prediction\":{\"type\":\"content\"}", "prediction")]
    [InlineData("\"store\":true", "store")]
    [InlineData("\"service_tier\":\"flex\"", "service_tier")]
    public void What_only_sways_the_answer_is_refused_unless_the_operator_lets_it_pass(string field, string name)
    {
        var body = $"\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],{field}";

        Parse(body).Error.Should().Match<RelayError>(error => error.Field == name && error.Message.Contains("IGNORE_UNSUPPORTED"));
        Parse(body, ignore: true).Error.Should().BeNull();
    }

    [Theory]
    [InlineData("\"temperature\":1")]
    [InlineData("\"temperature\":1.0,\"top_p\":1,\"n\":1,\"presence_penalty\":0,\"frequency_penalty\":0")]
    [InlineData("\"tools\":[],\"tool_choice\":\"auto\",\"logprobs\":false,\"logit_bias\":{},\"seed\":null,\"stop\":null,\"response_format\":null")]
    [InlineData("\"user\":\"u\",\"metadata\":{\"a\":\"b\"},\"store\":false,\"parallel_tool_calls\":true,\"service_tier\":\"auto\",\"modalities\":[\"text\"],\"prompt_cache_key\":\"k\",\"safety_identifier\":\"s\"")]
    [InlineData("\"stream_options\":{\"include_usage\":true},\"response_format\":{\"type\":\"text\"},\"stop\":[]")]
    public void What_asks_for_what_happens_anyway_is_taken(string fields) => Parse($"\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],{fields}").Error.Should().BeNull();

    [Fact]
    public void An_empty_instruction_is_none() =>
        Parse("\"messages\":[{\"role\":\"system\",\"content\":\"\"},{\"role\":\"user\",\"content\":\"hi\"}]").Value.System.Should().BeNull();

    [Theory]
    [InlineData("\"messages\":null", "messages")]
    [InlineData("\"messages\":{}", "messages")]
    [InlineData("\"messages\":[]", "messages")]
    [InlineData("\"messages\":[1]", "messages[0]")]
    [InlineData("\"messages\":[{\"role\":\"system\",\"content\":\"s\"}]", "messages")]
    [InlineData("\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64," + Png + "\"}}]},{\"role\":\"user\",\"content\":\"s\"}]", "messages[0].content")]
    [InlineData("\"messages\":[{\"role\":\"robot\",\"content\":\"s\"}]", "messages[0].role")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"s\"},{\"role\":\"tool\",\"content\":\"s\"}]", "messages[1].role")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"s\"},{\"role\":\"system\",\"content\":\"s\"}]", "messages[1].role")]
    [InlineData("\"messages\":[{\"role\":\"user\"}]", "messages[0].content")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":1}]", "messages[0].content")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\" \"}]", "messages[0].content")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"\\ud800\"}]", "messages[0].content")]
    [InlineData("\"messages\":[{\"role\":\"\\ud800\",\"content\":\"a\"}]", "messages[0].role")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"name\":\"bob\",\"content\":\"s\"}]", "messages[0]")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\"}]}]", "messages[0].content[0]")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://example.com/a.png\"}}]}]", "messages[0].content[0].image_url")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}]}]", "messages[0].content[0].image_url")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":0", "max_tokens")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":1,\"max_completion_tokens\":2", "max_completion_tokens")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"reasoning_effort\":\"none\"", "reasoning_effort")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stop\":5", "stop")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stop\":[1]", "stop")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stop\":\"\\udc00\"", "stop")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"response_format\":{\"type\":\"xml\"}", "response_format")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"response_format\":{\"type\":\"json_schema\"}", "response_format")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{\"type\":\"array\"}}}", "response_format.json_schema.schema")]
    public void What_is_wrong_is_named(string fields, string name) => Parse(fields).Error.Should().Match<RelayError>(error => error.Field == name && error.Code == ErrorCode.InvalidRequest);

    [Fact]
    public void A_model_is_required() =>
        JsonSerializer.Deserialize<ChatCompletionBody>("""{"messages":[{"role":"user","content":"hi"}]}""", JsonContract.Options)!.Parse(ignoreHarmless: false).Error!.Field.Should().Be("model");

    [Fact]
    public void An_unknown_field_is_no_field() =>
        ((Action)(() => Parse("\"messages\":[],\"telepathy\":true"))).Should().Throw<JsonException>("the reader of bodies makes a 400 of it that names it");

    private static Result<CompletionRequest> Parse(string fields, bool ignore = false) =>
        JsonSerializer.Deserialize<ChatCompletionBody>($"{{\"model\":\"opus\",{fields}}}", JsonContract.Options)!.Parse(ignore);
}
