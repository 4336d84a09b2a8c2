namespace Relay.Api.OpenAi;

internal static class FinishReason
{
    /// <summary>OpenAI's word for Anthropic's stop reason.</summary>
    public static string From(string? stopReason, bool hasFunctions = false) =>
        stopReason switch
        {
            "tool_use" => hasFunctions ? "function_call" : "tool_calls",
            "max_tokens" or "model_context_window_exceeded" => "length",
            "refusal" => "content_filter",
            _ => "stop",
        };
}
