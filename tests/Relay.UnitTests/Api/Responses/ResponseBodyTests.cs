using System.Text.Json;
using Relay.Api.Http;
using Relay.Api.Responses;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;

namespace Relay.UnitTests.Api.Responses;

public sealed class ResponseBodyTests
{
    private const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
    private const string Hi = "\"input\":\"hi\"";

    private static readonly ItemSeal Seal = new(KeySecret.Generate());

    [Fact]
    public void A_text_is_a_question_with_instructions_as_its_system_prompt()
    {
        var request = Parse("\"input\":\"hi\",\"instructions\":\"Be brief.\"").Value;

        (request.Conversation.Last.Content[0], request.System!.Reveal()).Should().Be((new TextBlock(Any.Text("hi")), "Be brief."));
        Parse("\"input\":\"hi\",\"instructions\":\"\"").Value.System.Should().BeNull();
    }

    [Fact]
    public void Items_of_all_kinds_become_turns_in_order()
    {
        var request = Parse(
            $$"""
            "instructions":"One.",
            "input":[
              {"role":"system","content":"Two."},{"type":"message","role":"developer","content":[{"type":"input_text","text":"Three."}]},
              {"type":"message","role":"user","content":[
                {"type":"input_text","text":"What is it?"},{"type":"input_image","detail":"low","image_url":"data:image/png;base64,{{Png}}"},
                {"type":"input_file","filename":"a.txt","file_data":"data:text/plain;base64,YSxi"}]},
              {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"},
              {"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"A dot.","annotations":[],"logprobs":[]}]},
              {"role":"assistant","content":"Or so."},
              {"role":"user","content":"Sure?"}]
            """
        ).Value;

        request.System!.Reveal().Should().Be("One.\n\nTwo.\n\nThree.");
        request.Conversation.Turns.Select(turn => turn.Role).Should().Equal(ChatRole.User, ChatRole.Assistant, ChatRole.User);
        request
            .Conversation.Turns[0]
            .Content.Select(block => block.GetType())
            .Should()
            .Equal(typeof(TextBlock), typeof(ImageBlock), typeof(DocumentBlock));
        request.Conversation.Turns[1].Content.Should().Equal(new TextBlock(Any.Text("A dot.")), new TextBlock(Any.Text("Or so.")));
        request.Conversation.Last.Content.Should().Equal(new TextBlock(Any.Text("Sure?")));
    }

    [Fact]
    public void Calls_and_results_become_turns_and_functions_are_declared()
    {
        var request = Parse(
            """
            "input":[{"role":"user","content":"Weather?"},
              {"type":"message","role":"assistant","content":[{"type":"output_text","text":"I look."}]},
              {"type":"function_call","id":"fc_1","call_id":"call_1","name":"weather","arguments":"{\"city\":\"Bern\"}","status":"completed"},
              {"type":"function_call","call_id":"call_2","name":"weather","arguments":""},
              {"type":"function_call_output","call_id":"call_2","output":[{"type":"input_text","text":"rain"}]},
              {"type":"function_call_output","call_id":"call_1","output":"sun"},
              {"role":"user","content":"Sure?"}],
            "tools":[{"type":"function","name":"weather","description":"d","strict":true,"parameters":{"type":"object","properties":{"city":{"type":"string"}}}}],
            "tool_choice":{"type":"function","name":"weather"},"parallel_tool_calls":false
            """
        ).Value;

        request.Conversation.Turns.Select(turn => turn.Role).Should().Equal(ChatRole.User, ChatRole.Assistant, ChatRole.User);
        request
            .Conversation.Turns[1]
            .Content.OfType<ToolCallBlock>()
            .Select(block => (block.Call.Id, block.Call.RevealInput()))
            .Should()
            .Equal(("call_1", """{"city":"Bern"}"""), ("call_2", "{}"));
        request
            .Conversation.Last.Content.OfType<ToolResultBlock>()
            .Select(result => (result.CallId, result.Content.OfType<TextBlock>().Single().Text.Reveal()))
            .Should()
            .Equal(("call_2", "rain"), ("call_1", "sun"));
        (request.Tools!.Choice, request.Tools.AllowsParallel, request.Tools.Tools[0].IsStrict)
            .Should()
            .Be((ToolChoice.Only("weather"), false, true));
    }

    [Theory]
    [InlineData("\"tools\":[{\"type\":\"web_search\"}]", "tools[0]")]
    [InlineData("\"tools\":[{\"type\":\"namespace\",\"name\":\"n\"}]", "tools[0]")]
    [InlineData("\"tools\":[{\"type\":\"function\"}]", "tools[0].name")]
    [InlineData("\"tool_choice\":\"required\"", "tool_choice")]
    [InlineData("\"tool_choice\":{\"type\":\"web_search\"},\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]", "tool_choice")]
    public void A_tool_that_does_not_run_at_the_caller_is_refused(string fields, string name) =>
        Parse($"{Hi},{fields}").Error!.Field.Should().Be(name);

    [Theory]
    [InlineData("{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{\"}", "input[1].arguments")]
    [InlineData("{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{}\"}", "input[1].id")]
    [InlineData("{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"}", "input")]
    [InlineData("{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"x\"}", "input")]
    [InlineData("{\"type\":\"function_call_output\",\"output\":\"x\"}", "input[1].call_id")]
    public void A_call_without_its_parts_is_named(string item, string name) =>
        Parse($"\"input\":[{{\"role\":\"user\",\"content\":\"a\"}},{item},{{\"role\":\"user\",\"content\":\"b\"}}]")
            .Error!.Field.Should()
            .Be(name);

    [Fact]
    public void A_summary_asks_for_thoughts()
    {
        Parse($$"""{{Hi}},"reasoning":{"summary":"auto"}""").Value.WantsThoughts.Should().BeTrue();
        Parse($$"""{{Hi}},"reasoning":{"effort":"low"}""").Value.WantsThoughts.Should().BeFalse();
    }

    [Fact]
    public void Fields_that_can_be_honoured_are()
    {
        var request = Parse(
            $$"""
            {{Hi}},"max_output_tokens":7,"reasoning":{"effort":"high"},"temperature":0.5,"top_p":0.25,
            "text":{"verbosity":"medium","format":{"type":"json_schema","name":"x","strict":true,"schema":{"type":"object","title":"t"} } }
            """
        ).Value;

        (request.MaxOutputTokens, request.Effort, request.Parameters.Temperature, request.Parameters.TopP)
            .Should()
            .Be((7, Effort.High, 0.5, 0.25));
        request.Schema!.Reveal().Should().Contain("\"title\":\"t\"");
        Parse($$"""{{Hi}},"text":{"format":{"type":"json_object"} },"reasoning":{"effort":"minimal"}""")
            .Value.Should()
            .Match<CompletionRequest>(other => OutputSchema.AnyObject.Equals(other.Schema) && other.Effort == Effort.Low);
        Parse($$"""{{Hi}},"text":{"format":{"type":"text"} }""").Value.Schema.Should().BeNull();
    }

    [Theory]
    [InlineData("\"previous_response_id\":\"resp_1\"", "previous_response_id", "earlier items")]
    [InlineData("\"conversation\":\"conv_1\"", "conversation", "earlier items")]
    [InlineData("\"conversation\":{\"id\":\"conv_1\"}", "conversation", "earlier items")]
    [InlineData("\"background\":true", "background", "stream")]
    [InlineData("\"prompt\":{\"id\":\"pmpt_1\"}", "prompt", "instructions")]
    [InlineData("\"top_logprobs\":3", "top_logprobs", "Leave")]
    [InlineData("\"include\":[\"message.output_text.logprobs\"]", "include", "logprobs")]
    [InlineData("\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"}]", "input[0]", "Send the item itself")]
    [InlineData("\"input\":[{\"type\":\"web_search_call\",\"id\":\"ws_1\"}]", "input[0]", "not read here")]
    public void A_field_that_needs_something_stored_or_hosted_is_refused_and_the_error_says_what_to_send(
        string field,
        string name,
        string instead
    ) =>
        Parse(field.StartsWith("\"input\"", StringComparison.Ordinal) ? field : $"{Hi},{field}")
            .Error.Should()
            .Match<RelayError>(error => error.Code == ErrorCode.InvalidRequest && error.Field == name && error.Message.Contains(instead));

    [Theory]
    [InlineData("\"store\":true", "store")]
    [InlineData("\"truncation\":\"auto\"", "truncation")]
    [InlineData("\"include\":[\"reasoning.encrypted_content\"]", "include")]
    [InlineData("\"text\":{\"verbosity\":\"low\"}", "text.verbosity")]
    [InlineData("\"service_tier\":\"flex\"", "service_tier")]
    [InlineData("\"max_tool_calls\":3", "max_tool_calls")]
    [InlineData("\"prompt_cache_key\":\"k\"", "prompt_cache_key")]
    [InlineData("\"safety_identifier\":\"u\"", "safety_identifier")]
    [InlineData("\"temperature\":1.5", "temperature")]
    public void A_field_that_only_sways_the_answer_is_named_as_ignored(string field, string name) =>
        Read($"{Hi},{field}").Value.Body.Ignored.Should().Equal(name);

    [Theory]
    [InlineData(
        "\"store\":false,\"truncation\":\"disabled\",\"background\":false,\"previous_response_id\":null,\"conversation\":null,\""
            + "include\":null,\"stream_options\":{\"include_obfuscation\":false}"
    )]
    [InlineData(
        "\"tools\":[],\"tool_choice\":\"auto\",\"parallel_tool_calls\":true,\"metadata\":{\"a\":\"b\"},\"user\":\"u\",\"service_tier\""
            + ":\"auto\",\"reasoning\":null,\"text\":null"
    )]
    public void Fields_that_ask_for_the_default_are_taken(string fields) => Read($"{Hi},{fields}").Value.Body.Ignored.Should().BeEmpty();

    [Theory]
    [InlineData("\"instructions\":\"x\"", "input")]
    [InlineData("\"input\":5", "input")]
    [InlineData("\"input\":[]", "input")]
    [InlineData("\"input\":\" \"", "input")]
    [InlineData("\"input\":[5]", "input[0]")]
    [InlineData("\"input\":[{\"type\":5}]", "input[0].type")]
    [InlineData("\"input\":[{\"role\":\"robot\",\"content\":\"hi\"}]", "input[0].role")]
    [InlineData("\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\"}]}]", "input[0].content[0]")]
    [InlineData("\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_id\":\"file-1\"}]}]", "input[0].content[0]")]
    [InlineData(
        "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"file_id\":\"file-1\"}]}]",
        "input[0].content[0].image_url"
    )]
    [InlineData("\"input\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]", "input")]
    [InlineData("\"input\":\"hi\",\"instructions\":5", "instructions")]
    [InlineData("\"input\":\"hi\",\"text\":5", "text")]
    [InlineData("\"input\":\"hi\",\"text\":{\"format\":{\"type\":\"json_schema\"}}", "text.format")]
    [InlineData("\"input\":\"hi\",\"text\":{\"format\":{\"type\":\"grammar\"}}", "text.format")]
    [InlineData("\"input\":\"hi\",\"reasoning\":{\"effort\":\"huge\"}", "reasoning.effort")]
    [InlineData("\"input\":\"hi\",\"reasoning\":5", "reasoning")]
    [InlineData("\"input\":\"hi\",\"include\":[5]", "include")]
    [InlineData("\"input\":\"hi\",\"metadata\":5", "metadata")]
    [InlineData("\"input\":\"hi\",\"max_output_tokens\":0", "max_output_tokens")]
    public void Wrong_fields_are_named(string fields, string name) => Parse(fields).Error!.Field.Should().Be(name);

    [Fact]
    public void The_answer_repeats_what_was_asked()
    {
        var echo = Read(
            $$"""
            {{Hi}},"instructions":"s","metadata":{"a":"b"},"user":"u","temperature":0.5,"top_p":0.25,"max_output_tokens":9,"reasoning":{"effort":"low"},
            "text":{"format":{"type":"json_schema","name":"x","schema":{"type":"object"} } }
            """
        ).Value.Echo;

        var whole = JsonSerializer.SerializeToElement(ResponseContract.Begin("resp_1", 5, "m", echo), JsonContract.Options);
        whole.GetProperty("instructions").GetString().Should().Be("s");
        whole.GetProperty("metadata").GetRawText().Should().Be("""{"a":"b"}""");
        whole.GetProperty("user").GetString().Should().Be("u");
        whole.GetProperty("temperature").GetDouble().Should().Be(0.5);
        whole.GetProperty("top_p").GetDouble().Should().Be(0.25);
        whole.GetProperty("max_output_tokens").GetInt32().Should().Be(9);
        whole.GetProperty("reasoning").GetProperty("effort").GetString().Should().Be("low");
        whole.GetProperty("text").GetProperty("format").GetProperty("name").GetString().Should().Be("x");
        whole.GetProperty("store").GetBoolean().Should().BeFalse();
    }

    private static Result<CompletionRequest> Parse(string fields) =>
        Read(fields).TryGet(out var parsed, out var error) ? parsed.Body.Request : error;

    private static Result<ResponseRequest> Read(string fields)
    {
        // As a request's body, which is gone once it was read.
        using var document = JsonDocument.Parse($"{{\"model\":\"opus\",{fields}}}");
        return ResponseBody.Parse(document.RootElement, Any.ModelNames(), Seal);
    }
}
