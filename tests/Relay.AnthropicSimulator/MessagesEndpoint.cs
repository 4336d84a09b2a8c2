using System.Globalization;

namespace Relay.AnthropicSimulator;

/// <summary><c>POST /v1/messages</c> and <c>/v1/messages/count_tokens</c>.</summary>
internal sealed class MessagesEndpoint(BehaviorRules rules, TimeProvider time)
{
    /// <summary>
    /// Kestrel hands bytes to the socket in the background and drops what is left on abort; this lets the deltas out first.
    /// </summary>
    private static readonly TimeSpan BeforeAbort = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan UsageLimitResetsAfter = TimeSpan.FromHours(1);

    public async Task CountTokensAsync(HttpContext http, RecordedRequest request, CancellationToken ct)
    {
        if (request.Parsed.Problem is { } problem)
        {
            await ErrorAnswer.InvalidRequest(problem).WriteAsync(http, ct);
            return;
        }

        http.Response.ContentType = "application/json";
        await http.Response.WriteAsync($$"""{"input_tokens":{{rules.For(request).InputTokens}}}""", ct);
    }

    public async Task AnswerAsync(HttpContext http, RecordedRequest request, CancellationToken ct)
    {
        if (request.Parsed.Problem is { } problem)
        {
            await ErrorAnswer.InvalidRequest(problem).WriteAsync(http, ct);
            return;
        }

        var behavior = rules.For(request);
        var failure = rules.NextFailure(behavior);
        await behavior.Until.WaitAsync(ct);
        if (behavior.BeforeFirstToken > TimeSpan.Zero)
        {
            await Task.Delay(behavior.BeforeFirstToken, time, ct);
        }

        if (failure == UpstreamFailure.StalledBeforeHeaders)
        {
            await StallAsync(ct);
        }

        AddHeaders(http.Response, behavior, failure);
        if (ErrorAnswer.For(failure, request.Model, behavior.FailureMessage) is { } error)
        {
            await error.WriteAsync(http, ct);
        }
        else if (failure is UpstreamFailure.Garbage or UpstreamFailure.EmptyStream)
        {
            http.Response.ContentType = "text/event-stream; charset=utf-8";
            var body =
                failure == UpstreamFailure.Garbage ? "\0\u0001\u0002 this is no event stream }{\n\ndata: {\"type\":\n\n"u8.ToArray() : [];
            await http.Response.Body.WriteAsync(body, ct);
        }
        else if (request.Stream)
        {
            await StreamAsync(http, request, Answer.To(request, behavior, failure), failure, ct);
        }
        else
        {
            await SendWholeAsync(http, request, Answer.To(request, behavior, failure), failure, ct);
        }
    }

    private async Task StreamAsync(HttpContext http, RecordedRequest request, Answer answer, UpstreamFailure failure, CancellationToken ct)
    {
        http.Response.ContentType = "text/event-stream; charset=utf-8";
        http.Response.Headers.CacheControl = "no-cache";
        var writer = new SseWriter(http.Response.BodyWriter);
        writer.MessageStart(answer);
        var index = 0;
        if (answer.Thought is { } thought)
        {
            writer.Thought(index++, thought);
        }

        if (answer.HiddenThought is { } hidden)
        {
            writer.HiddenThought(index++, hidden);
        }

        if (answer.Text is { } text)
        {
            await StreamTextAsync(
                writer,
                index++,
                text,
                BreaksOff(failure) ? (text.Count + 1) / 2 : text.Count,
                answer.Behavior.BetweenTokens,
                ct
            );
        }

        if (BreaksOff(failure))
        {
            await BreakOffAsync(http, request, writer, failure, ct);
            return;
        }

        foreach (var citation in answer.Behavior.Citations)
        {
            writer.CitedText(index++, citation);
        }

        for (var i = 0; i < answer.ToolCalls.Count; i++)
        {
            writer.ToolUse(
                index + i,
                answer.ToolCallId(i),
                answer.ToolCalls[i],
                isCut: failure == UpstreamFailure.MaxTokens && i == answer.ToolCalls.Count - 1
            );
        }

        writer.StopReason(answer);
        if (answer.Behavior.BeforeEnd > TimeSpan.Zero)
        {
            await writer.FlushAsync(ct);
            await Task.Delay(answer.Behavior.BeforeEnd, time, ct);
        }

        writer.MessageStop();

        // Before the last bytes leave: a client that has them may go at once, and that is no abort.
        request.MarkEnded();
        await writer.FlushAsync(ct);
    }

    private async Task StreamTextAsync(SseWriter writer, int index, AnswerText text, int pieces, TimeSpan between, CancellationToken ct)
    {
        writer.TextStart(index);
        for (var i = 0; i < pieces; i++)
        {
            if (between > TimeSpan.Zero && i > 0)
            {
                await writer.FlushAsync(ct);
                await Task.Delay(between, time, ct);
            }

            writer.TextDelta(text[i]);
            await writer.FlushIfLargeAsync(ct);
        }

        if (pieces == text.Count)
        {
            writer.TextStop(index);
        }
    }

    private async Task BreakOffAsync(
        HttpContext http,
        RecordedRequest request,
        SseWriter writer,
        UpstreamFailure failure,
        CancellationToken ct
    )
    {
        if (failure == UpstreamFailure.ErrorEvent)
        {
            writer.OverloadedError();
            request.MarkEnded();
        }

        await writer.FlushAsync(ct);
        if (failure != UpstreamFailure.ErrorEvent)
        {
            await EndWithoutEndingAsync(http, request, failure, ct);
        }
    }

    /// <summary>The CLI asks again without streaming after some stream failures: those then get the nearest thing to it.</summary>
    private async Task SendWholeAsync(
        HttpContext http,
        RecordedRequest request,
        Answer answer,
        UpstreamFailure failure,
        CancellationToken ct
    )
    {
        if (failure == UpstreamFailure.ErrorEvent)
        {
            await ErrorAnswer.For(UpstreamFailure.Overloaded, answer.Model)!.WriteAsync(http, ct);
            return;
        }

        var body = AnswerJson.Message(answer);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        if (BreaksOff(failure))
        {
            await http.Response.Body.WriteAsync(body.AsMemory(0, body.Length / 2), ct);
            await EndWithoutEndingAsync(http, request, failure, ct);
            return;
        }

        request.MarkEnded();
        await http.Response.Body.WriteAsync(body, ct);
    }

    private async Task EndWithoutEndingAsync(HttpContext http, RecordedRequest request, UpstreamFailure failure, CancellationToken ct)
    {
        if (failure == UpstreamFailure.StalledStream)
        {
            await StallAsync(ct);
        }

        await Task.Delay(BeforeAbort, time, ct);
        request.MarkEnded();
        http.Abort();
    }

    /// <summary>Ends by cancellation only: the client goes, or the simulator stops.</summary>
    private Task StallAsync(CancellationToken ct) => Task.Delay(Timeout.InfiniteTimeSpan, time, ct);

    private void AddHeaders(HttpResponse response, Behavior behavior, UpstreamFailure failure)
    {
        if (failure == UpstreamFailure.UsageLimitReached)
        {
            var reset = (time.GetUtcNow() + UsageLimitResetsAfter).ToUnixTimeSeconds();
            response.Headers["anthropic-ratelimit-unified-status"] = "rejected";
            response.Headers["anthropic-ratelimit-unified-reset"] = reset.ToString(CultureInfo.InvariantCulture);
            response.Headers["anthropic-ratelimit-unified-representative-claim"] = "five_hour";
        }

        foreach (var (name, value) in behavior.Headers)
        {
            response.Headers[name] = value;
        }
    }

    private static bool BreaksOff(UpstreamFailure failure) =>
        failure is UpstreamFailure.BrokenStream or UpstreamFailure.StalledStream or UpstreamFailure.ErrorEvent;
}
