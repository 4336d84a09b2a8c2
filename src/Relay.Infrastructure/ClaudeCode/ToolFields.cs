using System.Buffers;
using System.Text.Json;
using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Writes the fields <c>tools</c> and <c>tool_choice</c> of the Messages API. Claude Code has no tool; the fields are data for the API.
/// </summary>
internal static class ToolFields
{
    /// <summary>Writes both fields.</summary>
    /// <param name="writer">Inside of an object.</param>
    /// <param name="tools">The tools.</param>
    public static void Write(Utf8JsonWriter writer, ToolSet tools)
    {
        writer.WriteStartArray("tools");
        foreach (var tool in tools.Tools)
        {
            writer.WriteStartObject();
            writer.WriteString("name", tool.Name);
            if (tool.RevealDescription() is { } description)
            {
                writer.WriteString("description", description);
            }

            writer.WritePropertyName("input_schema");
            writer.WriteRawValue(tool.RevealInputSchema());
            if (tool.IsStrict is { } isStrict)
            {
                writer.WriteBoolean("strict", isStrict);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WritePropertyName("tool_choice");
        WriteChoice(writer, tools);
    }

    /// <summary>The value of <c>tool_choice</c>.</summary>
    public static ReadOnlyMemory<byte> ChoiceToJson(ToolSet tools)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(bytes))
        {
            WriteChoice(writer, tools);
        }

        return bytes.WrittenMemory;
    }

    private static void WriteChoice(Utf8JsonWriter writer, ToolSet tools)
    {
        writer.WriteStartObject();
        writer.WriteString("type", TypeOf(tools.Choice.Mode));
        if (tools.Choice.Name is { } name)
        {
            writer.WriteString("name", name);
        }

        // The API accepts the field only beside a choice that allows calls.
        if (!tools.AllowsParallel && tools.Choice.Mode != ToolChoiceMode.None)
        {
            writer.WriteBoolean("disable_parallel_tool_use", true);
        }

        writer.WriteEndObject();
    }

    /// <summary>The API's name for a choice.</summary>
    public static string TypeOf(ToolChoiceMode mode) =>
        mode switch
        {
            ToolChoiceMode.Auto => "auto",
            ToolChoiceMode.None => "none",
            ToolChoiceMode.Any => "any",
            ToolChoiceMode.One => "tool",
            _ => throw new ArgumentOutOfRangeException(nameof(mode)),
        };
}
