using Relay.Application.Configuration;

namespace Relay.Application.Completions;

/// <summary>The operator's rules for completions.</summary>
public sealed class CompletionOptions
{
    [Setting("DEFAULT_MODEL", "Use this model for a request that names no model.")]
    public string DefaultModel { get; set; } = "opus";

    [Setting("ALLOWED_MODELS", "Let callers name these models.")]
    public IReadOnlyList<string> AllowedModels { get; set; } = ["opus", "sonnet", "haiku"];

    [Setting(
        "MODEL_ALIASES",
        "Take further names for models, for apps that know no other: openai/gpt-4o=sonnet,gpt-4o-mini=haiku. The name * stands for all "
            + "others: *=sonnet."
    )]
    public IReadOnlyList<string> ModelAliases { get; set; } = [];

    [Setting(
        "MAX_INPUT_BYTES",
        "Take at most this many UTF-8 bytes of prompt, history, system prompt and schema together.",
        Min = "1",
        Max = "10MB",
        Reloads = true
    )]
    public long MaxInputBytes { get; set; } = 200_000;

    [Setting("MAX_OUTPUT_TOKENS", "Let one answer have at most this many tokens.", Min = "1", Max = "128000")]
    public int MaxOutputTokens { get; set; } = 16_000;

    [Setting(
        "REQ_TIMEOUT",
        "Spend at most this long on one completion, from its process to the end of its answer.",
        Min = "1s",
        Max = "1h"
    )]
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(120);

    [Setting("IDLE_TIMEOUT", "End a completion when the model or Claude Code was silent for this long.", Min = "1s", Max = "1h")]
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(60);
}
