using Relay.Domain.Models;

namespace Relay.Domain.Completions;

/// <summary>What one completion asks for. Its types prove that every field is well formed.</summary>
/// <param name="Conversation">What was said so far; its last turn is to be answered.</param>
/// <param name="System">The system prompt, or null for none.</param>
/// <param name="Model">The model asked for, or null for the operator's default.</param>
public sealed record CompletionRequest(Conversation Conversation, PromptText? System, ModelName? Model)
{
    /// <summary>What a picture is reckoned to be in tokens, about the most that Anthropic makes of one.</summary>
    private const int TokensPerImage = 1600;

    /// <summary>A PDF's page, reckoned as a picture and the most words that Anthropic names for it.</summary>
    private const int TokensPerPage = TokensPerImage + 3000;

    /// <summary>UTF-8 bytes of a token, at the least: English has four, other scripts fewer.</summary>
    private const int BytesPerToken = 3;

    /// <summary>The schema the answer must fit; null for free text.</summary>
    public OutputSchema? Schema { get; init; }

    /// <summary>How hard to think; null for Claude Code's own default.</summary>
    public Effort? Effort { get; init; }

    /// <summary>Most tokens of the answer, at least 1; null, or beyond the operator's cap, for that cap.</summary>
    public int? MaxOutputTokens { get; init; }

    /// <summary>Where the answer ends early; null for nowhere.</summary>
    public StopSequences? Stop { get; init; }

    /// <summary>How the model chooses its words, and whether it thinks before.</summary>
    public ModelParameters Parameters { get; init; } = ModelParameters.None;

    /// <summary>The caller's tools; null for none.</summary>
    public ToolSet? Tools { get; init; }

    /// <summary>The tools to tell the model: the caller's, or those that the conversation calls; null for none.</summary>
    public ToolSet? ToolsToSend => Tools ?? (Conversation.CalledTools.Any() ? ToolSet.OfHistory(Conversation.CalledTools) : null);

    /// <summary>Whether the caller gets the thoughts that the model shows, whatever thinking it asks for.</summary>
    public bool WantsThoughts { get; init; }

    /// <summary>UTF-8 bytes of every word the caller wrote that reaches the model.</summary>
    public long InputBytes => Conversation.TextBytes + (System?.Utf8Bytes ?? 0) + (Schema?.Utf8Bytes ?? 0) + (Tools?.Utf8Bytes ?? 0);

    /// <summary>Tokens that the input is reckoned to have, rather too many than too few.</summary>
    public long EstimatedInputTokens =>
        (InputBytes / BytesPerToken) + 1 + ((long)Conversation.Images * TokensPerImage) + ((long)Conversation.Pages * TokensPerPage);

    /// <summary>A single question; the first wrong field is named in the error. An empty system prompt is none.</summary>
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

    /// <summary>A cap on the answer as it came.</summary>
    /// <param name="field">The wire name used in the error.</param>
    /// <param name="tokens">As the caller wrote it.</param>
    public static Result<int> ReadMaxOutputTokens(string field, long tokens) =>
        tokens >= 1 ? (int)Math.Min(tokens, int.MaxValue) : RelayError.Invalid(field, $"'{field}' is a number of tokens, at least 1.");
}
