using Microsoft.AspNetCore.Http.Features;

namespace Relay.AnthropicSimulator;

/// <summary>Turns an incoming request into a <see cref="RecordedRequest"/> that outlives it.</summary>
internal static class Recording
{
    public static async Task<RecordedRequest> RecordAsync(this HttpContext http, TimeProvider time, CancellationToken ct)
    {
        var body = await ReadBodyAsync(http.Request, ct);
        var headers = new Dictionary<string, string>(http.Request.Headers.Count, StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in http.Request.Headers)
        {
            headers[name] = value.ToString();
        }

        return new RecordedRequest
        {
            ReceivedAt = time.GetUtcNow(),
            ConnectionId = http.Connection.Id,
            Method = http.Request.Method,
            Path = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            Headers = headers,
            Body = body,
        };
    }

    private static async Task<byte[]> ReadBodyAsync(HttpRequest request, CancellationToken ct)
    {
        if (request.ContentLength is { } length)
        {
            var exact = new byte[length];
            await request.Body.ReadExactlyAsync(exact, ct);
            return exact;
        }

        using var buffer = new MemoryStream();
        await request.Body.CopyToAsync(buffer, ct);
        return buffer.ToArray();
    }
}
