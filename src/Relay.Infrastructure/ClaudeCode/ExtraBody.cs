using System.Text.Json;
using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// The fields that Claude Code lays over the body of its requests (<c>CLAUDE_CODE_EXTRA_BODY</c>). It lets them replace any field of the
/// body, so the relay writes them from validated values under these names and under no other. Prints nothing of a caller.
/// </summary>
/// <param name="Parameters">The parameters of sampling.</param>
/// <param name="StopSequences">The texts that end the answer, each with a visible character; empty for none.</param>
/// <param name="Thinking">The thinking; null for Claude Code's own.</param>
/// <param name="ClearsContextManagement">
/// Whether Claude Code's <c>context_management</c> is replaced by an empty one: the API takes its edit of thoughts only beside thinking.
/// </param>
/// <param name="Tools">The caller's tools; null for none.</param>
/// <param name="Format">The schema that the API holds the answer to, as the API takes it; null for none.</param>
internal sealed record ExtraBody(
    ModelParameters Parameters,
    IReadOnlyList<string> StopSequences,
    Thinking? Thinking,
    bool ClearsContextManagement,
    ToolSet? Tools = null,
    string? Format = null
)
{
    /// <summary>No field.</summary>
    public static ExtraBody None { get; } = new(ModelParameters.None, [], null, ClearsContextManagement: false);

    /// <summary>Names of the fields in it.</summary>
    public IEnumerable<string> Names =>
        from entry in new (string Name, bool IsThere)[]
        {
            ("temperature", Parameters.Temperature is not null),
            ("top_p", Parameters.TopP is not null),
            ("top_k", Parameters.TopK is not null),
            ("stop_sequences", StopSequences.Count > 0),
            ("thinking", Thinking is not null),
            ("context_management", ClearsContextManagement),
            ("tools", Tools is not null),
            ("tool_choice", Tools is not null),
            ("output_config", Format is not null),
        }
        where entry.IsThere
        select entry.Name;

    /// <summary>The fields of a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="shape">The form of the requests of this executable and model.</param>
    public static ExtraBody Of(CompletionRequest request, RequestShape shape)
    {
        var thinking = ThinkingOf(request, shape);
        return new ExtraBody(
            request.Parameters,
            [.. request.Stop?.Visible ?? []],
            thinking,
            ClearsContextManagement: thinking?.Mode == ThinkingMode.Disabled && shape.ContextManagement.Length > 0,
            request.ToolsToSend,
            request.SchemaOfFormat is { } schema ? AnswerFormat.Close(schema) : null
        );
    }

    /// <summary>
    /// The thinking to send; null for Claude Code's own. With tools, a caller who names no thinking gets none in two cases. The API
    /// forces no call beside thinking. And a model that thinks within a budget must get its thoughts back with the results of the calls
    /// that they led to, but Claude Code sends no thoughts back.
    /// </summary>
    private static Thinking? ThinkingOf(CompletionRequest request, RequestShape shape)
    {
        if (shape.Thinking.Length == 0 || request.Parameters.Thinking is not null)
        {
            // A model that does not think by itself needs no field to keep it from thinking.
            return request.Parameters.Thinking;
        }

        var isForced = request.ToolsToSend?.Choice.IsForced == true;
        var thinksWithinBudget = request.ToolsToSend is not null && shape.Thinking.StartsWith("enabled", StringComparison.Ordinal);
        return isForced || thinksWithinBudget ? Thinking.Disabled : request.Parameters.ThinkingToSend;
    }

    /// <summary>The fields as JSON; empty for none, which removes earlier ones.</summary>
    public string ToJson() => Names.Any() ? JsonSerializer.Serialize(Fields(), ClaudeJson.Options) : string.Empty;

    public override string ToString() => $"ExtraBody {{ {string.Join(", ", Names)} }}";

    private object Fields() =>
        new
        {
            temperature = Parameters.Temperature,
            top_p = Parameters.TopP,
            top_k = Parameters.TopK,
            stop_sequences = StopSequences.Count > 0 ? StopSequences : null,
            thinking = Thinking is { } thinking
                ? new
                {
                    type = thinking.Type,
                    budget_tokens = thinking.BudgetTokens,
                    display = thinking.Display,
                }
                : null,
            context_management = ClearsContextManagement ? new { edits = Array.Empty<object>() } : null,
            tools = Tools is null ? null : ToolFields.ToolsOf(Tools),
            tool_choice = Tools is null ? null : ToolFields.ChoiceOf(Tools),
            // Claude Code puts its effort beside it.
            output_config = Format is null ? null : new { format = new { type = "json_schema", schema = new RawJson(Format) } },
        };
}
