using System.Text.Json.Serialization;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>How an answer is laid out.</summary>
internal enum OutputFormat
{
    /// <summary><c>text</c>, without usage.</summary>
    Text,

    /// <summary><c>result</c>, with usage.</summary>
    Json,
}

/// <summary>The body of <c>POST /v1/complete</c>.</summary>
/// <param name="Prompt">Required: what to answer.</param>
/// <param name="System">The system prompt.</param>
/// <param name="Model">One of <c>GET /v1/models</c>; the operator's default when missing.</param>
/// <param name="OutputFormat"><c>text</c> (default) or <c>json</c>.</param>
internal sealed record CompleteBody(string? Prompt, string? System, string? Model, string? OutputFormat)
{
    /// <summary>The body as the domain sees it.</summary>
    public Result<(CompletionRequest Request, OutputFormat Format)> Parse()
    {
        if (!CompletionRequest.Create(Prompt, System, Model).TryGet(out var request, out var error))
        {
            return error;
        }

        return OutputFormat switch
        {
            null or "text" => (request, Completions.OutputFormat.Text),
            "json" => (request, Completions.OutputFormat.Json),
            _ => RelayError.Invalid("output_format", "'output_format' is either \"text\" or \"json\"."),
        };
    }
}

/// <summary>The answer of <c>POST /v1/complete</c>: <c>text</c>, or <c>result</c> and <c>usage</c>.</summary>
internal sealed record CompleteAnswer(bool Ok, string Model, long DurationMs, string? Text, string? Result, string? StopReason, UsageContract? Usage)
{
    /// <summary>Lays an answer out.</summary>
    public static CompleteAnswer From(Completion completion, OutputFormat format, TimeSpan duration)
    {
        var isJson = format == OutputFormat.Json;
        return new CompleteAnswer(
            Ok: true,
            completion.Model.Value,
            (long)duration.TotalMilliseconds,
            isJson ? null : completion.Text,
            isJson ? completion.Text : null,
            completion.StopReason,
            isJson ? UsageContract.From(completion.Usage) : null);
    }
}

/// <summary>Tokens and cost of an answer; <c>cost_usd</c> is null for an answer cut at the output cap.</summary>
internal sealed record UsageContract(
    long InputTokens,
    long OutputTokens,
    long CacheCreationInputTokens,
    long CacheReadInputTokens,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] decimal? CostUsd)
{
    /// <summary>Maps a usage.</summary>
    public static UsageContract From(TokenUsage usage) =>
        new(usage.InputTokens, usage.OutputTokens, usage.CacheCreationInputTokens, usage.CacheReadInputTokens, usage.CostUsd);
}
