using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace ClaudeRelay.Client;

/// <summary>
/// Sends requests to a claude-relay. Calls that may be repeated are repeated, with one idempotency key for all tries; a stream is
/// repeated until its first event. Every failure is a <see cref="ClaudeRelayException"/>. Safe for use by many threads at once.
/// </summary>
public sealed class ClaudeRelayClient
{
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LastBackoff = TimeSpan.FromSeconds(8);

    private readonly HttpClient _http;
    private readonly ClaudeRelayOptions _options;
    private readonly TimeProvider _clock;
    private readonly string _key;

    /// <summary>A client over an <see cref="HttpClient"/>, whose own time limit must not be shorter than the options'.</summary>
    /// <param name="http">Sends the requests. The caller disposes of it.</param>
    /// <param name="options">The options; read from the environment when null.</param>
    /// <param name="clock">The clock; the system's when null.</param>
    /// <exception cref="ArgumentException">There is no key.</exception>
    public ClaudeRelayClient(HttpClient http, ClaudeRelayOptions? options = null, TimeProvider? clock = null)
    {
        (_http, _options, _clock) = (http, options ?? new ClaudeRelayOptions(), clock ?? TimeProvider.System);
        _key = string.IsNullOrWhiteSpace(_options.Key)
            ? throw new ArgumentException(
                "There is no key for the relay: set CLAUDE_RELAY_KEY, or ClaudeRelayOptions.Key. The relay's operator mints one with "
                    + "./bin/genkey.",
                nameof(options)
            )
            : _options.Key;
    }

    /// <summary>Gets a whole answer.</summary>
    /// <param name="request">The completion; a text is a prompt.</param>
    /// <param name="idempotencyKey">
    /// The key of an earlier call, to repeat it: the same key gets the same answer for a day. A new one when null.
    /// </param>
    /// <param name="cancellationToken">Cancels the call; the relay then stops working on it.</param>
    /// <exception cref="ClaudeRelayException">See its kinds.</exception>
    public Task<Completion> CompleteAsync(
        CompletionRequest request,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) =>
        SendAsync(
            () => Post("v1/complete", Body(request, stream: false), Json.Default.CompletionBody, idempotencyKey),
            Json.Default.Completion,
            cancellationToken
        );

    /// <summary>
    /// Gets an answer as it comes: one <see cref="CompletionStarted"/>, deltas, one <see cref="CompletionDone"/>. Leaving the loop ends
    /// the answer.
    /// </summary>
    /// <exception cref="ClaudeRelayException">Also in the middle: the pieces before it are not the whole answer.</exception>
    public async IAsyncEnumerable<CompletionEvent> StreamAsync(
        CompletionRequest request,
        string? idempotencyKey = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var key = idempotencyKey ?? NewIdempotencyKey();
        await using var events = await OpenAsync(
            () => Post("v1/complete", Body(request, stream: true), Json.Default.CompletionBody, key),
            silence,
            cancellationToken
        );
        while (true)
        {
            silence.CancelAfter(_options.Timeout);
            var item =
                await GuardAsync(events.NextAsync, cancellationToken)
                ?? throw new ClaudeRelayConnectionException("The stream ended before the answer did.") { Code = "stream_broken" };
            yield return item;
            if (item is CompletionDone)
            {
                yield break;
            }
        }
    }

    /// <summary>Fetches a page of the public web through the relay.</summary>
    /// <param name="request">The page; a text is its URL.</param>
    /// <param name="idempotencyKey">See <see cref="CompleteAsync"/>.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ClaudeRelayException">See its kinds.</exception>
    public Task<Page> FetchPageAsync(PageRequest request, string? idempotencyKey = null, CancellationToken cancellationToken = default) =>
        SendAsync(() => Post("v1/fetch", request, Json.Default.PageRequest, idempotencyKey), Json.Default.Page, cancellationToken);

    /// <summary>Lists the names of models that the key may use.</summary>
    /// <exception cref="ClaudeRelayException">See its kinds.</exception>
    public Task<ModelList> ModelsAsync(CancellationToken cancellationToken = default) =>
        SendAsync(() => Get("v1/models"), Json.Default.ModelList, cancellationToken);

    /// <summary>Gets the usage of the key and the unused part of its limits, as the relay writes it.</summary>
    /// <exception cref="ClaudeRelayException">See its kinds.</exception>
    public Task<JsonElement> UsageAsync(CancellationToken cancellationToken = default) =>
        SendAsync(() => Get("v1/usage"), Json.Default.JsonElement, cancellationToken);

    private static CompletionBody Body(CompletionRequest request, bool stream) =>
        new(
            request.Prompt,
            request.Messages,
            request.System,
            request.Model,
            request.MaxTokens,
            request.Effort,
            request.JsonSchema,
            request.Stop,
            stream ? null : "json",
            stream ? true : null
        );

    private static string NewIdempotencyKey() => Guid.NewGuid().ToString("D", CultureInfo.InvariantCulture);

    private HttpRequestMessage Get(string path)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(new Uri(_options.Url.AbsoluteUri.TrimEnd('/') + "/"), path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _key);
        return request;
    }

    private HttpRequestMessage Post<T>(string path, T body, JsonTypeInfo<T> type, string? idempotencyKey)
    {
        var request = Get(path);
        request.Method = HttpMethod.Post;
        request.Content = JsonContent.Create(body, type);
        request.Headers.Add("Idempotency-Key", idempotencyKey ?? NewIdempotencyKey());
        return request;
    }

    private async Task<T> SendAsync<T>(Func<HttpRequestMessage> make, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(_options.Timeout, _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        using var first = make();
        var deadline = _clock.GetTimestamp() + (long)(_options.Timeout.TotalSeconds * _clock.TimestampFrequency);
        return await RepeatAsync(
            async () =>
            {
                using var request = Copy(make, first);
                var left = _clock.GetElapsedTime(_clock.GetTimestamp(), deadline);
                request.Headers.Add(
                    "Request-Timeout",
                    Math.Max(0.1, Math.Round(left.TotalSeconds, 1)).ToString(CultureInfo.InvariantCulture)
                );
                using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
                await ThrowIfFailedAsync(response, either.Token);
                return await response.Content.ReadFromJsonAsync(type, either.Token)
                    ?? throw new ClaudeRelayConnectionException("The relay answered with nothing.") { Code = "empty" };
            },
            either.Token,
            cancellationToken
        );
    }

    private async Task<EventSource> OpenAsync(
        Func<HttpRequestMessage> make,
        CancellationTokenSource silence,
        CancellationToken cancellationToken
    )
    {
        silence.CancelAfter(_options.Timeout);
        return await RepeatAsync(
            async () =>
            {
                using var request = make();
                var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, silence.Token);
                try
                {
                    await ThrowIfFailedAsync(response, silence.Token);
                    return response.Content.Headers.ContentType?.MediaType == "text/event-stream"
                        ? await EventSource.OpenAsync(response, silence.Token)
                        : throw new ClaudeRelayException("The relay, or something before it, answered with something that is no stream.")
                        {
                            Status = (int)response.StatusCode,
                            Code = $"http_{(int)response.StatusCode}",
                        };
                }
                catch
                {
                    response.Dispose();
                    throw;
                }
            },
            silence.Token,
            cancellationToken
        );
    }

    /// <summary>Copies a request. All tries of a call carry the key of the first.</summary>
    private static HttpRequestMessage Copy(Func<HttpRequestMessage> make, HttpRequestMessage first)
    {
        var request = make();
        if (first.Headers.TryGetValues("Idempotency-Key", out var key))
        {
            request.Headers.Remove("Idempotency-Key");
            request.Headers.Add("Idempotency-Key", key);
        }

        return request;
    }

    private async Task<T> RepeatAsync<T>(Func<Task<T>> tryOnce, CancellationToken limit, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return await GuardAsync(tryOnce, cancellationToken);
            }
            catch (ClaudeRelayException exception)
                when (attempt < _options.MaxRetries && MayRetry(exception) && WaitOf(exception, attempt) is { } wait)
            {
                await GuardAsync(
                    async () =>
                    {
                        await Task.Delay(wait, _clock, limit);
                        return true;
                    },
                    cancellationToken
                );
            }
        }
    }

    /// <summary>Turns every failure into one of the client's own exceptions. A cancellation stays one.</summary>
    private async Task<T> GuardAsync<T>(Func<Task<T>> act, CancellationToken cancellationToken)
    {
        try
        {
            return await act();
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ClaudeRelayTimeoutException($"The relay did not answer within {_options.Timeout.TotalSeconds:0.###} s.", exception)
            {
                Code = "client_timeout",
            };
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            throw new ClaudeRelayConnectionException(
                $"The relay at {_options.Url.Authority} could not be reached, or broke off: {exception.Message}",
                exception
            )
            {
                Code = "connection",
            };
        }
        catch (JsonException exception)
        {
            throw new ClaudeRelayConnectionException(
                "The relay, or something before it, answered with something that is not the relay's JSON.",
                exception
            )
            {
                Code = "not_json",
            };
        }
    }

    private static bool MayRetry(ClaudeRelayException exception) =>
        exception is ClaudeRelayConnectionException { Code: "connection" }
        || exception.Status is 429 or 502 or 503 or 504
        || exception is { Status: 409, Code: "idempotency_in_flight" };

    /// <summary>The wait before the next try; null for one that is too long.</summary>
    private TimeSpan? WaitOf(ClaudeRelayException exception, int attempt)
    {
        if (exception.RetryAfter is { } asked)
        {
            return asked <= _options.MaxRetryWait ? asked : null;
        }

        var backoff = Math.Min(FirstBackoff.TotalMilliseconds * Math.Pow(2, attempt), LastBackoff.TotalMilliseconds);
        return TimeSpan.FromMilliseconds(backoff * (1 - (Random.Shared.NextDouble() / 4)));
    }

    private static async Task ThrowIfFailedAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.StatusCode == HttpStatusCode.OK)
        {
            return;
        }

        var status = (int)response.StatusCode;
        Failure? failure = null;
        try
        {
            failure = await response.Content.ReadFromJsonAsync(Json.Default.Failure, cancellationToken);
        }
        catch (JsonException)
        {
            failure = null; // An error page of a proxy.
        }

        throw Failed(
            status,
            failure,
            response.Headers.RetryAfter?.Delta,
            response.Headers.TryGetValues("X-Request-Id", out var ids) ? ids.First() : null
        );
    }

    /// <summary>The exception of a failure.</summary>
    internal static ClaudeRelayException Failed(int? status, Failure? failure, TimeSpan? retryAfter, string? requestId)
    {
        var message = failure?.Error?.Message ?? $"The relay, or something before it, answered with status {status}.";
        ClaudeRelayException bare = status switch
        {
            400 or 404 or 405 or 413 or 415 or 421 or 422 => new ClaudeRelayBadRequestException(message),
            401 => new ClaudeRelayAuthenticationException(message),
            403 => new ClaudeRelayPermissionException(message),
            409 => new ClaudeRelayConflictException(message),
            429 => new ClaudeRelayRateLimitException(message),
            null or >= 500 => new ClaudeRelayServerException(message),
            _ => new ClaudeRelayException(message),
        };
        return bare.With(
            status,
            failure?.Error?.Code ?? $"http_{status}",
            failure?.Error?.Field,
            failure?.RequestId ?? requestId,
            retryAfter
        );
    }

    /// <summary>The events of one answer. The first has been read when it is opened; until then a call may be repeated.</summary>
    private sealed class EventSource : IAsyncDisposable
    {
        private readonly HttpResponseMessage _response;
        private readonly IAsyncEnumerator<SseItem<string>> _items;
        private CompletionEvent? _first;

        private EventSource(HttpResponseMessage response, Stream stream, CancellationToken cancellationToken) =>
            (_response, _items) = (
                response,
                SseParser.Create(stream).EnumerateAsync(cancellationToken).GetAsyncEnumerator(cancellationToken)
            );

        public static async Task<EventSource> OpenAsync(HttpResponseMessage response, CancellationToken cancellationToken)
        {
            var source = new EventSource(response, await response.Content.ReadAsStreamAsync(cancellationToken), cancellationToken);
            source._first = await source.ReadAsync();
            return source;
        }

        /// <summary>The next event; null at the end.</summary>
        public async Task<CompletionEvent?> NextAsync()
        {
            if (_first is { } first)
            {
                _first = null;
                return first;
            }

            return await ReadAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await _items.DisposeAsync();
            _response.Dispose();
        }

        private async Task<CompletionEvent?> ReadAsync()
        {
            while (await _items.MoveNextAsync())
            {
                var (name, data) = (_items.Current.EventType, _items.Current.Data);
                switch (name)
                {
                    case "start":
                        return JsonSerializer.Deserialize(data, Json.Default.CompletionStarted);
                    case "delta":
                        return JsonSerializer.Deserialize(data, Json.Default.CompletionDelta);
                    case "done":
                        return JsonSerializer.Deserialize(data, Json.Default.CompletionDone);
                    case "error":
                        throw Failed(null, JsonSerializer.Deserialize(data, Json.Default.Failure), null, null);
                }
            }

            return null;
        }
    }
}
