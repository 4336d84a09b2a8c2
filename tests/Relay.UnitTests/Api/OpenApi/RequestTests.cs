using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FluentValidation;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Relay.Api.Anthropic;
using Relay.Api.Completions;
using Relay.Api.Dashboard;
using Relay.Api.Fetching;
using Relay.Api.Http;
using Relay.Api.OpenAi;
using Relay.Api.Responses;
using Relay.Application.Contracts;
using Relay.Application.Keys;
using Relay.Application.Pipeline;
using Relay.Application.Serving;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.OpenApiTests;

namespace Relay.UnitTests.Api.OpenApi;

/// <summary>
/// The schemas of bodies take exactly what the relay's own readers take: every example, and every example with one thing changed
/// at every place, is judged by both.
/// </summary>
public sealed class RequestTests
{
    private static readonly ApiDescription Description = Documents.Description;

    /// <summary>Routes that take what other APIs take: their readers may take more than is described, and never less.</summary>
    private static readonly string[] Compatible = ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens"];

    private static readonly ServiceProvider Services = new ServiceCollection()
        .AddSingleton(new BodyBudget(Options.Create(new ServerOptions())))
        .BuildServiceProvider();

    private static readonly ItemSeal Seal = new(KeySecret.Generate());

    private static readonly KeyReference Key = KeyReference.Of("key_0f1e2d3c4b5a6978");

    private static readonly RequestContext By = new(
        "req_0",
        ApiKey.Create(KeyLabel.Create("ops").Value, DateTimeOffset.UnixEpoch).Key,
        patience: null
    );

    public static TheoryData<string> Paths =>
        [.. Description.Operations.Where(route => route.Operation["requestBody"] is not null).Select(route => route.Path)];

    public static TheoryData<string> SamplePaths => [.. Extent.Sample(Paths, oneOf: 4)];

    public static TheoryData<string> StrictPaths => [.. Paths.Select(row => row.Data).Except(Compatible, StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Every_example_is_taken(string path)
    {
        foreach (var example in ExamplesOf(path))
        {
            (await ReadAsync(path, example)).Should().BeNull(example.ToJsonString());
        }
    }

    [Theory]
    [MemberData(nameof(StrictPaths))]
    public async Task Every_described_field_is_taken_and_no_other(string path)
    {
        var fields = Description.Resolve(SchemaOf(path))["properties"]!.AsObject().Select(field => field.Key).ToList();
        fields
            .Should()
            .BeEquivalentTo(
                ContractOf(path)
                    .GetConstructors()
                    .Single()
                    .GetParameters()
                    .Select(parameter => JsonNamingPolicy.SnakeCaseLower.ConvertName(parameter.Name!))
            );
        foreach (var field in fields)
        {
            ((await ReadAsync(path, new JsonObject { [field] = null }))?.Message ?? string.Empty).Should().NotContain("is not a field");
        }

        (await ReadAsync(path, new JsonObject { ["undescribed"] = null }))!.Message.Should().Contain("is not a field");
    }

    [Theory]
    [MemberData(nameof(SamplePaths))]
    public async Task Schema_and_reader_agree_on_every_example_with_one_thing_changed(string path)
    {
        var disagreements = new List<string>();
        var agreed = 0;
        foreach (var body in ExamplesOf(path).Append(WithEveryField(path)).SelectMany(Changed))
        {
            if (await FindDisagreementAsync(path, body.Body) is { } found)
            {
                disagreements.Add($"{body.Place}: {found}");
            }
            else
            {
                agreed++;
            }
        }

        agreed.Should().BeGreaterThan(50);
        disagreements.Should().BeEmpty();
    }

    /// <summary>No schema can say that two fields must be equal.</summary>
    [Fact]
    public async Task Rules_that_only_readers_check_still_refuse()
    {
        var body = JsonNode
            .Parse("""{"model":"opus","messages":[{"role":"user","content":"hi"}],"max_tokens":1,"max_completion_tokens":2}""")!
            .AsObject();

        Description.FindMisfits(SchemaOf("/v1/chat/completions"), JsonSerializer.SerializeToElement(body)).Should().BeEmpty();
        (await ReadAsync("/v1/chat/completions", body))!.Field.Should().Be("max_completion_tokens");
    }

    private static async Task<string?> FindDisagreementAsync(string path, JsonObject body)
    {
        var misfits = Description.FindMisfits(SchemaOf(path), JsonSerializer.SerializeToElement(body));
        var error = await ReadAsync(path, body);
        return (misfits.Count == 0) == (error is null) || (error is null && Compatible.Contains(path, StringComparer.Ordinal))
            ? null
            : $"the reader says {error?.Message ?? "yes"}, the schema {(misfits.Count == 0 ? "yes" : string.Join("; ", misfits))} to "
                + $"{body.ToJsonString()}";
    }

    /// <summary>Each place of a body in turn left out, given something more, or given other values.</summary>
    private static IEnumerable<(string Place, JsonObject Body)> Changed(JsonObject body)
    {
        foreach (var place in PlacesOf(body))
        {
            foreach (
                var value in (JsonNode?[])
                    [
                        null,
                        "",
                        " ",
                        "x",
                        "text",
                        "high",
                        0,
                        1,
                        -1,
                        1.5,
                        9e9,
                        true,
                        false,
                        new JsonArray(),
                        new JsonObject(),
                        new JsonArray("a"),
                        new JsonArray(1),
                        new JsonObject { ["type"] = "object" },
                        new JsonObject { ["type"] = "text" },
                    ]
            )
            {
                yield return (place, With(body, place, value));
            }

            if (At(body, place) is JsonObject)
            {
                foreach (
                    var (extra, value) in new (string, JsonNode?)[]
                    {
                        ("undescribed", null),
                        ("undescribed", new JsonArray()),
                        ("undescribed", 1),
                        ("Type", "x"),
                    }
                )
                {
                    var more = (JsonObject)body.DeepClone();
                    At(more, place)!.AsObject()[extra] = value?.DeepClone();
                    yield return (place, more);
                }
            }

            if (!place.EndsWith(']') && place != "$")
            {
                var less = (JsonObject)body.DeepClone();
                var node = place.LastIndexOf('.');
                At(less, place[..node])!.AsObject().Remove(place[(node + 1)..]);
                yield return (place, less);
            }
        }
    }

    /// <summary>Inside of a schema that the caller sends, anything may stand.</summary>
    private static IEnumerable<string> PlacesOf(JsonNode? node, string path = "$") =>
        (
            node switch
            {
                JsonObject parent => parent
                    .Where(_ =>
                        !path.EndsWith("schema", StringComparison.Ordinal)
                        || path.EndsWith(".json_schema", StringComparison.Ordinal) && parent.ContainsKey("schema")
                    )
                    .SelectMany(pair => PlacesOf(pair.Value, $"{path}.{pair.Key}")),
                JsonArray list => list.SelectMany((item, index) => PlacesOf(item, $"{path}[{index}]")),
                _ => [],
            }
        ).Prepend(path);

    private static JsonNode? At(JsonObject body, string place) =>
        place
            .Split('.')
            .Skip(1)
            .Aggregate(
                (JsonNode?)body,
                (node, step) =>
                {
                    var bracket = step.IndexOf('[', StringComparison.Ordinal);
                    return bracket < 0 ? node![step] : node![step[..bracket]]![int.Parse(step[(bracket + 1)..^1])];
                }
            );

    private static JsonObject With(JsonObject body, string place, JsonNode? value)
    {
        if (place == "$")
        {
            return value as JsonObject ?? [];
        }

        var copy = (JsonObject)body.DeepClone();
        if (place.EndsWith(']'))
        {
            var bracket = place.LastIndexOf('[');
            At(copy, place[..bracket])!.AsArray()[int.Parse(place[(bracket + 1)..^1])] = value?.DeepClone();
        }
        else
        {
            var dot = place.LastIndexOf('.');
            At(copy, place[..dot])!.AsObject()[place[(dot + 1)..]] = value?.DeepClone();
        }

        return copy;
    }

    /// <summary>The first example with every other field as null, which asks for nothing.</summary>
    private static JsonObject WithEveryField(string path)
    {
        var body = ExamplesOf(path)[0];
        foreach (var (name, schema) in Description.Resolve(SchemaOf(path))["properties"]!.AsObject())
        {
            if (!body.ContainsKey(name) && Description.FindMisfits(schema!, JsonSerializer.SerializeToElement<object?>(null)).Count == 0)
            {
                body[name] = null;
            }
        }

        return body;
    }

    private static IReadOnlyList<JsonObject> ExamplesOf(string path) =>
        [.. ContentOf(path)["examples"]!.AsObject().Select(example => example.Value!["value"]!.DeepClone().AsObject())];

    private static JsonNode SchemaOf(string path) => ContentOf(path)["schema"]!;

    private static JsonNode ContentOf(string path) =>
        Description.Operations.Single(route => route.Path == path && route.Operation["requestBody"] is not null).Operation["requestBody"]![
            "content"
        ]!["application/json"]!;

    private static Type ContractOf(string path) =>
        path switch
        {
            "/v1/complete" => typeof(CompleteBody),
            "/v1/fetch" => typeof(FetchBody),
            "/dashboard/keys" => typeof(AddKeyBody),
            "/dashboard/keys/{id}/rotate" => typeof(RotateKeyBody),
            "/dashboard/keys/{id}/revoke" => typeof(RevokeKeyBody),
            "/dashboard/keys/{id}/limits" => typeof(KeyLimitsContract),
            _ => throw new NotSupportedException($"Tell this test which contract {path} reads."),
        };

    /// <summary>The error of the route's own reader for a body; null when it takes the body.</summary>
    private static Task<RelayError?> ReadAsync(string path, JsonObject body) =>
        path switch
        {
            "/v1/complete" => ReadAsync<CompleteBody>(body, contract => contract.Parse().Error),
            "/v1/chat/completions" => ReadObjectAsync(body, root => ChatCompletionBody.Parse(root, Any.ModelNames())),
            "/v1/responses" => ReadObjectAsync(
                body,
                root => ResponseBody.Parse(root, Any.ModelNames(), Seal).TryGet(out var parsed, out var error) ? parsed.Body : error
            ),
            "/v1/messages" => ReadObjectAsync(body, root => MessageBody.Parse(root, Any.ModelNames(), needsMaxTokens: true)),
            "/v1/messages/count_tokens" => ReadObjectAsync(body, root => MessageBody.Parse(root, Any.ModelNames(), needsMaxTokens: false)),
            "/v1/fetch" => ReadAsync<FetchBody>(body, contract => contract.Parse().Error),
            "/dashboard/keys" => ReadAsync<AddKeyBody>(
                body,
                contract => contract.Parse(By).TryGet(out var command, out var error) ? Validate(new AddKeyValidator(), command) : error
            ),
            "/dashboard/keys/{id}/rotate" => ReadAsync<RotateKeyBody>(
                body,
                contract =>
                    contract.ParseOverlap().TryGet(out var overlap, out var error)
                        ? Validate(new RotateKeyValidator(), new RotateKeyCommand(Key, overlap, By))
                        : error
            ),
            "/dashboard/keys/{id}/revoke" => ReadAsync<RevokeKeyBody>(body, contract => KeyLabel.Create(contract.Label).Error),
            "/dashboard/keys/{id}/limits" => ReadAsync<KeyLimitsContract>(
                body,
                contract => Validate(new SetKeyLimitsValidator(), SetKeyLimitsCommand.ToAll(Key, contract.ToLimits(), By))
            ),
            _ => throw new NotSupportedException($"Tell this test how {path} is read."),
        };

    /// <summary>A command of the dashboard's is judged by its own rules, too, before anything is changed.</summary>
    private static RelayError? Validate<T>(IValidator<T> validator, T command) =>
        validator.Validate(command).Errors is [var first, ..] ? (RelayError)first.CustomState : null;

    private static async Task<RelayError?> ReadAsync<T>(JsonObject body, Func<T, RelayError?> parse)
        where T : class =>
        (await Request(body).ReadJsonAsync<T>(1_000_000, Waiting.Token)).TryGet(out var contract, out var error) ? parse(contract) : error;

    private static async Task<RelayError?> ReadObjectAsync(JsonObject body, Func<JsonElement, Result<ParsedBody>> parse) =>
        (await Request(body).ReadObjectAsync(parse, 1_000_000, Waiting.Token)).Error;

    private static HttpRequest Request(JsonObject body)
    {
        var context = new DefaultHttpContext { RequestServices = Services };
        context.Features.Set(By);
        var request = context.Request;
        request.Body = new MemoryStream(Encoding.UTF8.GetBytes(body.ToJsonString()));
        request.ContentType = "application/json";
        return request;
    }
}
