using Relay.Domain.Models;

namespace Relay.Domain.Completions;

/// <summary>The input of one completion. Its types prove that every field is well formed.</summary>
/// <param name="Conversation">The conversation so far; its last turn is to be answered.</param>
/// <param name="System">The system prompt, or null for none.</param>
/// <param name="Model">The model asked for, or null for the operator's default.</param>
public sealed record CompletionRequest(Conversation Conversation, PromptText? System, ModelName? Model)
{
    /// <summary>The estimated tokens of a picture, about the most that Anthropic makes of one.</summary>
    private const int TokensPerImage = 1600;

    /// <summary>The estimated tokens of a PDF's page: a picture, and the most words that Anthropic names for it.</summary>
    private const int TokensPerPage = TokensPerImage + 3000;

    /// <summary>The estimated UTF-8 bytes of a token, a low figure: English has four, other scripts fewer.</summary>
    private const int BytesPerToken = 3;

    /// <summary>The schema the answer must fit; null for free text.</summary>
    public OutputSchema? Schema { get; init; }

    /// <summary>The effort of thinking; null for Claude Code's own default.</summary>
    public Effort? Effort { get; init; }

    /// <summary>Most tokens of the answer, at least 1. Null, or a number above the operator's cap, means that cap.</summary>
    public int? MaxOutputTokens { get; init; }

    /// <summary>The texts that end the answer; null for none.</summary>
    public StopSequences? Stop { get; init; }

    /// <summary>The parameters of sampling and thinking.</summary>
    public ModelParameters Parameters { get; init; } = ModelParameters.None;

    /// <summary>The caller's tools; null for none.</summary>
    public ToolSet? Tools { get; init; }

    /// <summary>The tools to tell the model: the caller's, or those that the conversation calls; null for none.</summary>
    public ToolSet? ToolsToSend => Tools ?? (Conversation.CalledTools.Any() ? ToolSet.OfHistory(Conversation.CalledTools) : null);

    /// <summary>
    /// The schema for the tool of Claude Code that hands the answer in; null without a schema, and beside the caller's tools. Claude Code
    /// would answer a call of those by itself, and call the API again.
    /// </summary>
    public OutputSchema? SchemaToHandIn => ToolsToSend is null ? Schema : null;

    /// <summary>The schema that the API itself holds the answer to, beside the caller's tools; null otherwise.</summary>
    public OutputSchema? SchemaOfFormat => ToolsToSend is null ? null : Schema;

    /// <summary>Whether the caller gets the thoughts that the model shows, whatever thinking it asks for.</summary>
    public bool WantsThoughts { get; init; }

    /// <summary>UTF-8 bytes of every word the caller wrote that reaches the model.</summary>
    public long InputBytes => Conversation.TextBytes + (System?.Utf8Bytes ?? 0) + (Schema?.Utf8Bytes ?? 0) + (Tools?.Utf8Bytes ?? 0);

    /// <summary>The estimated tokens of the input, rather too many than too few.</summary>
    public long EstimatedInputTokens =>
        (InputBytes / BytesPerToken) + 1 + ((long)Conversation.Images * TokensPerImage) + ((long)Conversation.Pages * TokensPerPage);

    /// <summary>Accepts a single question. The error names the first wrong field. An empty system prompt counts as missing.</summary>
    public static Result<CompletionRequest> Create(string? prompt, string? system, string? model)
    {
        if (!PromptText.Create("prompt", prompt).TryGet(out var promptText, out var error))
        {
            return error;
        }

        PromptText? systemText = null;
        if (!string.IsNullOrEmpty(system) && !PromptText.Create("system", system).TryGet(out systemText, out error))
        {
            return error;
        }

        ModelName? modelName = null;
        if (model is not null && !ModelName.Create(model).TryGet(out modelName, out error))
        {
            return error;
        }

        return new CompletionRequest(Conversation.Of(promptText), systemText, modelName);
    }

    /// <summary>Accepts a cap on the answer.</summary>
    /// <param name="field">The wire name used in the error.</param>
    /// <param name="tokens">As the caller wrote it.</param>
    public static Result<int> ReadMaxOutputTokens(string field, long tokens) =>
        tokens >= 1 ? (int)Math.Min(tokens, int.MaxValue) : RelayError.Invalid(field, $"'{field}' takes a number of tokens, at least 1.");
}
