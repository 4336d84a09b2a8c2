using System.Collections.Frozen;
using System.Text.Json;
using Relay.Domain.Completions;
using Relay.Domain.Models;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>The facts of a request that decide how the messages of its turn are read.</summary>
internal sealed record TurnTerms
{
    /// <summary>
    /// The model that was asked, where the API's answer comes through the gate; null where only Claude Code's own frames tell the answer.
    /// </summary>
    public ModelName? Gated { get; init; }

    /// <summary>
    /// Whether the answer must fit a schema that the process was told: it is then handed in with a tool, and may take several attempts.
    /// </summary>
    public bool HasSchema { get; init; }

    /// <summary>Whether the API itself holds the words of the answer to a schema.</summary>
    public bool HasFormat { get; init; }

    /// <summary>The names of the tools that the model may call; empty when it may call none.</summary>
    public IReadOnlySet<string> Tools { get; init; } = FrozenSet<string>.Empty;

    /// <summary>Whether the caller gets the model's thoughts.</summary>
    public bool ShowsThoughts { get; init; }

    /// <summary>Whether the answer may cite documents.</summary>
    public bool HasCitations { get; init; }

    /// <summary>Whether a refusal of the API may speak of documents.</summary>
    public bool HasDocuments { get; init; }

    /// <summary>Texts at which the relay ends the answer, because the API does not look for them; null for none.</summary>
    public StopSequences? Stop { get; init; }

    /// <summary>The terms of a caller's request.</summary>
    public static TurnTerms Of(CompletionRequest request, ModelName? gated) =>
        new()
        {
            Gated = gated,
            HasSchema = request.SchemaToHandIn is not null,
            HasFormat = request.SchemaOfFormat is not null,
            Tools = request.Tools?.Tools.Select(tool => tool.Name).ToFrozenSet(StringComparer.Ordinal) ?? FrozenSet<string>.Empty,
            ShowsThoughts = request.Parameters.ShowsThoughts || request.WantsThoughts,
            HasCitations = request.Conversation.HasCitations,
            HasDocuments = request.Conversation.HasDocuments,
            Stop = gated is null ? request.Stop : request.Stop?.Blank,
        };

    /// <summary>
    /// Whether a block is outside of the request: neither text nor thought, nor a call of the caller's tools, nor with a schema the tool
    /// that hands the answer in. Such a block is an attempt to act.
    /// </summary>
    public bool IsAction(JsonElement block) =>
        block.Text("type") switch
        {
            null or "text" or "thinking" or "redacted_thinking" or "fallback" => false,
            "tool_use" => block.Text("name") is not { } name || !(HasSchema ? name == ClaudeLockdown.SchemaTool : Tools.Contains(name)),
            _ => true,
        };
}
