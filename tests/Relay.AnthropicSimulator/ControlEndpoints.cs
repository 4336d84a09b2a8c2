using System.Text.Json;
using System.Text.Json.Serialization;

namespace Relay.AnthropicSimulator;

/// <summary>
/// Serves <c>/_simulator</c> to another process. Never recorded, needs no credentials, counts as a connection like any other.
/// </summary>
internal sealed class ControlEndpoints(Simulator simulator)
{
    public const string Prefix = "/_simulator";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    public Task ServeAsync(HttpContext http, CancellationToken ct) =>
        (http.Request.Method, http.Request.Path.Value) switch
        {
            ("GET", Prefix + "/health") => http.Response.WriteAsJsonAsync(
                new
                {
                    Ok = true,
                    Requests = simulator.RequestCount,
                    simulator.Connections,
                },
                Json,
                ct
            ),
            ("GET", Prefix + "/requests") => http.Response.WriteAsJsonAsync(simulator.Requests.Select(Summary), Json, ct),
            ("DELETE", Prefix + "/requests") => ClearAsync(http),
            ("PUT", Prefix + "/behavior") => SetBehaviorAsync(http, ct),
            _ => ErrorAnswer.NotFound.WriteAsync(http, ct),
        };

    private static object Summary(RecordedRequest request) =>
        new
        {
            request.Index,
            request.Method,
            request.Path,
            request.Model,
            request.BodyLength,
            request.LastUserText,
            request.SessionId,
            Aborted = request.IsAborted,
        };

    private Task ClearAsync(HttpContext http)
    {
        simulator.Clear();
        http.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private async Task SetBehaviorAsync(HttpContext http, CancellationToken ct)
    {
        try
        {
            var behavior =
                await JsonSerializer.DeserializeAsync<Behavior>(http.Request.Body, Json, ct)
                ?? throw new JsonException("the behavior must be an object");
            if (behavior.Problem() is { } problem)
            {
                throw new JsonException(problem);
            }

            simulator.Default = behavior;
            http.Response.StatusCode = StatusCodes.Status204NoContent;
        }
        catch (JsonException e)
        {
            await ErrorAnswer.InvalidRequest(e.Message).WriteAsync(http, ct);
        }
    }
}
