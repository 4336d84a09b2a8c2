using System.Text.Json;
using Relay.Application.Completions;
using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>
/// A body of OpenAI's or Anthropic's API as the relay understands it. <c>IncludesUsage</c>: a stream in OpenAI's format ends with the
/// usage. <c>Ignored</c> names the fields that had no effect.
/// </summary>
internal sealed record CompatibleRequest(CompletionRequest Request, bool IsStream, bool IncludesUsage, IReadOnlyList<string> Ignored)
{
    /// <summary>Whether tools were declared in the older form of OpenAI's API. Calls then have that form, too.</summary>
    public bool HasFunctions { get; init; }
}

/// <summary>Reads the fields of a body for sampling and thinking.</summary>
internal static class ParameterFields
{
    private const double MaxOpenAiTemperature = 2;

    /// <summary>Reads the fields by their names in Anthropic's API.</summary>
    public static ModelParameters Read(LenientBody body, FieldReader fields) =>
        Read(body, fields, Share(body, fields, "temperature"), body.WholeNumber("top_k"));

    /// <summary>
    /// Reads the fields by their names in OpenAI's API, and those of Anthropic's that its clients add. A temperature above 1 counts as 1,
    /// the API's greatest, and is named as ignored.
    /// </summary>
    public static ModelParameters ReadOpenAi(LenientBody body, FieldReader fields)
    {
        var temperature = body.Number("temperature");
        if (temperature is < 0 or > MaxOpenAiTemperature)
        {
            temperature = fields.Refuse<double?>("temperature", "'temperature' is a number from 0 to 2.", null);
        }
        else if (temperature > ModelParameters.DefaultShare)
        {
            temperature = ModelParameters.DefaultShare;
            body.Ignore("temperature");
        }

        // Other servers of this API take 0 and -1 for all words.
        var topK = body.WholeNumber("top_k");
        return Read(body, fields, temperature, topK is 0 or -1 ? null : topK);
    }

    /// <summary>Reads an object like <c>{"type":"enabled","budget_tokens":2048}</c> with the known names; null when it is wrong.</summary>
    public static Thinking? ReadThinking(JsonElement thinking, FieldReader fields, params ReadOnlySpan<string> known)
    {
        const string Field = "thinking";
        if (!fields.IsObject(thinking, Field, known))
        {
            return null;
        }

        var type = fields.Text(thinking, "type", Field);
        long? budget = null;
        if (thinking.TryGetProperty("budget_tokens", out var tokens) && tokens.ValueKind != JsonValueKind.Null)
        {
            budget =
                tokens.ValueKind == JsonValueKind.Number && tokens.TryGetInt64(out var whole)
                    ? whole
                    : fields.Refuse<long?>($"{Field}.budget_tokens", $"'{Field}.budget_tokens' is not a whole number.", null);
        }

        return fields.Take(Thinking.Create(Field, type, budget, fields.Text(thinking, "display", Field)));
    }

    private static ModelParameters Read(LenientBody body, FieldReader fields, double? temperature, long? topK)
    {
        var thinking = body.Find("thinking") is { } given ? ReadThinking(given, fields, "type", "budget_tokens", "display") : null;
        return ModelParameters.Of(
            temperature,
            Share(body, fields, "top_p"),
            topK is { } words ? fields.Take(ModelParameters.ReadTopK("top_k", words)) : null,
            thinking
        );
    }

    private static double? Share(LenientBody body, FieldReader fields, string name) =>
        body.Number(name) is { } number ? fields.Take(ModelParameters.ReadShare(name, number)) : null;
}

internal static class IgnoredFields
{
    /// <summary>
    /// Tells the caller, and the log at debug level, which fields had no effect. Parameters have none where the engine can't pass them on.
    /// </summary>
    public static void Tell(
        this HttpContext context,
        IReadOnlyList<string> ignored,
        ILogger logger,
        ModelParameters parameters,
        ICompletionEngine engine
    )
    {
        if (!engine.TakesParameters)
        {
            ignored = [.. parameters.Names.Union(ignored, StringComparer.Ordinal)];
        }

        if (ignored.Count == 0)
        {
            return;
        }

        var names = string.Join(", ", ignored);
        context.Response.Headers[LenientBody.IgnoredHeader] = names;
        logger.LogDebug("Fields without effect here: {Names}", names);
    }
}
