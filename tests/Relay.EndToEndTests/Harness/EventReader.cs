using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;

namespace Relay.EndToEndTests.Harness;

/// <summary>An event of a stream.</summary>
/// <param name="Name">Its name; <c>message</c> where it has none.</param>
/// <param name="Data">Its data.</param>
/// <param name="At">The time from the request to its arrival.</param>
internal sealed record ReadEvent(string Name, string Data, TimeSpan At)
{
    /// <summary>The data as JSON.</summary>
    public JsonElement Json => JsonElement.Parse(Data);
}

/// <summary>A whole stream.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Events">Those that came.</param>
/// <param name="EndedWhole">Whether it ended as HTTP wants it, and was not cut.</param>
internal sealed record ReadStream(int Status, IReadOnlyList<ReadEvent> Events, bool EndedWhole)
{
    /// <summary>The names, in order.</summary>
    public IEnumerable<string> Names => Events.Select(item => item.Name);

    /// <summary>The words of the relay's own stream.</summary>
    public string Text =>
        string.Concat(Events.Where(item => item.Name == "delta").Select(item => item.Json.GetProperty("text").GetString()));
}

internal static class EventReader
{
    /// <summary>Posts, and reads events to the end, whatever kind of end that is.</summary>
    public static async Task<ReadStream> StreamAsync(
        this RelayProgram relay,
        string path,
        string key,
        object body,
        Action<ReadEvent>? onEvent = null,
        string? idempotencyKey = null
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = body is string text
                ? new StringContent(text, new MediaTypeHeaderValue("application/json"))
                : JsonContent.Create(body),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        var watch = Stopwatch.StartNew();
        using var response = await relay.Http.SendAsync(
            request,
            HttpCompletionOption.ResponseHeadersRead,
            TestContext.Current.CancellationToken
        );
        var events = new List<ReadEvent>();
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
            await foreach (var item in SseParser.Create(stream).EnumerateAsync(TestContext.Current.CancellationToken))
            {
                events.Add(new ReadEvent(item.EventType, item.Data, watch.Elapsed));
                onEvent?.Invoke(events[^1]);
            }

            Check(request, response, events);
            return new ReadStream((int)response.StatusCode, events, EndedWhole: true);
        }
        catch (Exception exception) when (exception is HttpIOException or IOException or HttpRequestException)
        {
            Check(request, response, events);
            return new ReadStream((int)response.StatusCode, events, EndedWhole: false);
        }
    }

    /// <summary>Its events, too, are those that the description knows.</summary>
    private static void Check(HttpRequestMessage request, HttpResponseMessage response, IEnumerable<ReadEvent> events)
    {
        if (response.Content.Headers.ContentType?.MediaType == "text/event-stream")
        {
            DescribedAnswers.Check(
                DescribedAnswers.See(request, response, string.Concat(events.Select(item => $"event: {item.Name}\ndata: {item.Data}\n\n")))
            );
        }
    }
}
