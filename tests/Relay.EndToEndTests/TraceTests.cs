using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>Traces, metrics and logs for a collector: whole, tied together, and without a word of what was said.</summary>
public sealed class TraceTests
{
    private const string Canary = "CANARY-7c1e";
    private const string Trace = "0af7651916cd43dd8448eb211c80319c";
    private const string CallersSpan = "b7ad6b7169203331";

    [Theory(Timeout = 180_000)]
    [InlineData("http/protobuf")]
    [InlineData("grpc", Traits = ["Extent", "all"])]
    public async Task A_request_is_part_of_its_callers_trace_with_queue_process_and_model_and_holds_nothing_that_was_said(string protocol)
    {
        await using var collector = await OtlpReceiver.StartAsync(overGrpc: protocol == "grpc");
        await using var relay = await StartAsync(
            new FakeScript { Answer = $"{Canary}-answer" },
            collector,
            protocol,
            ("OTEL_EXPORTER_OTLP_HEADERS", $"x-tenant={Canary}-secret"),
            ("OTEL_SERVICE_NAME", "relay-of-a-test"),
            ("LOG_FORMAT", "json")
        );
        var program = relay.Program;

        var answer = await SendAsync(
            program,
            relay.Key,
            $"/v1/complete?{Canary}=query",
            $$"""{"prompt":"{{Canary}}-prompt","system":"{{Canary}}-system","model":"claude-opus-4-1"}"""
        );
        answer.Status.Should().Be(200);
        (await SendAsync(program, relay.Key, "/v1/fetch", $$"""{"url":"http://10.1.2.3/{{Canary}}?{{Canary}}"}""")).Status.Should().Be(400);
        (await SendAsync(program, relay.Key, $"/{Canary}/path", "{}")).Status.Should().Be(404);
        (await SendAsync(program, $"crk_{Canary}", "/v1/complete", "{}")).Status.Should().Be(401);
        relay.Script(
            new FakeScript
            {
                Behavior = FakeBehavior.ErrorResult,
                ErrorStatus = 500,
                ErrorText = Canary,
            }
        );
        (await SendAsync(program, relay.Key, "/v1/complete", $$"""{"prompt":"{{Canary}}"}""")).Status.Should().Be(502);
        await program.StopAsync();

        program.Log.Should().NotContain(text => text.Contains("collector does not accept", StringComparison.Ordinal));
        var spans = collector.Spans;
        var request = spans.Single(span =>
            span.Attributes.GetValueOrDefault("relay.request_id") == answer.Headers.GetValues("X-Request-Id").Single()
        );
        request
            .Should()
            .BeEquivalentTo(
                new
                {
                    Name = "POST v1/complete",
                    TraceId = Trace,
                    ParentSpanId = CallersSpan,
                    Kind = 2L,
                    Status = 0L,
                }
            );
        request.Resource["service.name"].Should().Be("relay-of-a-test");
        request
            .Attributes.Should()
            .Contain("http.response.status_code", "200")
            .And.Contain("http.route", "v1/complete")
            .And.Contain("relay.key.label", "app");
        var queue = spans.Single(span => span.ParentSpanId == request.SpanId && span.Name == "queue");
        queue.Attributes.Should().Contain("relay.bucket", "completions");
        var process = spans.Single(span => span.ParentSpanId == request.SpanId && span.Name == "claude_code.process");
        process.Attributes.Should().Contain("relay.process.origin", "cold");
        var model = spans.Single(span => span.ParentSpanId == process.SpanId);
        model
            .Should()
            .BeEquivalentTo(
                new
                {
                    Name = "chat claude-opus-4-1",
                    TraceId = Trace,
                    Kind = 3L,
                }
            );
        model
            .Attributes.Should()
            .Contain("gen_ai.operation.name", "chat")
            .And.Contain("gen_ai.provider.name", "anthropic")
            .And.Contain("gen_ai.request.model", "claude-opus-4-1")
            .And.Contain("gen_ai.response.model", "claude-opus-4-1")
            .And.Contain("gen_ai.response.finish_reasons", "end_turn")
            .And.ContainKeys("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens");
        (
            request.Start <= queue.Start
            && queue.End <= process.Start
            && process.Start < model.Start
            && model.End <= process.End
            && process.End <= request.End
        )
            .Should()
            .BeTrue("one after the other, one in the other");

        var failed = spans.Where(span => span.Attributes.GetValueOrDefault("error.type") == "upstream_error").ToList();
        failed.Select(span => span.Name).Should().BeEquivalentTo("chat opus", "POST v1/complete");
        failed.Should().OnlyContain(span => span.Status == 2);
        spans.Single(span => span.Name == "fetch").Attributes.Should().Contain("error.type", "target_forbidden");
        spans
            .Should()
            .NotContain(
                span => span.Attributes.ContainsKey("http.response.status_code") && span.Attributes["http.response.status_code"] == "401",
                "anybody can send those"
            );
        spans.Should().OnlyContain(span => span.TraceId == Trace || span.Attributes.GetValueOrDefault("http.route") == "v1/models");

        // The log's line at the collector and on stdout, and the line of the audit log.
        var line = collector.Lines.Single(line => line.Attributes.GetValueOrDefault("RequestId") == request.Attributes["relay.request_id"]);
        (line.TraceId, line.SpanId).Should().Be((Trace, request.SpanId));
        line.Body.Should().Contain("POST v1/complete");
        var written = JsonElement.Parse(
            program.Log.Single(text => text.Contains(request.Attributes["relay.request_id"], StringComparison.Ordinal))
        );
        (written.GetProperty("@tr").GetString(), written.GetProperty("@sp").GetString()).Should().Be((Trace, request.SpanId));
        program
            .Audit.Single(entry =>
                entry.TryGetProperty("request_id", out var id) && id.GetString() == request.Attributes["relay.request_id"]
            )
            .GetProperty("trace_id")
            .GetString()
            .Should()
            .Be(Trace);

        collector.Signals.Should().BeEquivalentTo("traces", "metrics", "logs");
        collector
            .Metrics.Should()
            .Contain(["gen_ai.client.operation.duration", "relay.admissions", "http.server.request.duration", "relay.ready"]);
        collector.Header.Should().Be($"{Canary}-secret");
        var secrets = (string[])[Canary, relay.Key[10..], "dummy-key-of-a-test"];
        collector.Bodies.Should().NotContain(body => secrets.Any(secret => Holds(body, secret)));
        string.Join('\n', program.Log).Should().NotContain(Canary);
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task The_callers_choice_to_record_counts_and_an_invalid_traceparent_is_ignored()
    {
        await using var collector = await OtlpReceiver.StartAsync(overGrpc: false);
        await using var relay = await StartAsync(
            new FakeScript(),
            collector,
            "http/protobuf",
            ("TRACE_SAMPLE_PERCENT", "0"),
            ("LOG_FORMAT", "json")
        );
        string[] headers =
        [
            $"00-{Trace}-{CallersSpan}-01", // recorded, for its caller records
            $"00-{Trace}-{CallersSpan}-00", // its caller does not
            $"00-{new string('0', 32)}-{CallersSpan}-01",
            $"00-{Trace}-{new string('0', 16)}-01",
            $"ff-{Trace}-{CallersSpan}-01",
            $"00-{Trace.ToUpperInvariant()}-{CallersSpan}-01",
            "nonsense",
            string.Empty,
            new string('0', 5000),
        ];
        var ids = new List<string>();
        foreach (var header in headers)
        {
            var answer = await SendAsync(relay.Program, relay.Key, "/v1/complete", """{"prompt":"hi"}""", header);
            answer.Status.Should().Be(200);
            ids.Add(answer.Headers.GetValues("X-Request-Id").Single());
        }

        await relay.Program.StopAsync();

        collector
            .Spans.Where(span => span.ParentSpanId == CallersSpan)
            .Select(span => span.Attributes["relay.request_id"])
            .Should()
            .Equal(ids[0]);
        collector
            .Spans.Should()
            .HaveCount(4, "request, queue, process and model of the one")
            .And.OnlyContain(span => span.TraceId == Trace);
        var traces = ids.Select(id =>
                JsonElement
                    .Parse(relay.Program.Log.Single(line => line.Contains(id, StringComparison.Ordinal)))
                    .GetProperty("@tr")
                    .GetString()!
            )
            .ToList();
        traces[..2].Should().AllBe(Trace, "the lines belong to the caller's trace, recorded or not");
        traces[2..].Should().NotContain(Trace).And.OnlyHaveUniqueItems().And.NotContain(new string('0', 32));
    }

    [OnlyWithAll]
    [Theory(Timeout = 180_000)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_collector_that_is_gone_or_never_answers_costs_no_request_anything_and_stops_nobody(bool isThere)
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var endpoint = $"http://{silent.LocalEndpoint}";
        if (!isThere)
        {
            silent.Stop();
        }

        await using var relay = await FakeRelay.StartAsync(
            script: null,
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "100"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
            ("LOG_LEVEL", "information")
        );
        var slowest = TimeSpan.Zero;
        for (var times = 0; times < 40; times++)
        {
            var started = Stopwatch.GetTimestamp();
            (await relay.Program.GetAsync("/v1/models", relay.Key)).Status.Should().Be(200);
            slowest = TimeSpan.FromTicks(Math.Max(slowest.Ticks, Stopwatch.GetElapsedTime(started).Ticks));
        }

        slowest.Should().BeLessThan(TimeSpan.FromSeconds(2), "the exporter waits three, and not for requests");
        bool Told(string line) => line.Contains("collector does not accept", StringComparison.Ordinal);
        await relay.Program.EventuallyAsync(() => Task.FromResult(relay.Program.Log.Any(Told)), "nobody is told");
        var stopping = Stopwatch.GetTimestamp();
        (await relay.Program.StopAsync()).Should().Be(0);

        Stopwatch.GetElapsedTime(stopping).Should().BeLessThan(TimeSpan.FromSeconds(8), "all are given up at once");
        relay.Program.Log.Count(Told).Should().Be(1);
        relay.Program.Log.Should().HaveCountLessThan(70);
    }

    private static Task<FakeRelay> StartAsync(
        FakeScript script,
        OtlpReceiver collector,
        string protocol,
        params (string Name, string Value)[] settings
    ) =>
        FakeRelay.StartAsync(
            script,
            [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol), .. settings]
        );

    private static async Task<RelayAnswer> SendAsync(RelayProgram program, string key, string path, string body, string? traceparent = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")),
        };
        request.Headers.Authorization = new("Bearer", key);
        request.Headers.TryAddWithoutValidation("traceparent", traceparent ?? $"00-{Trace}-{CallersSpan}-01");
        request.Headers.TryAddWithoutValidation("baggage", $"{Canary}={Canary}-baggage");
        request.Headers.TryAddWithoutValidation("User-Agent", Canary);
        return await program.SendAsync(request, null);
    }

    private static bool Holds(byte[] body, string text) => body.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0;
}
