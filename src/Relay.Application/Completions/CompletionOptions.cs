using Relay.Application.Configuration;

namespace Relay.Application.Completions;

/// <summary>The operator's rules for completions.</summary>
public sealed class CompletionOptions
{
    [Setting("DEFAULT_MODEL", "Model of a request that names none.")]
    public string DefaultModel { get; set; } = "opus";

    [Setting("ALLOWED_MODELS", "Models that callers may name.")]
    public IReadOnlyList<string> AllowedModels { get; set; } = ["opus", "sonnet", "haiku"];

    [Setting("MODEL_ALIASES", "Further names for models, for apps that know no other: openai/gpt-4o=sonnet,gpt-4o-mini=haiku. The name * stands for all others: *=sonnet.")]
    public IReadOnlyList<string> ModelAliases { get; set; } = [];

    [Setting("MAX_INPUT_BYTES", "Most UTF-8 bytes of prompt, history, system prompt and schema together.", Min = "1", Max = "10MB", Reloads = true)]
    public long MaxInputBytes { get; set; } = 200_000;

    [Setting("MAX_OUTPUT_TOKENS", "Most tokens of one answer.", Min = "1", Max = "128000")]
    public int MaxOutputTokens { get; set; } = 16_000;

    [Setting("REQ_TIMEOUT", "Longest time of one completion, from its process to the end of its answer.", Min = "1s", Max = "1h")]
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(120);

    [Setting("IDLE_TIMEOUT", "Longest silence of the model or the CLI within a completion.", Min = "1s", Max = "1h")]
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(60);
}
