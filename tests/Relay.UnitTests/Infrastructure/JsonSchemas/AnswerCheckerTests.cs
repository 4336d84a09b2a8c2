using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Domain.Completions;
using Relay.Infrastructure.JsonSchemas;

namespace Relay.UnitTests.Infrastructure.JsonSchemas;

public sealed class AnswerCheckerTests
{
    private readonly AnswerChecker _checker = new(TimeProvider.System, NullLogger<AnswerChecker>.Instance);

    [Theory]
    [InlineData("""{"required":["toString"]}""", """{"toString":1}""", "{}")]
    [InlineData("""{"properties":{"a":{"required":["constructor"]}}}""", """{"a":{"constructor":1}}""", """{"a":{}}""")]
    [InlineData("""{"required":["__proto__"]}""", """{"__proto__":1}""", "{}")]
    [InlineData("""{"properties":{"a":{"dependentRequired":{"b":["valueOf"]}}}}""", """{"a":{"b":1,"valueOf":2}}""", """{"a":{"b":1}}""")]
    [InlineData(
        """{"properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}""",
        """{"a":1.0}""",
        """{"a":"1"}"""
    )]
    [InlineData("""{"properties":{"a":{"maximum":10}}}""", """{"a":10}""", """{"a":1e300}""")]
    [InlineData("""{"properties":{"a":{"enum":["x",{"b":[1]}]}}}""", """{"a":{"b":[1.0]}}""", """{"a":{"b":[2]}}""")]
    [InlineData("""{"properties":{"a":{"prefixItems":[{"type":"string"}],"items":false}}}""", """{"a":["x"]}""", """{"a":["x",1]}""")]
    [InlineData(
        """{"properties":{"a":{"$ref":"#/$defs/n"}},"$defs":{"n":{"properties":{"next":{"$ref":"#/$defs/n"}},"required":["toString"]}}}""",
        """{"a":{"toString":1,"next":{"toString":2}}}""",
        """{"a":{"toString":1,"next":{}}}"""
    )]
    [InlineData("""{"properties":{"a":{"oneOf":[{"type":"integer"},{"minimum":5}]}}}""", """{"a":1}""", """{"a":7}""")]
    [InlineData(
        """{"properties":{"a":{"if":{"required":["b"]},"then":{"required":["toString"]},"else":{"not":{"required":["c"]}}}}}""",
        """{"a":{"b":1,"toString":2}}""",
        """{"a":{"c":1}}"""
    )]
    [InlineData(
        """{"properties":{"a":{"oneOf":[{"pattern":"^a","required":["toString"]},{"pattern":"^b","required":["toString"]}]}}}""",
        """{"a":{"toString":1}}""",
        """{"a":{}}"""
    )]
    [InlineData("""{"type":"array","items":{"type":"string"}}""", """{"value":["a"]}""", """{"value":[1]}""")]
    public void An_answer_fits_or_not(string schema, string fitting, string other)
    {
        _checker.Takes(Schema(schema)).Should().BeTrue();
        _checker.Fits(Schema(schema), fitting, Waiting.Token).Should().BeTrue();
        _checker.Fits(Schema(schema), other, Waiting.Token).Should().BeFalse();
    }

    /// <summary>Each fits for Claude Code's validator. JsonSchema.Net says no to some of them where nothing is left out.</summary>
    [Theory]
    [InlineData("""{"properties":{"a":{"pattern":"^.$"}}}""", """{"a":"👨"}""")]
    [InlineData("""{"properties":{"a":{"minLength":5}}}""", """{"a":"👨‍👩‍👧"}""")]
    [InlineData("""{"properties":{"a":{"pattern":"^\\p{Emoji}$"}}}""", """{"a":"👨"}""")]
    [InlineData("""{"properties":{"a":{"oneOf":[{"pattern":"^\\p{Emoji}$"},{"pattern":"^a$"}]}}}""", """{"a":"a"}""")]
    [InlineData("""{"properties":{"a":{"not":{"pattern":"^\\p{Emoji}$"}}}}""", """{"a":"a"}""")]
    [InlineData("""{"properties":{"a":{"multipleOf":3}}}""", """{"a":1e22}""")]
    [InlineData(
        """{"properties":{"a":{"type":"object","patternProperties":{"^x-":{}},"additionalProperties":false}}}""",
        """{"a":{"x-b":1}}"""
    )]
    [InlineData(
        """{"properties":{"a":{"oneOf":[{"pattern":"a"},{"type":"null"}]},"b":{"$ref":"#/properties/a/oneOf/0"}}}""",
        """{"b":"a"}"""
    )]
    [InlineData("""{"properties":{"a":{"format":"email"}}}""", """{"a":"nobody"}""")]
    [InlineData("""{"properties":{"pattern":{"type":"string"},"not":{"type":"integer"}}}""", """{"pattern":"(","not":1}""")]
    public void Rules_on_texts_and_remainders_are_left_to_Claude_Code(string schema, string answer)
    {
        _checker.Takes(Schema(schema)).Should().BeTrue();
        _checker.Fits(Schema(schema), answer, Waiting.Token).Should().BeTrue();
    }

    [Theory]
    [InlineData("""{"properties":{"a":{"type":"nonsense"}}}""")]
    [InlineData("""{"properties":{"a":{"$ref":"#/definitions/missing"}}}""")]
    [InlineData("""{"properties":{"a":{"$ref":"http://127.0.0.1:1/schema"}}}""")]
    [InlineData("""{"properties":5}""")]
    [InlineData("""{"required":"a"}""")]
    public void An_unusable_schema_is_refused(string schema) => _checker.Takes(Schema(schema)).Should().BeFalse();

    [Fact]
    public void A_name_of_one_schema_is_unknown_to_another()
    {
        _checker.Takes(Schema("""{"$id":"https://relay.test/a","properties":{"a":{"type":"string"}}}""")).Should().BeTrue();

        _checker.Takes(Schema("""{"properties":{"b":{"$ref":"https://relay.test/a"}}}""")).Should().BeFalse();
    }

    [Fact]
    public void Work_that_doubles_with_each_reference_is_bounded()
    {
        var definitions = string.Join(
            ',',
            Enumerable
                .Range(0, 40)
                .Select(index =>
                    $$"""{{Quoted($"d{index}")}}:{"anyOf":[{"$ref":"#/definitions/d{{index + 1}}"},{"$ref":"#/definitions/d{{index + 1}}"}]}"""
                )
        );
        var schema = Schema(
            $$"""{"properties":{"a":{"$ref":"#/definitions/d0"} },"definitions":{ {{definitions}},"d40":{"type":"string"} } }"""
        );

        var check = Task.Run(
            () => (Takes: _checker.Takes(schema), Fits: _checker.Fits(schema, """{"a":1}""", Waiting.Token)),
            Waiting.Token
        );

        check
            .WaitAsync(TimeSpan.FromSeconds(60), Waiting.Token)
            .Invoking(task => task.GetAwaiter().GetResult())
            .Should()
            .NotThrow()
            .Which.Should()
            .Be((true, false));
    }

    [Theory]
    [InlineData("""{"allOf":[{"$ref":"#/definitions/dNEXT"}]}""")]
    [InlineData("""{"$ref":"#/definitions/dNEXT"}""", Traits = ["Extent", "all"])]
    [InlineData("""{"not":{"not":{"$ref":"#/definitions/dNEXT"}}}""", Traits = ["Extent", "all"])]
    public void A_chain_of_references_ends_no_process(string link)
    {
        const int Links = 1000;
        var definitions = string.Join(
            ',',
            Enumerable
                .Range(0, Links)
                .Select(index => $"{Quoted($"d{index}")}:{link.Replace("NEXT", $"{index + 1}", StringComparison.Ordinal)}")
        );
        var schema = Schema(
            $$"""{"properties":{"a":{"$ref":"#/definitions/d0"} },"definitions":{ {{definitions}},"d{{Links}}":{"properties":{"a":{"$ref":"#/definitions/d0"} } } } }"""
        );
        var answer = $"{string.Concat(Enumerable.Repeat("{\"a\":", 60))}1{new string('}', 60)}";

        _checker.Takes(schema).Should().BeTrue();
        _checker.Fits(schema, answer, Waiting.Token).Should().BeFalse("it goes too deep");
    }

    [Fact]
    public void A_chain_of_references_through_values_ends_no_process()
    {
        var links = string.Join(',', Enumerable.Range(0, 1000).Select(index => $$"""{"$ref":"#/properties/a/enum/{{index + 1}}"}"""));
        var schema = Schema($$"""{"properties":{"a":{"enum":[{{links}},{"type":"object"}]},"b":{"$ref":"#/properties/a/enum/0"} } }""");

        _checker.Takes(schema);
        _checker.Fits(schema, """{"b":1}""", Waiting.Token).Should().BeFalse();
    }

    [Fact]
    public void An_answer_that_is_nested_too_deep_does_not_fit() =>
        _checker
            .Fits(OutputSchema.AnyObject, $"{string.Concat(Enumerable.Repeat("{\"a\":", 5000))}1{new string('}', 5000)}", Waiting.Token)
            .Should()
            .BeFalse();

    [Fact]
    public void A_caller_who_leaves_ends_the_check()
    {
        using var left = new CancellationTokenSource();
        left.Cancel();

        _checker.Invoking(checker => checker.Fits(OutputSchema.AnyObject, "{}", left.Token)).Should().Throw<OperationCanceledException>();
    }

    private static string Quoted(string name) => $"\"{name}\"";

    private static OutputSchema Schema(string json) => OutputSchema.Create("json_schema", JsonElement.Parse(json)).Value;
}
