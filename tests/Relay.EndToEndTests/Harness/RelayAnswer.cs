using System.Net.Http.Headers;
using System.Text.Json;

namespace Relay.EndToEndTests.Harness;

/// <summary>An answer of a route.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Body">The body's text.</param>
/// <param name="Headers">The response's headers.</param>
internal sealed record RelayAnswer(int Status, string Body, HttpResponseHeaders Headers)
{
    /// <summary>The body as JSON; nothing for a body that is empty or a stream of events.</summary>
    public JsonElement Json { get; } =
        Body.Length == 0 || Body.StartsWith("data:", StringComparison.Ordinal) || Body.StartsWith("event:", StringComparison.Ordinal)
            ? default
            : JsonDocument.Parse(Body).RootElement;

    /// <summary>The answer's <c>text</c>.</summary>
    public string Text => Json.GetProperty("text").GetString()!;

    /// <inheritdoc/>
    public override string ToString() => $"{Status} {Body}";

    /// <summary>The error's code; null for a success.</summary>
    public string? ErrorCode => Json.TryGetProperty("error", out var error) ? error.GetProperty("code").GetString() : null;
}
