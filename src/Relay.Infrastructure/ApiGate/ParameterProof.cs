using System.Text.Json;
using Relay.Infrastructure.ClaudeCode;
using static Relay.Infrastructure.ApiGate.ProofRules;

namespace Relay.Infrastructure.ApiGate;

/// <summary>Proves the parameters that the relay laid over the body.</summary>
internal static class ParameterProof
{
    /// <summary>Proves the fields that the relay laid over the body, each with exactly its value.</summary>
    public static void Prove(JsonElement body, TurnExpectation expected)
    {
        var extra = expected.Extra;
        ProveNumber(body, "temperature", extra.Parameters.Temperature);
        ProveNumber(body, "top_p", extra.Parameters.TopP);
        ProveNumber(body, "top_k", extra.Parameters.TopK);
        if (extra.StopSequences.Count > 0)
        {
            var sequences = Needed(body, "stop_sequences", GateRefusal.CallersPart).EnumerateArray().ToList();
            Require(
                sequences.Count == extra.StopSequences.Count
                    && sequences.Zip(extra.StopSequences).All(pair => pair.First.ValueEquals(pair.Second)),
                GateRefusal.CallersPart,
                "stop_sequences"
            );
        }

        if (extra.Thinking is { } wanted)
        {
            var thinking = Needed(body, "thinking", GateRefusal.CallersPart);
            OnlyMembers(thinking, "thinking", "type", "budget_tokens", "display");
            Require(
                thinking.Text("type") == wanted.Type
                    && thinking.Number("budget_tokens") == wanted.BudgetTokens
                    && thinking.Text("display") == wanted.Display,
                GateRefusal.CallersPart,
                "thinking"
            );
        }

        if (extra.Format is { } schema)
        {
            var format = Needed(Needed(body, "output_config", GateRefusal.CallersPart), "format", GateRefusal.CallersPart);
            OnlyMembers(format, "output_config.format", "type", "schema");
            using var closed = JsonDocument.Parse(schema);
            Require(
                format.Text("type") == "json_schema"
                    && SentJson.AreSame(Needed(format, "schema", GateRefusal.CallersPart), closed.RootElement),
                GateRefusal.CallersPart,
                "output_config.format"
            );
        }

        if (extra.ClearsContextManagement)
        {
            var management = Needed(body, "context_management", GateRefusal.CallersPart);
            OnlyMembers(management, "context_management", "edits");
            Require(Needed(management, "edits").GetArrayLength() == 0, GateRefusal.CallersPart, "context_management");
        }
    }

    private static void ProveNumber(JsonElement body, string name, double? wanted)
    {
        if (wanted is { } number)
        {
            var value = Needed(body, name, GateRefusal.CallersPart);
            Require(
                value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var given) && given == number,
                GateRefusal.CallersPart,
                name
            );
        }
    }
}
