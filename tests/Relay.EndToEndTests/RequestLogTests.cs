using System.Text;
using System.Text.Json;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>One line per request tells who, what and how long, and nothing that was said.</summary>
public sealed class RequestLogTests
{
    private const string Canary = "CANARY-4f2a";

    [Theory(Timeout = 180_000)]
    [InlineData("text")]
    [InlineData("json", Traits = ["Extent", "all"])]
    public async Task Nothing_that_was_said_is_written_down(string format)
    {
        using var temporary = new TemporaryDirectory();
        await using var relay = await FakeRelay.StartAsync(
            new FakeScript { Answer = $"{Canary}-answer" },
            ("TMPDIR", temporary.Path),
            ("LOG_FORMAT", format),
            ("LOG_LEVEL", "verbose"),
            ("IDLE_TIMEOUT", "1s"),
            ("MAX_INPUT_BYTES", "1000"),
            ("WARM_PROFILES", "1")
        );
        var program = relay.Program;
        var request = new
        {
            prompt = $"{Canary}-prompt",
            system = $"{Canary}-system",
            output_format = "json",
        };

        // Success, cold and prepared; each kind of refusal; each kind of failure; a caller who leaves.
        for (var times = 0; times < 3; times++)
        {
            (await program.CompleteAsync(relay.Key, request)).Status.Should().Be(200);
        }

        (await program.CompleteAsync(relay.Key, $$"""{"prompt":"{{Canary}}-prompt","{{Canary}}-field":1}""")).Status.Should().Be(400);
        (await program.CompleteAsync(relay.Key, $$"""{"prompt":"{{Canary}}-prompt" {{Canary}}""")).Status.Should().Be(400);
        (await program.CompleteAsync(relay.Key, new { prompt = "hi", model = $"{Canary}-model" })).Status.Should().Be(400);
        (await program.CompleteAsync(relay.Key, new { prompt = Canary + new string('x', 2000) })).Status.Should().Be(413);
        (await program.CompleteAsync($"crk_{Canary}-secret", request)).Status.Should().Be(401);
        (await program.GetAsync($"/{Canary}-path?{Canary}-query=1", relay.Key)).Status.Should().Be(404);
        (await program.GetAsync($"/v1/models?{Canary}-query=1", relay.Key)).Status.Should().Be(200);
        foreach (
            var (behavior, code) in ((FakeBehavior, string)[])
                [
                    (FakeBehavior.Stall, "timeout"),
                    (FakeBehavior.HalfLine, "upstream_error"),
                    (FakeBehavior.Garbage, "upstream_error"),
                    (FakeBehavior.ErrorResult, "upstream_error"),
                ]
        )
        {
            relay.Script(
                new FakeScript
                {
                    Behavior = behavior,
                    Answer = $"{Canary}-answer",
                    ErrorText = $"{Canary}-error",
                }
            );
            (await program.CompleteAsync(relay.Key, new { prompt = $"{Canary}-prompt", system = $"{Canary}-{behavior}" }))
                .ErrorCode.Should()
                .Be(code);
        }

        relay.Script(new FakeScript { InitTools = ["Bash"], Answer = $"{Canary}-answer" });
        (await program.CompleteAsync(relay.Key, new { prompt = $"{Canary}-prompt", system = $"{Canary}-tool" }))
            .ErrorCode.Should()
            .Be("lockdown_violation");

        await AssertNoCanaryAsync(program, temporary.Path, relay.Key[10..]);
        await program.StopAsync();
        await AssertNoCanaryAsync(program, temporary.Path, relay.Key[10..]);

        var audit = string.Join('\n', program.Audit);
        var log = string.Join('\n', program.Log);
        audit.Should().NotContain(Canary).And.NotContain(relay.Key[10..]);
        log.Should().NotContain(Canary).And.NotContain(relay.Key[10..]).And.NotContain("dummy-key-of-a-test");
        log.Should().Contain("lockdown_violation").And.Contain("invalid_json").And.Contain("timeout").And.Contain("upstream_error");
        program
            .Audit.Select(line => line.GetProperty("action").GetString())
            .Where(action => action!.StartsWith("relay_", StringComparison.Ordinal))
            .Should()
            .Equal("relay_started", "relay_stopping");
        audit.Should().Contain("lockdown_violation").And.Contain("timeout").And.Contain("\"key_label\":\"app\"");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_request_is_one_line_with_all_an_operator_asks_about()
    {
        await using var relay = await FakeRelay.StartAsync(script: null, ("LOG_FORMAT", "json"), ("LOG_LEVEL", "debug"));

        var answer = await relay.AskAsync();
        var refused = await relay.Program.CompleteAsync(relay.Key, "{}");
        var stranger = await relay.Program.CompleteAsync("nobody", "{}");

        var line = await LineAsync(relay, answer);
        line.GetProperty("Route").GetString().Should().Be("POST v1/complete");
        line.GetProperty("Status").GetInt32().Should().Be(200);
        line.GetProperty("KeyLabel").GetString().Should().Be("app");
        line.GetProperty("Model").GetString().Should().Be("opus");
        line.GetProperty("Origin").GetString().Should().Be("Cold");
        string[] durations = ["OwnMs", "QueueMs", "ClaimMs", "FirstTokenMs", "GenerateMs", "TotalMs"];
        durations.Should().OnlyContain(name => line.GetProperty(name).GetDouble() >= 0);
        line.GetProperty("TotalMs").GetDouble().Should().BePositive();
        line = await LineAsync(relay, refused);
        line.GetProperty("Status").GetInt32().Should().Be(400);
        line.GetProperty("Error").GetString().Should().Be("invalid_request");
        line.GetProperty("KeyLabel").GetString().Should().Be("app");
        line = await LineAsync(relay, stranger);
        line.GetProperty("Status").GetInt32().Should().Be(401);
        line.TryGetProperty("KeyLabel", out _).Should().BeFalse("nobody's");
    }

    [Theory(Timeout = 120_000)]
    [InlineData("text", Traits = ["Extent", "all"])]
    [InlineData("json")]
    public async Task Control_characters_never_reach_the_log(string format)
    {
        await using var relay = await FakeRelay.StartAsync(script: null, ("LOG_FORMAT", format), ("LOG_LEVEL", "verbose"));

        string[] requests =
        [
            "GET /\u001b[31mred\u001b]0;title\u0007 HTTP/1.1\nHost: localhost\n\n",
            "GET /%1b%5b31mred%0aforged%20line HTTP/1.1\nHost: localhost\n\n",
            "\u001b[31mGET / HTTP/1.1\nHost: localhost\n\n",
            "FORGED / HTTP/1.1\nHost: localhost\n\n",
            "GET /health HTTP/1.1\nHost: evil\u001b[31m\n\n",
            "GET /health HTTP/1.1\nHost: localhost\nX-Request-Id: forged\u001b[31m\nUser-Agent: forged\u001b[31m\n\n",
        ];
        foreach (var request in requests)
        {
            (await RawHttp.ExchangeAsync(relay.Program, request)).Status.Should().BePositive();
        }

        var last = await relay.AskAsync();
        await relay.Program.EventuallyAsync(
            () =>
                Task.FromResult(
                    relay.Program.Log.Any(line => line.Contains(last.Headers.GetValues("X-Request-Id").Single(), StringComparison.Ordinal))
                ),
            "the last request is not logged"
        );
        relay.Program.Log.Should().NotContain(line => line.Any(letter => char.IsControl(letter)));
        string.Join('\n', relay.Program.Log)
            .Should()
            .NotContain("forged")
            .And.NotContain("FORGED")
            .And.NotContain("red\\u")
            .And.NotContain("[31m");
    }

    /// <summary>
    /// Neither the home (keys, database, audit log, running processes' directories) nor the temporary directory holds what was said.
    /// </summary>
    private static async Task AssertNoCanaryAsync(RelayProgram program, string temporary, string secret)
    {
        program.FilesWithContent.Should().Contain(file => file.EndsWith("relay.db", StringComparison.Ordinal));
        foreach (var file in program.FilesWithContent.Concat(Directory.EnumerateFiles(temporary, "*", SearchOption.AllDirectories)))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(stream, Encoding.Latin1);
            var content = await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
            content.Should().NotContain(Canary, $"{file} is no place for what was said").And.NotContain(secret);
        }
    }

    private static async Task<JsonElement> LineAsync(FakeRelay relay, RelayAnswer answer)
    {
        var id = answer.Headers.GetValues("X-Request-Id").Single();
        await relay.Program.EventuallyAsync(
            () => Task.FromResult(relay.Program.Log.Any(line => line.Contains(id, StringComparison.Ordinal))),
            "the request is not logged"
        );
        return JsonElement.Parse(relay.Program.Log.Single(line => line.Contains(id, StringComparison.Ordinal)));
    }
}
