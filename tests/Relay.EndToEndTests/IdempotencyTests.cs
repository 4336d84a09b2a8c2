using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>A request that is made again is answered again, and paid once.</summary>
public sealed class IdempotencyTests(IdempotencyTests.Fixture fixture) : IClassFixture<IdempotencyTests.Fixture>, IAsyncLifetime
{
    private readonly FakeRelay _relay = fixture.Relay;

    /// <summary>Every test has its own key, so that it meets no other test's requests.</summary>
    private readonly string _label = $"app-{Guid.NewGuid():N}";

    private string _key = null!;
    private int _startedBefore;

    public async ValueTask InitializeAsync()
    {
        _relay.Script(Fixture.Answering);
        _key = await _relay.Program.MintAsync(_label);
        _startedBefore = _relay.Pids.Count;
    }

    public async ValueTask DisposeAsync() => await _relay.NobodySurvivesAsync();

    [Theory(Timeout = 180_000)]
    [InlineData("/v1/complete", false)]
    [InlineData("/v1/complete", true)]
    [InlineData("/v1/chat/completions", true)]
    [InlineData("/v1/messages", false)]
    public async Task The_same_request_again_gets_the_same_answer_byte_for_byte_and_starts_nothing(string path, bool stream)
    {
        var body =
            path == "/v1/complete"
                ? (object)new { prompt = "CANARY-prompt", stream }
                : new
                {
                    model = "opus",
                    max_tokens = 9,
                    stream,
                    messages = new[] { new { role = "user", content = "CANARY-prompt" } },
                };

        var first = await PostAsync(path, "CANARY-key", body);
        var again = await PostAsync(path, "CANARY-key", body);

        (first.Status, again.Status).Should().Be((200, 200), first.Body);
        again.Body.Should().Be(first.Body).And.Contain("CANARY-answer");
        (first.Replayed, again.Replayed).Should().Be((false, true));
        again.ContentType.Should().Be(first.ContentType);
        _relay.Pids.Should().HaveCount(_startedBefore + 1);
        (await RequestsOfTodayAsync()).Should().Be(1);
        await _relay.Program.EventuallyAsync(
            () =>
                Task.FromResult(
                    _relay.Program.Audit.Any(line =>
                        line.TryGetProperty("detail", out var detail)
                        && detail.GetString() == "replayed"
                        && line.GetProperty("key_label").GetString() == _label
                    )
                ),
            "no audit line tells of it"
        );
        foreach (var file in _relay.Program.FilesWithContent)
        {
            if (!file.EndsWith(".lock", StringComparison.Ordinal))
            {
                Encoding.Latin1.GetString(await ReadAsync(file)).Should().NotContain("CANARY", file);
            }
        }
    }

    [Fact(Timeout = 180_000)]
    public async Task Another_request_with_the_same_key_is_refused_and_other_keys_and_routes_are_their_own()
    {
        await PostAsync("/v1/complete", "k", new { prompt = "one" });

        var other = await PostAsync("/v1/complete", "k", new { prompt = "two" });
        var route = await PostAsync(
            "/v1/messages",
            "k",
            new
            {
                model = "opus",
                max_tokens = 9,
                messages = new[] { new { role = "user", content = "one" } },
            }
        );
        var caller = await PostAsync("/v1/complete", "k", new { prompt = "two" }, await _relay.Program.MintAsync("other"));

        (other.Status, other.Body)
            .Should()
            .Match<(int Status, string Body)>(answer => answer.Status == 422 && answer.Body.Contains("idempotency_mismatch"));
        (route.Status, caller.Status).Should().Be((200, 200));
        (route.Replayed, caller.Replayed).Should().Be((false, false));
    }

    [Fact(Timeout = 180_000)]
    public async Task While_the_first_runs_the_second_is_told_so()
    {
        _relay.Script(new FakeScript { Behavior = FakeBehavior.SlowAnswer, DelayMs = 1500 });
        var first = PostAsync("/v1/complete", "k", new { prompt = "one" });
        await TestMachine.EventuallyAsync(() => _relay.Pids.Count > _startedBefore, TimeSpan.FromSeconds(10), "nothing runs");

        var second = await PostAsync("/v1/complete", "k", new { prompt = "one" });
        var third = await PostAsync("/v1/complete", "k", new { prompt = "two" });

        second.Status.Should().Be(409, second.Body);
        second.Body.Should().Contain("idempotency_in_flight");
        second.RetryAfter.Should().Be(TimeSpan.FromSeconds(1));
        third.Status.Should().Be(422);
        (await first).Status.Should().Be(200);
        (await PostAsync("/v1/complete", "k", new { prompt = "one" })).Replayed.Should().BeTrue();
    }

    [Fact(Timeout = 180_000)]
    public async Task Failures_without_cost_and_abandoned_requests_may_be_tried_again()
    {
        _relay.Script(new FakeScript { Behavior = FakeBehavior.ErrorResult, ErrorStatus = 500 });
        (await PostAsync("/v1/complete", "failed", new { prompt = "one" })).Status.Should().Be(502);
        (await PostAsync("/v1/complete", "invalid", new { prompt = "" })).Status.Should().Be(400);
        _relay.Script(new FakeScript { Behavior = FakeBehavior.Stall });
        using var caller = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await ((Func<Task>)(() => PostAsync("/v1/complete", "left", new { prompt = "one" }, cancellationToken: caller.Token)))
            .Should()
            .ThrowAsync<OperationCanceledException>();
        _relay.Script(new FakeScript());

        (await PostAsync("/v1/complete", "failed", new { prompt = "one" }))
            .Should()
            .Match<Answer>(answer => answer.Status == 200 && !answer.Replayed);
        (await PostAsync("/v1/complete", "invalid", new { prompt = "one" })).Status.Should().Be(200);
        await _relay.Program.EventuallyAsync(
            async () => (await PostAsync("/v1/complete", "left", new { prompt = "one" })).Status == 200,
            "what was left stays in flight"
        );
    }

    [Fact(Timeout = 180_000)]
    public async Task A_used_up_key_still_gets_its_old_answers()
    {
        var key = await _relay.Program.MintAsync("scarce", "--daily", "1");
        (await PostAsync("/v1/complete", "k", new { prompt = "one" }, key)).Status.Should().Be(200);

        (await PostAsync("/v1/complete", "l", new { prompt = "one" }, key)).Status.Should().Be(429);
        (await PostAsync("/v1/complete", "k", new { prompt = "one" }, key))
            .Should()
            .Match<Answer>(answer => answer.Status == 200 && answer.Replayed);
    }

    [Theory(Timeout = 180_000)]
    [InlineData("a b")]
    [InlineData("256")]
    public async Task A_key_is_visible_ASCII_of_a_sensible_length(string text)
    {
        var answer = await PostAsync("/v1/complete", text == "256" ? new string('k', 256) : text, new { prompt = "one" });

        answer.Status.Should().Be(400, answer.Body);
        answer.Body.Should().Contain("Idempotency-Key");
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task A_crash_forgets_what_was_running_and_no_answer()
    {
        using var home = new TemporaryDirectory();
        await using var relay = await FakeRelay.StartAsync(new FakeScript(), ("RELAY_HOME", home.Path), ("PER_KEY_RPM", "1000"));
        var selfTests = relay.Pids.Count;
        Task<Answer> AskAsync(string idempotencyKey, RelayProgram program) =>
            PostAsync("/v1/complete", idempotencyKey, new { prompt = "one" }, relay.Key, program);
        (await AskAsync("answered", relay.Program)).Status.Should().Be(200);
        relay.Script(new FakeScript { Behavior = FakeBehavior.Stall });
        var running = AskAsync("running", relay.Program);
        await TestMachine.EventuallyAsync(() => relay.Pids.Count == selfTests + 2, TimeSpan.FromSeconds(10), "nothing runs");
        TestMachine.Kill(relay.Program.ProcessId);
        await relay.Program.WaitForExitAsync();
        await ((Func<Task>)(() => running)).Should().ThrowAsync<HttpRequestException>();

        relay.Script(new FakeScript());
        await using var again = await RelayProgram.WithFakeClaudeAsync(
            Path.Combine(relay.Directory, "claude"),
            ("RELAY_HOME", home.Path),
            ("PER_KEY_RPM", "1000")
        );

        (await AskAsync("answered", again)).Should().Match<Answer>(answer => answer.Status == 200 && answer.Replayed);
        (await AskAsync("running", again)).Should().Match<Answer>(answer => answer.Status == 200 && !answer.Replayed);
    }

    private static async Task<byte[]> ReadAsync(string file)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy, TestContext.Current.CancellationToken);
        return copy.ToArray();
    }

    private async Task<long> RequestsOfTodayAsync() =>
        (await _relay.Program.GetAsync("/v1/usage", _key)).Json.GetProperty("total").GetProperty("requests").GetInt64();

    private async Task<Answer> PostAsync(
        string path,
        string idempotencyKey,
        object body,
        string? key = null,
        RelayProgram? program = null,
        CancellationToken? cancellationToken = null
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key ?? _key);
        request.Headers.TryAddWithoutValidation("Idempotency-Key", idempotencyKey);
        using var response = await (program ?? _relay.Program).Http.SendAsync(
            request,
            cancellationToken ?? TestContext.Current.CancellationToken
        );
        return new Answer(
            (int)response.StatusCode,
            await response.Content.ReadAsStringAsync(CancellationToken.None),
            response.Headers.Contains("Idempotent-Replayed"),
            response.Content.Headers.ContentType?.ToString(),
            response.Headers.RetryAfter?.Delta
        );
    }

    private sealed record Answer(int Status, string Body, bool Replayed, string? ContentType, TimeSpan? RetryAfter);

    /// <summary>One relay for all of them.</summary>
    public sealed class Fixture() : FakeRelayFixture(("PER_KEY_RPM", "1000"))
    {
        internal static FakeScript Answering { get; } = new() { Answer = "CANARY-answer" };

        /// <inheritdoc/>
        protected override FakeScript Script => Answering;
    }
}
