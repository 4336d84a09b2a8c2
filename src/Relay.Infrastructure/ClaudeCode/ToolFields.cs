using System.Text.Json;
using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// The fields <c>tools</c> and <c>tool_choice</c> of the Messages API. Claude Code has no tool; the fields are data for the API.
/// </summary>
internal static class ToolFields
{
    /// <summary>The value of <c>tools</c>.</summary>
    public static IEnumerable<object> ToolsOf(ToolSet tools) =>
        tools.Tools.Select(tool => new
        {
            name = tool.Name,
            description = tool.RevealDescription(),
            input_schema = new RawJson(tool.RevealInputSchema()),
            strict = tool.IsStrict,
        });

    /// <summary>The value of <c>tool_choice</c>.</summary>
    public static object ChoiceOf(ToolSet tools) =>
        new
        {
            type = TypeOf(tools.Choice.Mode),
            name = tools.Choice.Name,
            // The API accepts the field only beside a choice that allows calls.
            disable_parallel_tool_use = !tools.AllowsParallel && tools.Choice.Mode != ToolChoiceMode.None ? true : (bool?)null,
        };

    /// <summary>The value of <c>tool_choice</c> as JSON.</summary>
    public static byte[] ChoiceToJson(ToolSet tools) => JsonSerializer.SerializeToUtf8Bytes(ChoiceOf(tools), ClaudeJson.Options);

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
