using System.Diagnostics;

namespace Relay.Application.Telemetry;

/// <summary>
/// The source of spans. The span of a request has children for its queue, its process, the process's requests to the model, or its page.
/// No span holds a word of a prompt, an answer, a path or a query.
/// </summary>
public static class RelayTracing
{
    /// <summary>The name of the source.</summary>
    public const string SourceName = "ClaudeRelay";

    /// <summary>The source.</summary>
    public static ActivitySource Source { get; } = new(SourceName);

    /// <summary>Marks a span with the error that ended it. A span without an error stays as it is.</summary>
    /// <param name="span">The span; null when no listener records.</param>
    /// <param name="error">An error's wire name; null for none.</param>
    public static void SetError(this Activity? span, string? error)
    {
        if (span is not null && error is not null)
        {
            span.SetTag("error.type", error);
            span.SetStatus(ActivityStatusCode.Error);
        }
    }
}
