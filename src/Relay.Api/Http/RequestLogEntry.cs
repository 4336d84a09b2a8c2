namespace Relay.Api.Http;

/// <summary>The content of a request's one log line. It never holds a prompt, an answer, a secret or a caller's path.</summary>
internal sealed class RequestLogEntry(string requestId)
{
    /// <summary>The request's id; its answer has it as <c>X-Request-Id</c>.</summary>
    public string RequestId { get; } = requestId;

    public string? Error { get; set; }

    /// <summary>Whether the answer is over although its connection may be gone: its last event is sent, or the relay cut it.</summary>
    public bool IsOver { get; set; }

    /// <summary>Whether it is one of many that a page sends by itself. Its success gets no line.</summary>
    public bool IsRoutine { get; set; }
}
