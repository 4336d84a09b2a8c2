using System.Diagnostics;

namespace Relay.Application.Telemetry;

/// <summary>
/// Where spans begin. One of a request has children for its queue, its process, what the process asked of the model, or its
/// page. None holds a word of a prompt, an answer, a path or a query.
/// </summary>
public static class RelayTracing
{
    /// <summary>The name of the source.</summary>
    public const string SourceName = "ClaudeRelay";

    /// <summary>The one there is.</summary>
    public static ActivitySource Source { get; } = new(SourceName);

    /// <summary>Says how it ended, unless it ended well.</summary>
    /// <param name="span">Null when nobody records.</param>
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
