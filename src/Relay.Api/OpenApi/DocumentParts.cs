using System.Collections.Frozen;
using System.Reflection;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Relay.Domain;

namespace Relay.Api.OpenApi;

/// <summary>
/// The parts of the description that the code does not have, from files inside the program: <c>head.json</c> (introduction, tags,
/// parameters, headers), <c>Examples/*.json</c>, and the meaning of each error from <c>docs/errors.md</c>.
/// </summary>
internal static class DocumentParts
{
    private static readonly Lazy<FrozenDictionary<ErrorCode, ErrorMeaning>> ErrorMeanings = new(ReadErrors);

    private static readonly Lazy<JsonObject> ErrorExamples = new(() =>
        JsonNode.Parse(Resource("openapi/examples/errors.json"))!.AsObject()
    );

    /// <summary>Introduction, tags, parameters and headers. Each call reads the file again, because a document owns its parts.</summary>
    public static OpenApiDocument ReadHead() =>
        OpenApiDocument.Parse(System.Text.Encoding.UTF8.GetString(Resource("openapi/head.json")), OpenApiConstants.Json).Document
        ?? throw new InvalidOperationException("head.json is not an OpenAPI document.");

    /// <summary>Examples of a route: <c>request</c>, and by status and media type its answers; null for a route without examples.</summary>
    public static JsonObject? FindExamples(string operationId) =>
        Assembly.GetExecutingAssembly().GetManifestResourceInfo($"openapi/examples/{operationId}.json") is null
            ? null
            : JsonNode.Parse(Resource($"openapi/examples/{operationId}.json"))!.AsObject();

    public static ErrorMeaning MeaningOf(ErrorCode code) => ErrorMeanings.Value[code];

    public static RelayError ExampleOf(ErrorCode code) =>
        ErrorExamples.Value[code.WireName()] is { } example
            ? new RelayError(code, example["message"]!.GetValue<string>(), example["field"]?.GetValue<string>())
            : new RelayError(code, MeaningOf(code).Advice);

    public static byte[] Resource(string name)
    {
        using var stream =
            Assembly.GetExecutingAssembly().GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The program lacks its resource {name}.");
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }

    private static FrozenDictionary<ErrorCode, ErrorMeaning> ReadErrors()
    {
        var codes = Enum.GetValues<ErrorCode>().ToDictionary(code => $"`{code.WireName()}`", StringComparer.Ordinal);
        return System
            .Text.Encoding.UTF8.GetString(Resource("openapi/errors.md"))
            .Split('\n')
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Trim('|', ' ').Split('|', StringSplitOptions.TrimEntries))
            .ToFrozenDictionary(
                cells => codes[cells[0]],
                cells => new ErrorMeaning(cells[4], cells[5], cells[7].StartsWith("perhaps", StringComparison.Ordinal))
            );
    }
}

/// <summary>A row of <c>docs/errors.md</c>.</summary>
internal sealed record ErrorMeaning(string Text, string Advice, bool MayHaveCost);
