using System.Diagnostics;

namespace Relay.Application.Telemetry;

/// <summary>
/// The source of spans. The span of a request has children for its queue, its process, the process's requests to the model, or its page.
/// No span holds a word of a prompt, an answer, a path or a query.
/// </summary>
public static class RelayTracing
{
    public const string SourceName = "ClaudeRelay";

    public static ActivitySource Source { get; } = new(SourceName);

    /// <summary>Marks a span with the wire name of the error that ended it. A span without an error stays as it is.</summary>
    public static void SetError(this Activity? span, string? error)
    {
        if (span is not null && error is not null)
        {
            span.SetTag("error.type", error);
            span.SetStatus(ActivityStatusCode.Error);
        }
    }
}
