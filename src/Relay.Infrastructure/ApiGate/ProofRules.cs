using System.Text.Json;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.ApiGate;

/// <summary>The steps of which the proof of a request is made. Each throws at the first difference.</summary>
internal static class ProofRules
{
    public static JsonElement Needed(JsonElement parent, string name, GateRefusal refusal = GateRefusal.Shape) =>
        parent.Member(name) ?? throw new DifferenceException(refusal, $"'{name}' is missing");

    public static void OnlyMembers(JsonElement element, string where, params ReadOnlySpan<string> names)
    {
        Require(element.ValueKind == JsonValueKind.Object, GateRefusal.Shape, $"{where} is not an object");
        foreach (var member in element.EnumerateObject())
        {
            if (!names.Contains(member.Name))
            {
                // Without the field's name: a hostile one may hold anything.
                throw new DifferenceException(GateRefusal.Shape, $"{where} has a field more");
            }
        }
    }

    public static void Require(bool holds, GateRefusal refusal, string where)
    {
        if (!holds)
        {
            throw new DifferenceException(refusal, where);
        }
    }

    public static bool IsText(JsonElement parent, string name, string expected) =>
        parent.Member(name) is { ValueKind: JsonValueKind.String } text && text.ValueEquals(expected);
}
