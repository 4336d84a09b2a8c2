using System.Diagnostics;
using Relay.Application.Telemetry;
using Relay.Domain.Models;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// The span of the model's work in one process, with the names of OpenTelemetry's GenAI conventions, except those for words. Claude Code
/// learns nothing of the trace: no byte of a caller's header reaches its command line, its environment or its input.
/// </summary>
internal static class ModelSpan
{
    /// <summary>Begins the span; null when no listener records.</summary>
    public static Activity? Start(ModelName model)
    {
        if (!RelayTracing.Source.HasListeners())
        {
            return null; // The name is composed only for a listener.
        }

        var span = RelayTracing.Source.StartActivity($"chat {model.Value}", ActivityKind.Client);
        span?.SetTag("gen_ai.operation.name", "chat");
        span?.SetTag("gen_ai.provider.name", "anthropic");
        span?.SetTag("gen_ai.request.model", model.Value);
        return span;
    }

    /// <summary>Ends the span with its outcome. An error is told by its wire name.</summary>
    public static void End(Activity? span, CompletionTurn turn, string? stopReason, string? error)
    {
        if (span is null)
        {
            return;
        }

        span.SetTag("gen_ai.response.model", turn.Messages.ResponseModel?.Value);
        if (stopReason is not null)
        {
            span.SetTag("gen_ai.response.finish_reasons", new[] { stopReason });
        }

        if (turn.Messages.Usage is { } usage)
        {
            // The convention's input counts every token that the model read, including those from a cache.
            span.SetTag("gen_ai.usage.input_tokens", usage.InputTokens + usage.CacheCreationInputTokens + usage.CacheReadInputTokens);
            span.SetTag("gen_ai.usage.output_tokens", usage.OutputTokens);
            span.SetTag("gen_ai.usage.cache_creation.input_tokens", usage.CacheCreationInputTokens);
            span.SetTag("gen_ai.usage.cache_read.input_tokens", usage.CacheReadInputTokens);
        }

        if (turn.Retries > 0)
        {
            span.SetTag("relay.upstream.retries", turn.Retries);
        }

        span.SetError(error);
    }
}
