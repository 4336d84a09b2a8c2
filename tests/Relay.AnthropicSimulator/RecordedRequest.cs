using System.Text.Json;

namespace Relay.AnthropicSimulator;

/// <summary>
/// One request as it arrived. Recorded when its body is complete; the control endpoints are not recorded.
/// The helpers read the body when first asked and are null or empty where it is not a Messages API request.
/// </summary>
public sealed record RecordedRequest
{
    private readonly TaskCompletionSource _aborted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lazy<RequestBody> _parsed;

    internal RecordedRequest() => _parsed = new Lazy<RequestBody>(() => RequestBody.Parse(Body!)); // Required, so set by then.

    /// <summary>The number of requests before it since the simulator started. <see cref="Simulator.Clear"/> does not reset it.</summary>
    public int Index { get; internal set; }

    /// <summary>The time when its body was complete, by the simulator's <see cref="TimeProvider"/>.</summary>
    public required DateTimeOffset ReceivedAt { get; init; }

    /// <summary>The TCP connection that it came on.</summary>
    public required string ConnectionId { get; init; }

    public required string Method { get; init; }

    /// <summary>Path with query, as received.</summary>
    public required string Path { get; init; }

    /// <summary>Headers by name, case-insensitive, values as received (several of one name joined by commas).</summary>
    public required IReadOnlyDictionary<string, string> Headers { get; init; }

    /// <summary>The body's bytes as received.</summary>
    public required byte[] Body { get; init; }

    /// <summary>Bytes of body.</summary>
    public int BodyLength => Body.Length;

    /// <summary>The body; of kind Undefined when it is not JSON.</summary>
    public JsonElement Json => Parsed.Json;

    public string? Model => Parsed.Model;

    /// <summary>
    /// The text of the last message that the caller wrote: a content string, or its text blocks joined with nothing.
    /// What CLI 2.1.330 adds does not count: the system-role note after it, tool results, and the notes by which it has an answer
    /// continued. Empty when there is none. Nothing inside a caller's message is cut out.
    /// </summary>
    public string LastUserText => Parsed.LastFromUser?.Text ?? "";

    /// <summary>
    /// The text of each top-level <c>system</c> block. From CLI 2.1.330: a billing line, an identity line, then the caller's prompt.
    /// </summary>
    public IReadOnlyList<string> SystemTexts => Parsed.SystemTexts;

    /// <summary>The text of each message of role user, from a caller or from the CLI, oldest first.</summary>
    public IReadOnlyList<string> UserTexts => [.. Messages.Where(message => message.Role == "user").Select(message => message.Text)];

    /// <summary>All messages, oldest first.</summary>
    public IReadOnlyList<RecordedMessage> Messages => Parsed.Messages;

    public bool Stream => Parsed.Stream;

    /// <summary>The cap on output tokens that the request sets.</summary>
    public int? MaxTokens => Parsed.MaxTokens;

    /// <summary>
    /// The CLI process that sent it: <c>x-claude-code-session-id</c>, or the session in <c>metadata.user_id</c>; CLI 2.1.330 sends the
    /// same id in both, and as <c>session_id</c> in its frames.
    /// </summary>
    public string? SessionId => Headers.TryGetValue("x-claude-code-session-id", out var id) ? id : Parsed.SessionId;

    /// <summary>Completes when the client disconnects before the answer ended; never otherwise. Await it with a time limit.</summary>
    public Task Aborted => _aborted.Task;

    /// <summary>Whether the client has disconnected before the answer ended.</summary>
    public bool IsAborted => Aborted.IsCompleted;

    /// <summary>Completes when the simulator is done with it, in whatever way.</summary>
    public Task Ended => _ended.Task;

    internal RequestBody Parsed => _parsed.Value;

    /// <summary>Short, and without headers or body: those hold credentials and prompts.</summary>
    public override string ToString() => $"#{Index} {Method} {Path} ({BodyLength} bytes)";

    internal void MarkEnded() => _ended.TrySetResult();

    internal void MarkClientGone()
    {
        if (!_ended.Task.IsCompleted)
        {
            _aborted.TrySetResult();
        }
    }
}
