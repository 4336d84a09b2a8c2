using System.Security.Cryptography;
using System.Text;
using FluentAssertions.Execution;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>No caller meets another's data: a process serves one key.</summary>
public sealed class IsolationTests : IAsyncLifetime
{
    private Simulator _api = null!;

    public async ValueTask InitializeAsync()
    {
        _api = await Simulator.StartAsync();
        _api.Default = new Behavior { Echo = true };
    }

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    /// <summary>Processes serve again and again here, each for one key.</summary>
    [OnlyWithAll]
    [Fact(Timeout = 600_000)]
    public async Task Interleaved_completions_of_four_keys_share_no_byte_and_no_process()
    {
        var count = Extent.Of(40, 60, 400);
        await using var relay = await RelayProgram.WithRealClaudeAsync(
            _api,
            ("WARM_PROCESSES", "1"),
            ("QUEUE_TIMEOUT", "5m"),
            ("GLOBAL_CONCURRENCY", "4"),
            ("QUEUE_LIMIT", "500"),
            ("PER_KEY_RPM", "1000")
        );
        var owners = new List<(string Key, string Mark)>();
        foreach (var label in (string[])["first", "second", "third", "fourth"])
        {
            owners.Add((await relay.MintAsync(label), "MARK" + Convert.ToHexString(RandomNumberGenerator.GetBytes(8))));
        }

        _api.When("is refused", new Behavior { Failure = UpstreamFailure.InvalidRequest });
        _api.When("in a shape", new Behavior { StructuredOutput = """{"a":5}""" });

        var answers = await Task.WhenAll(
            Enumerable
                .Range(0, count)
                .Select(async number =>
                {
                    var owner = owners[number % owners.Count];
                    return (
                        owner.Mark,
                        Body: BodyOf(number / owners.Count, number, owner.Mark),
                        Answer: await relay.CompleteAsync(owner.Key, BodyOf(number / owners.Count, number, owner.Mark))
                    );
                })
        );

        using var scope = new AssertionScope();
        foreach (var (mark, _, answer) in answers)
        {
            answer.Status.Should().BeOneOf(200, 502);
            owners
                .Where(owner => owner.Mark != mark)
                .Should()
                .OnlyContain(owner => !answer.Body.Contains(owner.Mark, StringComparison.Ordinal));
        }

        answers
            .Count(answer => answer.Answer.Status == 502)
            .Should()
            .Be(answers.Count(answer => answer.Body.ToString()!.Contains("is refused", StringComparison.Ordinal)));
        var requests = _api
            .Requests.Select(request => (request.SessionId, Marks: MarksIn(Encoding.UTF8.GetString(request.Body), owners)))
            .ToList();
        requests.Should().HaveCount(count).And.OnlyContain(request => request.Marks.Count == 1, "each holds the words of one key");
        var sessions = requests.GroupBy(request => request.SessionId, StringComparer.Ordinal).ToList();
        sessions
            .Should()
            .OnlyContain(
                session => session.Select(request => request.Marks[0]).Distinct(StringComparer.Ordinal).Count() == 1,
                "a process serves one key"
            );
        sessions.Count.Should().BeLessThan(count / 2, "else this would show nothing about processes that serve again");
        relay.Log.Should().NotContain(line => MarksIn(line, owners).Count > 0);
        relay.Audit.Should().NotContain(line => MarksIn(line.GetRawText(), owners).Count > 0);
        relay.Log.Should().NotContain(line => line.Contains("was not forwarded", StringComparison.Ordinal));
    }

    private static List<string> MarksIn(string text, List<(string Key, string Mark)> owners) =>
        [.. owners.Select(owner => owner.Mark).Where(mark => text.Contains(mark, StringComparison.Ordinal))];

    /// <summary>A prompt, a conversation, an answer in a shape, a picture, and a request that the API refuses.</summary>
    private static object BodyOf(int kind, int number, string mark)
    {
        var system = number % 2 == 0 ? "You serve everybody." : $"You serve {mark}.";
        return (kind % 5) switch
        {
            0 => new { prompt = $"{mark} asks for number {number}.", system },
            1 => new
            {
                system,
                messages = new object[]
                {
                    new { role = "user", content = $"{mark} begins number {number}." },
                    new { role = "assistant", content = $"{mark} was answered." },
                    new { role = "user", content = $"{mark} goes on." },
                },
            },
            2 => new
            {
                prompt = $"{mark} asks in a shape.",
                system,
                json_schema = new
                {
                    type = "object",
                    properties = new { a = new { type = "integer" } },
                    required = new[] { "a" },
                },
            },
            3 => new
            {
                system,
                messages = new object[]
                {
                    new
                    {
                        role = "user",
                        content = new object[]
                        {
                            new
                            {
                                type = "image",
                                media_type = "image/png",
                                data = Png,
                            },
                            new { type = "text", text = $"{mark} looks." },
                        },
                    },
                },
            },
            _ => new { prompt = $"{mark} is refused.", system },
        };
    }

    /// <summary>One pixel.</summary>
    private const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    [Fact]
    public async Task A_process_prepared_for_one_key_never_serves_another_with_the_same_system_prompt()
    {
        // No blank spares: a claim is either of a prepared process or a cold start.
        await using var relay = await RelayProgram.WithRealClaudeAsync(_api, ("WARM_PROCESSES", "0"), ("WARM_PROFILES", "4"));
        var body = new { prompt = "Hello.", system = "You serve everybody." };
        var owner = await relay.MintAsync("owner");
        await relay.EventuallyAsync(
            async () => (await relay.CompleteAsync(owner, body)).Status == 200 && ClaimsOf(relay, "Prepared") > 0,
            "nothing was ever prepared for the owner"
        );
        var claims = ClaimsOf(relay, "Prepared");

        foreach (var label in (string[])["second", "third", "fourth"])
        {
            (await relay.CompleteAsync(await relay.MintAsync(label), body)).Status.Should().Be(200);
        }

        ClaimsOf(relay, "Prepared").Should().Be(claims, "the others' requests started processes of their own");
        (await relay.CompleteAsync(owner, body)).Status.Should().Be(200);
        ClaimsOf(relay, "Prepared").Should().Be(claims + 1, "the prepared process waited for its owner all the while");
        var sessions = _api.Requests.GroupBy(request => request.SessionId, StringComparer.Ordinal).ToList();
        sessions
            .Should()
            .HaveCount(4, "each key had one process")
            .And.OnlyContain(session => session.Count() == 1 || session.Key == _api.Requests[0].SessionId);
    }

    private static int ClaimsOf(RelayProgram relay, string origin) =>
        relay.Log.Count(line => line.Contains($"Pool hit: {origin} ", StringComparison.Ordinal));
}
