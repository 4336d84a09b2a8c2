using System.Text.Json;
using Relay.Api.Completions;
using Relay.Api.Http;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Api.Completions;

/// <summary>The bytes on the wire, letter by letter.</summary>
public sealed class CompleteContractTests
{
    private static readonly TimeSpan Duration = TimeSpan.FromMilliseconds(1900.7);

    [Fact]
    public void Text_comes_without_usage() =>
        Wire(CompleteAnswer.From(Any.Completion("größer <b> & \"x\"\n"), OutputFormat.Text, Duration))
            .Should()
            .Be("""{"ok":true,"model":"opus","duration_ms":1900,"text":"größer <b> & \"x\"\n","stop_reason":"end_turn"}""");

    [Fact]
    public void Json_comes_with_usage() =>
        Wire(CompleteAnswer.From(Any.Completion(), OutputFormat.Json, Duration))
            .Should()
            .Be(
                """{"ok":true,"model":"opus","duration_ms":1900,"result":"hello","stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":3,"cache_read_input_tokens":4,"cost_usd":0.5}}"""
            );

    [Fact]
    public void An_unknown_cost_is_null_and_not_left_out()
    {
        var cut = Any.Completion() with { Usage = new TokenUsage(1, 2, 3, 4, CostUsd: null), StopReason = null };

        Wire(CompleteAnswer.From(cut, OutputFormat.Json, Duration)).Should().Contain("\"cost_usd\":null").And.NotContain("stop_reason");
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("text", false)]
    [InlineData("json", true)]
    public void The_format_is_text_unless_json_is_asked_for(string? text, bool isJson)
    {
        var (request, parsed) = new CompleteBody("hi", "sys", "opus", text).Parse().Value;

        parsed.Should().Be(isJson ? OutputFormat.Json : OutputFormat.Text);
        request.Conversation.Last.Content.Should().Equal(new TextBlock(Any.Text("hi")));
        (request.System, request.Model).Should().Be((Any.Text("sys"), Any.Model("opus")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("JSON")]
    [InlineData("markdown")]
    public void Another_format_is_named(string format) =>
        new CompleteBody("hi", null, null, format)
            .Parse()
            .Error.Should()
            .BeEquivalentTo(new { Code = ErrorCode.InvalidRequest, Field = "output_format" });

    [Fact]
    public void A_wrong_prompt_is_named_before_a_wrong_format() =>
        new CompleteBody(null, null, null, "x").Parse().Error!.Field.Should().Be("prompt");

    private static string Wire(CompleteAnswer answer) => JsonSerializer.Serialize(answer, JsonContract.Options);
}
