using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Relay.Api.Anthropic;
using Relay.Api.OpenAi;
using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.Api.OpenApi;

/// <summary>The errors of a route, as they follow from its key, its body and its quota.</summary>
internal static class RouteErrors
{
    private const string RequestId = "req_5f0c2a9b7d1e4c3f8a6b0d2e";

    public static IEnumerable<ErrorCode> Of(RouteFacts route) =>
        [
            ErrorCode.WrongHost,
            ErrorCode.InternalError,
            .. route.NeedsKey ? [ErrorCode.Unauthorized, ErrorCode.StateUnavailable] : Array.Empty<ErrorCode>(),
            .. route.Scope is not null || route.TakesSession ? [ErrorCode.Forbidden] : Array.Empty<ErrorCode>(),
            .. route.ReadsBody
                ? [ErrorCode.InvalidRequest, ErrorCode.InvalidJson, ErrorCode.TooLarge, ErrorCode.UnsupportedMediaType, ErrorCode.QueueFull]
                : Array.Empty<ErrorCode>(),
            .. route.Bucket is null
                ? Array.Empty<ErrorCode>()
                :
                [
                    ErrorCode.RateLimited,
                    ErrorCode.DailyLimit,
                    ErrorCode.IdempotencyInFlight,
                    ErrorCode.IdempotencyMismatch,
                    ErrorCode.Overloaded,
                    ErrorCode.ShuttingDown,
                    ErrorCode.Timeout,
                ],
            .. route.Bucket == QuotaBucket.Completions
                ?
                [
                    ErrorCode.UnknownModel,
                    ErrorCode.PromptTooLong,
                    ErrorCode.GlobalDailyLimit,
                    ErrorCode.UpstreamRateLimited,
                    ErrorCode.UpstreamError,
                    ErrorCode.SchemaNotSatisfied,
                    ErrorCode.NotLoggedIn,
                    ErrorCode.ClaudeMissing,
                    ErrorCode.LockdownViolation,
                ]
                : Array.Empty<ErrorCode>(),
            .. route.Bucket == QuotaBucket.Fetches
                ? [ErrorCode.UrlRejected, ErrorCode.UnsupportedContentType, ErrorCode.FetchFailed]
                : Array.Empty<ErrorCode>(),
            .. route.FindAll<FailsAttribute>().SelectMany(fails => fails.Codes),
        ];

    /// <summary>The errors of a route by status, in the order of the codes.</summary>
    public static IEnumerable<(int Status, IReadOnlyList<ErrorCode> Codes, IReadOnlyList<ErrorCode> CodesWithCost)> ByStatus(
        RouteFacts route
    )
    {
        var codes = Of(route).Distinct().Order().ToList();
        var surface = route.Surface ?? ApiSurface.Native;
        var repaid =
            route.Bucket == QuotaBucket.Completions
                ? codes
                    .Where(code =>
                        DocumentParts.MeaningOf(code).MayHaveCost
                        && ErrorResponse.StatusOf(code, surface, hasCost: true) != ErrorResponse.StatusOf(code, surface)
                    )
                    .ToLookup(code => ErrorResponse.StatusOf(code, surface, hasCost: true))
                : Array.Empty<ErrorCode>().ToLookup(_ => 0);
        return codes
            .GroupBy(code => ErrorResponse.StatusOf(code, surface))
            .OrderBy(group => group.Key)
            .Select(group => (group.Key, (IReadOnlyList<ErrorCode>)[.. group], (IReadOnlyList<ErrorCode>)[.. repaid[group.Key]]));
    }

    /// <summary>One status of a route: the meaning of its codes, the words that they become, and an example.</summary>
    public static OpenApiResponse Describe(
        OpenApiDocument document,
        ApiSurface? surface,
        IReadOnlyList<ErrorCode> codes,
        IReadOnlyList<ErrorCode> codesWithCost
    )
    {
        IReadOnlyList<ErrorCode> all = [.. codes, .. codesWithCost];
        var description = string.Join("\n", codes.Select(code => $"- `{code.WireName()}`: {DocumentParts.MeaningOf(code).Text}"));
        if (codesWithCost.Count > 0)
        {
            description +=
                "\n\nErrors that have cost money have this status, so that no client repeats them by itself:\n"
                + string.Join("\n", codesWithCost.Select(code => $"- `{code.WireName()}`: {DocumentParts.MeaningOf(code).Text}"));
        }

        var response = new OpenApiResponse
        {
            Description = description,
            Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
            {
                ["application/json"] = new OpenApiMediaType
                {
                    Schema = SchemaOf(document, surface, all),
                    Example = Example(surface ?? ApiSurface.Native, codes[0]),
                },
            },
        };
        response.AddExtension("x-codes", Names(codes));
        if (codesWithCost.Count > 0)
        {
            response.AddExtension("x-codes-with-cost", Names(codesWithCost));
        }

        return response;
    }

    private static JsonNodeExtension Names(IEnumerable<ErrorCode> codes) =>
        new(new JsonArray([.. codes.Select(code => JsonValue.Create(code.WireName()))]));

    private static OpenApiSchema SchemaOf(OpenApiDocument document, ApiSurface? surface, IReadOnlyList<ErrorCode> codes) =>
        surface is { } one
            ? Narrowed(document, one, codes)
            : new OpenApiSchema { OneOf = [Narrowed(document, ApiSurface.Native, codes), Narrowed(document, ApiSurface.Anthropic, codes)] };

    /// <summary>The contract of the API's errors, with the words that these codes become.</summary>
    private static OpenApiSchema Narrowed(OpenApiDocument document, ApiSurface surface, IReadOnlyList<ErrorCode> codes)
    {
        var errors = codes.Select(code => new RelayError(code, string.Empty)).ToList();
        var (contract, words) = surface switch
        {
            ApiSurface.OpenAi => (
                nameof(OpenAiError),
                new Dictionary<string, IEnumerable<string>>(StringComparer.Ordinal)
                {
                    ["type"] = errors.Select(error => OpenAiError.From(error).Error.Type),
                    ["code"] = errors.Select(error => OpenAiError.From(error).Error.Code!),
                }
            ),
            ApiSurface.Anthropic => (
                nameof(AnthropicError),
                new(StringComparer.Ordinal) { ["type"] = errors.Select(error => AnthropicError.From(error, RequestId).Error.Type) }
            ),
            _ => (nameof(ErrorContract), new(StringComparer.Ordinal) { ["code"] = errors.Select(error => error.WireName) }),
        };
        var narrowed = words.ToDictionary(
            word => word.Key,
            IOpenApiSchema (word) =>
                new OpenApiSchema { Enum = [.. word.Value.Distinct(StringComparer.Ordinal).Select(value => JsonValue.Create(value)!)] },
            StringComparer.Ordinal
        );
        return new OpenApiSchema
        {
            AllOf =
            [
                new OpenApiSchemaReference(contract, document),
                new OpenApiSchema
                {
                    Properties = new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal)
                    {
                        ["error"] = new OpenApiSchema { Properties = narrowed },
                    },
                },
            ],
        };
    }

    private static JsonNode Example(ApiSurface surface, ErrorCode code)
    {
        var error = DocumentParts.ExampleOf(code);
        object answer = surface switch
        {
            ApiSurface.OpenAi => OpenAiError.From(error),
            ApiSurface.Anthropic => AnthropicError.From(error, RequestId),
            _ => ErrorContract.From(error, RequestId),
        };
        return JsonSerializer.SerializeToNode(answer, answer.GetType(), JsonContract.Options)!;
    }
}
