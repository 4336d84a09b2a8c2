using System.Reflection;
using System.Text.Json;
using Relay.Api.Anthropic;
using Relay.Api.Hosting;
using Relay.Api.Http;
using Relay.Api.OpenAi;
using Relay.Api.OpenApi;
using Relay.Application.Contracts;

namespace Relay.UnitTests.Api.OpenApi;

/// <summary>The description has the fields of the contracts, all and no others, without a second edit.</summary>
public sealed class ContractTests
{
    [Fact]
    public void Every_field_of_a_contract_is_described_and_no_other()
    {
        var types = typeof(RelayHost)
            .Assembly.GetTypes()
            .Concat(typeof(KeyContract).Assembly.GetTypes().Where(type => type.Namespace == typeof(KeyContract).Namespace))
            .ToLookup(type => type.Name, StringComparer.Ordinal);
        var checkedTypes = 0;
        foreach (
            var (name, schema) in Documents.Description.Root["components"]!["schemas"]!
                .AsObject()
                .Where(schema => schema.Value!["properties"] is not null)
        )
        {
            var fields = types[name]
                .Single()
                .GetProperties(BindingFlags.Public | BindingFlags.Instance)
                .Where(property => property.GetMethod?.IsPublic == true)
                .Select(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));
            schema!["properties"]!.AsObject().Select(field => field.Key).Should().BeEquivalentTo(fields, name);
            checkedTypes++;
        }

        checkedTypes.Should().BeGreaterThan(70);
    }

    [Fact]
    public void A_reader_can_ask_for_fields_of_its_contract_only()
    {
        var body = new LenientBody(JsonElement.Parse("{}"), new FieldReader(), ContractFields.Of<MessageRequest>());

        body.Find("max_tokens").Should().BeNull();
        FluentActions.Invoking(() => body.Find("undescribed")).Should().Throw<InvalidOperationException>().WithMessage("*undescribed*");
        FluentActions.Invoking(() => body.FindList("undescribed")).Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public void Fields_that_the_contract_lacks_or_calls_without_effect_are_named_to_the_caller()
    {
        var body = new LenientBody(
            JsonElement.Parse("""{"model":"opus","seed":1,"undescribed":2,"user":null}"""),
            new FieldReader(),
            ContractFields.Of<ChatCompletionRequest>()
        );

        body.FindIgnored().Should().Equal("seed", "undescribed");
    }

    [Fact]
    public void A_field_without_effect_says_so()
    {
        var silent =
            from property in typeof(ChatCompletionRequest).GetProperties().Concat(typeof(MessageRequest).GetProperties())
            where property.IsDefined(typeof(NoEffectAttribute))
            let holder = Documents.Description.Root["components"]!["schemas"]![property.ReflectedType!.Name]!["properties"]!
            let field = holder[JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name)]!
            where !field["description"]!.GetValue<string>().Contains("no effect", StringComparison.Ordinal)
            select property.Name;

        silent.Should().BeEmpty();
    }
}
