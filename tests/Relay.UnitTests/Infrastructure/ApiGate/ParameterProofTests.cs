using System.Text.Json;
using System.Text.Json.Nodes;
using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.ClaudeCode;
using static Relay.UnitTests.Infrastructure.ApiGate.ProofBench;

namespace Relay.UnitTests.Infrastructure.ApiGate;

/// <summary>The fields beside a request's words: parameters, thinking and the format of the answer.</summary>
public sealed class ParameterProofTests
{
    [Theory]
    [InlineData(Parameters)]
    [InlineData("""{"thinking":{"type":"disabled"},"context_management":{"edits":[]}}""")]
    [InlineData("""{"thinking":{"type":"adaptive"}}""")]
    [InlineData("{}")]
    public void A_request_with_exactly_the_callers_parameters_passes(string extra) =>
        Prove(Question().LayOver(extra), Expect("Hi") with { Shape = Accepted, Extra = ExtraOf(extra) })
            .Should()
            .BeEquivalentTo(new { Refusal = (GateRefusal?)null, Shape = Accepted });

    [Theory]
    [InlineData("""{"temperature":0.2500001}""")]
    [InlineData("""{"temperature":"0.25"}""")]
    [InlineData("""{"temperature":null}""")]
    [InlineData("""{"top_p":0.8}""")]
    [InlineData("""{"top_k":41}""")]
    [InlineData("""{"stop_sequences":["END"]}""")]
    [InlineData("""{"stop_sequences":["\n\nHuman:","END"]}""")]
    [InlineData("""{"stop_sequences":["END","\n\nHuman:","x"]}""")]
    [InlineData("""{"stop_sequences":"END"}""")]
    [InlineData("""{"thinking":{"type":"enabled","budget_tokens":4096}}""")]
    [InlineData("""{"thinking":{"type":"enabled"}}""")]
    [InlineData("""{"thinking":{"type":"disabled"}}""")]
    [InlineData("""{"thinking":{"type":"enabled","budget_tokens":2048,"display":"updates"}}""")]
    [InlineData("""{"thinking":null}""")]
    [InlineData("""{"context_management":{"edits":[]}}""")]
    [InlineData("""{"tool_choice":{"type":"auto"}}""")]
    [InlineData("""{"model":"claude-opus-6"}""")]
    public void Another_value_of_a_parameter_is_refused(string difference) =>
        Prove(Question().LayOver(Parameters).LayOver(difference), Expect("Hi") with { Shape = Accepted, Extra = ExtraOf(Parameters) })
            .Refusal.Should()
            .NotBeNull();

    [Theory]
    [InlineData("temperature")]
    [InlineData("top_p")]
    [InlineData("top_k")]
    [InlineData("stop_sequences")]
    [InlineData("thinking")]
    public void A_parameter_that_the_caller_set_may_not_be_missing_and_none_may_be_there_that_the_caller_did_not_set(string name)
    {
        var without = Question().LayOver(Parameters);
        without.Body.Remove(name);
        var with = Question().LayOver(Parameters);
        foreach (
            var other in with
                .Body.Select(field => field.Key)
                .Except([name, .. Question().Body.Select(field => field.Key)], StringComparer.Ordinal)
                .ToList()
        )
        {
            with.Body.Remove(other);
        }

        Prove(without, Expect("Hi") with { Shape = Accepted, Extra = ExtraOf(Parameters) }).Refusal.Should().NotBeNull();
        Prove(with, Expect("Hi") with { Shape = Accepted }).Refusal.Should().NotBeNull();
    }

    [Theory]
    [InlineData(
        """{"effort":"medium","format":{"type":"json_schema","schema":{"type":"object","properties":{"a":{}},"additionalProperties":false}}}""",
        true
    )]
    [InlineData(
        """{"format":{"schema":{"additionalProperties":false,"properties":{"a":{}},"type":"object"},"type":"json_schema"},"effort":"medium"}""",
        true
    )]
    [InlineData(
        """{"format":{"type":"json_schema","schema":{"type":"object","properties":{"a":{}},"additionalProperties":false}}}""",
        false
    )]
    [InlineData(
        """{"effort":"medium","format":{"type":"json_schema","schema":{"type":"object","properties":{"b":{}},"additionalProperties":false}}}""",
        false
    )]
    [InlineData("""{"effort":"medium","format":{"type":"json_schema","schema":{"type":"object","properties":{"a":{}}}}}""", false)]
    [InlineData("""{"effort":"medium","format":{"type":"text"}}""", false)]
    [InlineData(
        """{"effort":"medium","format":{"type":"json_schema","name":"x","schema":{"type":"object","properties":{"a":{}},"additionalProperties":false}}}""",
        false
    )]
    [InlineData("""{"effort":"medium"}""", false)]
    [InlineData("null", false)]
    public void The_format_of_the_answer_is_the_callers(string outputConfig, bool passes)
    {
        using var schema = JsonDocument.Parse("""{"type":"object","properties":{"a":{}}}""");
        var extra = ExtraBody.None with { Format = AnswerFormat.Close(OutputSchema.Create("json_schema", schema.RootElement).Value!) };
        var request = Question();
        request.Body["output_config"] = JsonNode.Parse(outputConfig);

        (Prove(request, Expect("Hi") with { Shape = Accepted, Extra = extra }).Refusal is null).Should().Be(passes);
        Prove(request, Expect("Hi") with { Shape = Accepted })
            .Refusal.Should()
            .Be(outputConfig == """{"effort":"medium"}""" ? null : GateRefusal.Shape, "no caller asked for a format");
    }

    [Fact]
    public void The_beta_of_Claude_Codes_own_display_is_missing_only_where_the_caller_set_thinking()
    {
        const string own = "anthropic-beta: claude-code-20250219,effort-2025-11-24,thinking-display-updates-2026-08-18\n";
        const string without = "anthropic-beta: claude-code-20250219,effort-2025-11-24\n";
        const string extra = """{"thinking":{"type":"adaptive"}}""";
        GateRefusal? With(string headers, string fields) =>
            RequestProof
                .Prove(
                    Question().LayOver(fields).ToBytes(),
                    headers,
                    Expect("Hi") with
                    {
                        Shape = Accepted with { Headers = own },
                        Extra = ExtraOf(fields),
                    },
                    [],
                    ComposedRequest.Today
                )
                .Refusal;

        With(without, extra).Should().BeNull();
        With(own, extra).Should().BeNull();
        With(own, "{}").Should().BeNull();
        With(without, "{}").Should().Be(GateRefusal.Shape);
        With("anthropic-beta: claude-code-20250219\n", extra).Should().Be(GateRefusal.Shape);
        With(without.Replace("effort-2025-11-24", "effort-2025-11-24,mcp-client-2025-11-20", StringComparison.Ordinal), extra)
            .Should()
            .Be(GateRefusal.Shape);
    }

    private const string Parameters =
        """{"temperature":0.25,"top_p":0.9,"top_k":40,"stop_sequences":["END","\n\nHuman:"],"thinking":{"type":"enabled","budget_tokens":2048}}""";

    /// <summary>The fields of an extra body as the relay would write them.</summary>
    private static ExtraBody ExtraOf(string json)
    {
        var fields = JsonNode.Parse(json)!.AsObject();
        var thinking = fields["thinking"] is { } given
            ? Thinking.Create("thinking", given["type"]!.GetValue<string>(), given["budget_tokens"]?.GetValue<long>()).Value
            : null;
        return new ExtraBody(
            ModelParameters.Of(
                fields["temperature"]?.GetValue<double>(),
                fields["top_p"]?.GetValue<double>(),
                fields["top_k"]?.GetValue<int>(),
                thinking
            ),
            [.. fields["stop_sequences"]?.AsArray().Select(item => item!.GetValue<string>()) ?? []],
            thinking,
            fields.ContainsKey("context_management")
        );
    }
}
