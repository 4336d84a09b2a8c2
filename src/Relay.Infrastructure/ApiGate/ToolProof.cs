using System.Text.Json;
using System.Text.RegularExpressions;
using Relay.Domain.Completions;
using Relay.Infrastructure.ClaudeCode;
using static Relay.Infrastructure.ApiGate.ProofRules;

namespace Relay.Infrastructure.ApiGate;

/// <summary>Proves the tools of a request: those of the caller, or with a schema the tool that hands the answer in.</summary>
/// <param name="expected">The caller's part.</param>
/// <param name="seen">Claude Code's own part so far.</param>
internal sealed partial class ToolProof(TurnExpectation expected, SeenShape seen)
{
    private const int MaxToolDescription = 400;
    private const string PlaceholderTool = "DeferredToolPlaceholder";

    /// <summary>The declarations and the choice are the ones that the relay laid over the body.</summary>
    public void ProveTools(JsonElement body)
    {
        if (expected.Extra.Tools is not { } tools)
        {
            return;
        }

        var declared = Needed(body, "tools", GateRefusal.CallersPart);
        Require(
            declared.ValueKind == JsonValueKind.Array
                && declared.GetArrayLength() == tools.Tools.Count
                && declared.EnumerateArray().Zip(tools.Tools).All(pair => IsDeclaration(pair.First, pair.Second)),
            GateRefusal.CallersPart,
            "tools"
        );
        using var choice = JsonDocument.Parse(ToolFields.ChoiceToJson(tools));
        Require(
            SentJson.AreSame(Needed(body, "tool_choice", GateRefusal.CallersPart), choice.RootElement),
            GateRefusal.CallersPart,
            "tool_choice"
        );
    }

    /// <summary>
    /// Field by field: a second text of all declarations, made only to be compared, would take longer than the rest of the proof.
    /// </summary>
    private static bool IsDeclaration(JsonElement sent, ToolDeclaration tool)
    {
        var (description, isStrict) = (tool.RevealDescription(), tool.IsStrict);
        if (
            sent.ValueKind != JsonValueKind.Object
            || sent.GetPropertyCount() != 2 + (description is null ? 0 : 1) + (isStrict is null ? 0 : 1)
            || !IsText(sent, "name", tool.Name)
            || (description is not null && !IsText(sent, "description", description))
            || (isStrict is { } strict && sent.Member("strict")?.ValueKind != (strict ? JsonValueKind.True : JsonValueKind.False))
        )
        {
            return false;
        }

        using var schema = JsonDocument.Parse(tool.RevealInputSchema());
        return sent.Member("input_schema") is { } input && SentJson.AreSame(input, schema.RootElement);
    }

    /// <summary>The tools beside the schema, as one text; empty without a schema.</summary>
    public string ReadTools(JsonElement? tools)
    {
        var count = tools is { } list ? list.GetArrayLength() : 0;
        if (expected.Schema is not { } schema)
        {
            Require(count == 0 || expected.Extra.Tools is not null, GateRefusal.Shape, "a tool");
            return string.Empty;
        }

        Require(count is 1 or 2, GateRefusal.Shape, "the number of tools");
        var handsIn = tools!.Value[count - 1];
        OnlyMembers(handsIn, "the schema's tool", "name", "description", "input_schema", "cache_control");
        seen.CountBreakpoint(handsIn);
        var description = handsIn.Text("description");
        Require(
            handsIn.Text("name") == ClaudeLockdown.SchemaTool
                && description is { Length: <= MaxToolDescription }
                && Printable().IsMatch(description),
            GateRefusal.Shape,
            "the schema's tool"
        );
        using var wanted = JsonDocument.Parse(schema.Reveal());
        Require(SentJson.AreSame(Needed(handsIn, "input_schema"), wanted.RootElement), GateRefusal.CallersPart, "the schema");
        if (count == 2)
        {
            var placeholder = tools.Value[0];
            OnlyMembers(placeholder, "the placeholder tool", "name", "description", "input_schema", "defer_loading");
            Require(
                placeholder.Text("name") == PlaceholderTool
                    && Printable().IsMatch(placeholder.Text("description") ?? string.Empty)
                    && placeholder.Member("input_schema")?.GetRawText().Length <= 40
                    && placeholder.Member("defer_loading")?.ValueKind == JsonValueKind.True,
                GateRefusal.Shape,
                "the placeholder tool"
            );
        }

        return count == 2 ? $"{description} {tools.Value[0].GetRawText()}" : description!;
    }

    [GeneratedRegex(@"^[\x20-\x7e]{1,400}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Printable();
}
