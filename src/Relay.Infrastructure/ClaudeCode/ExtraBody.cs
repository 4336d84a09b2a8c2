using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
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
    private const int RoomForFields = 4096;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.Create(UnicodeRanges.All) };

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
    public string ToJson()
    {
        if (!Names.Any())
        {
            return string.Empty;
        }

        // Enough for all but a rare one: a buffer that grows is copied each time.
        var bytes = new ArrayBufferWriter<byte>(RoomForFields + ((int)(Tools?.Utf8Bytes ?? 0) + (Format?.Length ?? 0)) * 5 / 4);
        using (var writer = new Utf8JsonWriter(bytes, Options))
        {
            writer.WriteStartObject();
            Write(writer);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    /// <inheritdoc/>
    public override string ToString() => $"ExtraBody {{ {string.Join(", ", Names)} }}";

    private void Write(Utf8JsonWriter writer)
    {
        if (Parameters.Temperature is { } temperature)
        {
            writer.WriteNumber("temperature", temperature);
        }

        if (Parameters.TopP is { } topP)
        {
            writer.WriteNumber("top_p", topP);
        }

        if (Parameters.TopK is { } topK)
        {
            writer.WriteNumber("top_k", topK);
        }

        if (StopSequences.Count > 0)
        {
            writer.WriteStartArray("stop_sequences");
            foreach (var sequence in StopSequences)
            {
                writer.WriteStringValue(sequence);
            }

            writer.WriteEndArray();
        }

        if (Thinking is { } thinking)
        {
            writer.WriteStartObject("thinking");
            writer.WriteString("type", thinking.Type);
            if (thinking.BudgetTokens is { } budget)
            {
                writer.WriteNumber("budget_tokens", budget);
            }

            if (thinking.Display is { } display)
            {
                writer.WriteString("display", display);
            }

            writer.WriteEndObject();
        }

        if (ClearsContextManagement)
        {
            writer.WriteStartObject("context_management");
            writer.WriteStartArray("edits");
            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        if (Tools is { } tools)
        {
            ToolFields.Write(writer, tools);
        }

        if (Format is { } format)
        {
            // Claude Code puts its effort beside it.
            writer.WriteStartObject("output_config");
            writer.WriteStartObject("format");
            writer.WriteString("type", "json_schema");
            writer.WritePropertyName("schema");
            writer.WriteRawValue(format);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }
    }
}
