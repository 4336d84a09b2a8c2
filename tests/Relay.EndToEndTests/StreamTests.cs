using System.Net.Sockets;
using System.Text;
using Relay.AnthropicSimulator;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>Answers as they come, over the real CLI: in order, at once, and never an end that looks whole and is not.</summary>
public sealed class StreamTests(RealRelay relay) : IClassFixture<RealRelay>
{
    [Fact(Timeout = 120_000)]
    public async Task The_first_words_are_there_before_the_next_exist()
    {
        relay.Api.When("slowly, please", new Behavior { Words = 4, BetweenTokens = TimeSpan.FromMilliseconds(400) });

        var stream = await relay.Program.StreamAsync("/v1/complete", relay.Key, new { prompt = "slowly, please", stream = true });

        stream.Names.Should().Equal("start", "delta", "delta", "delta", "delta", "done");
        stream.Text.Should().Be(Behavior.WordsText(4));
        var deltas = stream.Events.Where(item => item.Name == "delta").ToList();
        (deltas[^1].At - deltas[0].At)
            .Should()
            .BeGreaterThan(
                TimeSpan.FromMilliseconds(600),
                "three pauses of 400 ms are between them, and each could be off by what a busy machine takes"
            );
        var start = stream.Events[0].Json;
        (start.GetProperty("request_id").GetString()![..4], start.GetProperty("model").GetString())
            .Should()
            .Be(("req_", "claude-opus-5-5"));
        var done = stream.Events[^1].Json;
        done.EnumerateObject().Select(member => member.Name).Should().Equal("model", "duration_ms", "usage", "stop_reason");
        done.GetProperty("stop_reason").GetString().Should().Be("end_turn");
        done.GetProperty("usage").GetProperty("cost_usd").GetDecimal().Should().BePositive();
        stream.EndedWhole.Should().BeTrue();
    }

    [Fact(Timeout = 120_000)]
    public async Task The_same_answer_speaks_OpenAIs_words()
    {
        relay.Api.When(
            "in chunks",
            new Behavior
            {
                Words = 3,
                InputTokens = 7,
                OutputTokens = 5,
            }
        );
        object Body(bool usage) =>
            new
            {
                model = "gpt-4o",
                stream = true,
                stream_options = usage ? new { include_usage = true } : null,
                messages = new[] { new { role = "user", content = "in chunks" } },
            };

        var with = await relay.Program.StreamAsync("/v1/chat/completions", relay.Key, Body(usage: true));
        var without = await relay.Program.StreamAsync("/v1/chat/completions", relay.Key, Body(usage: false));

        with.Names.Should().OnlyContain(name => name == "message");
        with.Events[^1].Data.Should().Be("[DONE]");
        var chunks = with.Events.SkipLast(1).Select(item => item.Json).ToList();
        chunks
            .Should()
            .OnlyContain(chunk =>
                chunk.GetProperty("object").GetString() == "chat.completion.chunk"
                && chunk.GetProperty("created").GetInt64() > 0
                && chunk.GetProperty("model").GetString() == "claude-sonnet-5-5"
            );
        chunks.Select(chunk => chunk.GetProperty("id").GetString()).Distinct(StringComparer.Ordinal).Should().ContainSingle();
        chunks[0].GetProperty("choices")[0].GetProperty("delta").GetProperty("role").GetString().Should().Be("assistant");
        string.Concat(
                chunks
                    .SkipLast(1)
                    .Select(chunk => chunk.GetProperty("choices")[0].GetProperty("delta"))
                    .Select(delta => delta.TryGetProperty("content", out var content) ? content.GetString() : "")
            )
            .Should()
            .Be(Behavior.WordsText(3));
        chunks[^2].GetProperty("choices")[0].GetProperty("finish_reason").GetString().Should().Be("stop");
        chunks[^1].GetProperty("choices").GetArrayLength().Should().Be(0);
        chunks[^1].GetProperty("usage").GetProperty("total_tokens").GetInt64().Should().Be(12);
        chunks.SkipLast(1).Should().OnlyContain(chunk => chunk.GetProperty("usage").ValueKind == System.Text.Json.JsonValueKind.Null);
        without.Events.SkipLast(1).Should().OnlyContain(item => !item.Data.Contains("\"usage\"", StringComparison.Ordinal));
        without.Events.SkipLast(1).Should().OnlyContain(item => item.Json.GetProperty("choices").GetArrayLength() == 1);
    }

    [Fact(Timeout = 120_000)]
    public async Task The_same_answer_speaks_Anthropics_words()
    {
        relay.Api.When(
            "in blocks",
            new Behavior
            {
                Words = 3,
                InputTokens = 7,
                OutputTokens = 5,
            }
        );

        var stream = await relay.Program.StreamAsync(
            "/v1/messages",
            relay.Key,
            new
            {
                model = "claude-haiku-5-5",
                max_tokens = 50,
                stream = true,
                messages = new[] { new { role = "user", content = "in blocks" } },
            }
        );

        // Words that came together go together: how many deltas there are is nobody's business, their place is.
        stream
            .Names.Should()
            .StartWith(["message_start", "content_block_start", "content_block_delta"])
            .And.EndWith(["content_block_delta", "content_block_stop", "message_delta", "message_stop"]);
        stream.Names.Distinct(StringComparer.Ordinal).Should().HaveCount(6);
        stream.Events.Should().OnlyContain(item => item.Json.GetProperty("type").GetString() == item.Name);
        var message = stream.Events[0].Json.GetProperty("message");
        (message.GetProperty("role").GetString(), message.GetProperty("model").GetString(), message.GetProperty("content").GetArrayLength())
            .Should()
            .Be(("assistant", "claude-haiku-5-5", 0));
        string.Concat(
                stream
                    .Events.Where(item => item.Name == "content_block_delta")
                    .Select(item => item.Json.GetProperty("delta").GetProperty("text").GetString())
            )
            .Should()
            .Be(Behavior.WordsText(3));
        var delta = stream.Events[^2].Json;
        delta.GetProperty("delta").GetProperty("stop_reason").GetString().Should().Be("end_turn");
        (
            delta.GetProperty("usage").GetProperty("input_tokens").GetInt64(),
            delta.GetProperty("usage").GetProperty("output_tokens").GetInt64()
        )
            .Should()
            .Be((7, 5));
        relay
            .RequestsOf("in blocks")
            .Should()
            .ContainSingle()
            .Which.Should()
            .Match<RecordedRequest>(request => request.Model == "claude-haiku-5-5" && request.MaxTokens == 50);
    }

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/complete", "error", Traits = ["Extent", "all"])]
    [InlineData("/v1/chat/completions", "message")]
    [InlineData("/v1/messages", "error", Traits = ["Extent", "all"])]
    public async Task A_broken_stream_ends_with_an_error_and_a_cut_connection(string path, string name)
    {
        var prompt = $"break off {path}";
        relay.Api.When(prompt, new Behavior { Words = 40, Failure = UpstreamFailure.BrokenStream });
        int Told() =>
            relay.Program.Audit.Count(line =>
                line.TryGetProperty("error", out var error)
                && error.GetString() == "upstream_error"
                && line.GetProperty("route").GetString() == $"POST {path[1..]}"
            );
        var toldBefore = Told();

        var stream = await relay.Program.StreamAsync(
            path,
            relay.Key,
            new
            {
                model = "opus",
                max_tokens = 50,
                stream = true,
                messages = new[] { new { role = "user", content = prompt } },
            }
        );

        stream.Status.Should().Be(200);
        stream.EndedWhole.Should().BeFalse();
        stream.Events[^1].Name.Should().Be(name);
        stream.Events[^1].Json.GetProperty("error").GetProperty("message").GetString().Should().Contain("broke off");
        stream.Events.Count.Should().BeGreaterThan(2);
        await relay.Program.EventuallyAsync(() => Task.FromResult(Told() > toldBefore), "no audit line tells of it");
    }

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/complete", Traits = ["Extent", "all"])]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/messages", Traits = ["Extent", "all"])]
    public async Task A_failure_before_the_first_words_has_its_own_status(string path)
    {
        relay.Api.When("refuse at once", new Behavior { Failure = UpstreamFailure.Forbidden });

        var answer = await relay.Program.PostAsync(
            path,
            relay.Key,
            new
            {
                model = "opus",
                max_tokens = 50,
                stream = true,
                messages = new[] { new { role = "user", content = "refuse at once" } },
            }
        );

        answer.Status.Should().Be(503);
        answer.Json.GetProperty("error").GetProperty("message").GetString().Should().Contain("not logged in");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_stop_sequence_ends_a_stream_and_its_beginning_is_never_shown()
    {
        relay.Api.When("until END", new Behavior { Text = "One. Two. EN EN END Three.", BetweenTokens = TimeSpan.FromMilliseconds(10) });

        var stream = await relay.Program.StreamAsync(
            "/v1/complete",
            relay.Key,
            """{"prompt":"until END","stream":true,"stop":["END","never"]}"""
        );

        stream.Text.Should().Be("One. Two. EN EN ");
        var done = stream.Events[^1].Json;
        (done.GetProperty("stop_reason").GetString(), done.GetProperty("stop_sequence").GetString()).Should().Be(("stop_sequence", "END"));
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task Silence_is_broken_by_comments_also_while_the_CLI_tries_again_and_what_fails_then_is_an_event()
    {
        await using var api = await Simulator.StartAsync(ct: TestContext.Current.CancellationToken);
        await using var own = await RelayProgram.WithRealClaudeAsync(
            api,
            ("HEARTBEAT_AFTER", "300ms"),
            ("WARM_PROFILES", "0"),
            ("SANDBOX", "off")
        );
        var key = await own.MintAsync("app");
        api.When("wait for it", new Behavior { Text = "Here.", BeforeFirstToken = TimeSpan.FromSeconds(2) });
        api.When(
            "in vain",
            new Behavior
            {
                Failure = UpstreamFailure.ServerError,
                BeforeFirstToken = TimeSpan.FromSeconds(1),
                FailTimes = 1,
            }
        );

        var watch = System.Diagnostics.Stopwatch.StartNew();
        var waited = await own.Http.SendAsync(Post("wait for it", key), TestContext.Current.CancellationToken);
        var body = await waited.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var took = watch.Elapsed;
        var retried = await own.StreamAsync("/v1/complete", key, new { prompt = "in vain", stream = true });

        body.Should().StartWith(": still working\n: still working\n").And.Contain("event: done");
        System
            .Text.RegularExpressions.Regex.Count(
                body,
                "still working",
                System.Text.RegularExpressions.RegexOptions.None,
                TimeSpan.FromSeconds(1)
            )
            .Should()
            .BeInRange(4, (int)(took / TimeSpan.FromMilliseconds(300)), "each takes the silence of 300 ms");
        (retried.Status, retried.Names.Last()).Should().Be((200, "done"));
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task After_a_comment_a_failure_is_an_event()
    {
        await using var own = await FakeRelay.StartAsync(
            new FakeScript
            {
                Behavior = FakeBehavior.ErrorResult,
                ErrorStatus = 500,
                DelayMs = 800,
            },
            ("HEARTBEAT_AFTER", "100ms")
        );

        var stream = await own.Program.StreamAsync("/v1/complete", own.Key, new { prompt = "hi", stream = true });

        stream.Names.Should().Equal("error");
        stream.Events[0].Json.GetProperty("error").GetProperty("code").GetString().Should().Be("upstream_error");
        (stream.Status, stream.EndedWhole).Should().Be((200, false));
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task A_caller_who_leaves_in_the_middle_ends_the_process_and_one_who_leaves_after_the_end_was_served()
    {
        await using var own = await FakeRelay.StartAsync(
            new FakeScript
            {
                Behavior = FakeBehavior.SlowAnswer,
                DelayMs = 30_000,
                Answer = "some words",
            }
        );
        using (var client = await AskAsync(own))
        {
            await ReadUntilAsync(client, "event: delta");
            own.Survivors.Should().NotBeEmpty();
        }

        await own.NobodySurvivesAsync(TimeSpan.FromSeconds(1));
        await own.Program.EventuallyAsync(
            () => Task.FromResult(own.Program.Log.Any(line => line.Contains(" 499 client_closed ", StringComparison.Ordinal))),
            "the log does not tell that the caller left"
        );

        own.Script(new FakeScript());
        using (var client = await AskAsync(own))
        {
            await ReadUntilAsync(client, "event: done");
            client.LingerState = new LingerOption(true, 0);
        }

        await own.Program.EventuallyAsync(
            () =>
                Task.FromResult(
                    own.Program.Audit.Count(line =>
                        line.TryGetProperty("route", out var route)
                        && route.GetString() == "POST v1/complete"
                        && line.GetProperty("status").GetInt32() == 200
                    ) == 1
                ),
            "who has the whole answer is told to have left"
        );
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task A_reader_that_takes_nothing_is_cut_off_and_delays_no_other()
    {
        // 40 MB do not fit into what the kernel and Kestrel hold.
        await using var own = await FakeRelay.StartAsync(
            new FakeScript { Answer = new string('a', 6_000_000), Deltas = 2000 },
            ("GLOBAL_CONCURRENCY", "1"),
            ("QUEUE_TIMEOUT", "60s"),
            ("MIN_DATA_RATE", "1")
        );
        var selfTests = own.Pids.Count;
        using var stalled = await AskAsync(own);
        await ReadUntilAsync(stalled, "event: start");
        own.Pids.Count.Should().Be(selfTests + 1);
        own.Script(new FakeScript { Answer = "Next." });
        var watch = System.Diagnostics.Stopwatch.StartNew();

        (await own.AskAsync()).Text.Should().NotBeEmpty();

        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(30), "the reader was cut off after ten seconds");
        await own.Program.EventuallyAsync(
            () => Task.FromResult(own.Program.Log.Any(line => line.Contains(" 499 client_closed ", StringComparison.Ordinal))),
            "nobody was cut off"
        );
    }

    private static async Task<TcpClient> AskAsync(FakeRelay relay)
    {
        var client = new TcpClient { ReceiveBufferSize = 4096 };
        await client.ConnectAsync("127.0.0.1", relay.Program.Http.BaseAddress!.Port, TestContext.Current.CancellationToken);
        const string Body = """{"prompt":"hi","stream":true}""";
        await client
            .GetStream()
            .WriteAsync(
                Encoding.ASCII.GetBytes(
                    $"POST /v1/complete HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {relay.Key}\r\nContent-Type: "
                        + $"application/json\r\nContent-Length: {Body.Length}\r\n\r\n{Body}"
                ),
                TestContext.Current.CancellationToken
            );
        return client;
    }

    private static async Task ReadUntilAsync(TcpClient client, string text)
    {
        var read = new StringBuilder();
        var buffer = new byte[1024];
        while (!read.ToString().Contains(text, StringComparison.Ordinal))
        {
            read.Append(
                Encoding.UTF8.GetString(buffer, 0, await client.GetStream().ReadAsync(buffer, TestContext.Current.CancellationToken))
            );
        }
    }

    private static HttpRequestMessage Post(string prompt, string key)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/complete")
        {
            Content = System.Net.Http.Json.JsonContent.Create(new { prompt, stream = true }),
        };
        request.Headers.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", key);
        return request;
    }
}
