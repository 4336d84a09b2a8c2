using Relay.Domain.Models;

namespace Relay.Domain.Completions;

/// <summary>What one completion asks for. Holding one proves that every field is well formed.</summary>
/// <param name="Prompt">The user's words.</param>
/// <param name="System">The system prompt, or null for none.</param>
/// <param name="Model">The model asked for, or null for the operator's default.</param>
public sealed record CompletionRequest(PromptText Prompt, PromptText? System, ModelName? Model)
{
    /// <summary>UTF-8 bytes of everything the caller wrote that reaches the model.</summary>
    public long InputBytes => (long)Prompt.Utf8Bytes + (System?.Utf8Bytes ?? 0);

    /// <summary>Checks the fields as they came; the first wrong one is named in the error. An empty system prompt is none.</summary>
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

        return new CompletionRequest(promptText, systemText, modelName);
    }
}
