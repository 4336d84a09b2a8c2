using System.Text.Json;
using Relay.Domain.Completions;

namespace Relay.Api.Completions;

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
            temperature = fields.Refuse<double?>("temperature", "'temperature' takes a number from 0 to 2.", null);
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
