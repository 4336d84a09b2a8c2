using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>
/// A model named by its full id costs the one call that the caller asked for, whatever processes stand ready, and the answer names the
/// model that gave it.
/// </summary>
public sealed class ModelIdTests : IAsyncLifetime
{
    private const string Older = "claude-opus-4-5-20251101";

    private Simulator _api = null!;

    public async ValueTask InitializeAsync() => _api = await Simulator.StartAsync();

    public async ValueTask DisposeAsync() => await _api.DisposeAsync();

    [OnlyWithAll]
    [Fact]
    public async Task A_full_id_is_called_once_and_named_as_the_API_names_it()
    {
        await using var relay = await RelayProgram.WithRealClaudeAsync(_api, ("WARM_PROCESSES", "2"));
        var key = await relay.MintAsync("app");
        _api.When("old", new Behavior { Model = "claude-opus-5-5" });

        var answer = await relay.CompleteAsync(key, new { prompt = "hi", model = Older });
        var retired = await relay.CompleteAsync(key, new { prompt = "old", model = Older });
        var message = await relay.PostAsync(
            "/v1/messages",
            key,
            new
            {
                model = Older,
                max_tokens = 50,
                messages = new[] { new { role = "user", content = "old" } },
            }
        );
        var chat = await relay.StreamAsync(
            "/v1/chat/completions",
            key,
            new
            {
                model = Older,
                stream = true,
                messages = new[] { new { role = "user", content = "old" } },
            }
        );

        _api.Requests.Select(request => request.Model).Should().Equal(Older, Older, Older, Older);
        answer.Json.GetProperty("model").GetString().Should().Be(Older);
        retired.Json.GetProperty("model").GetString().Should().Be("claude-opus-5-5", "another model answered");
        message.Json.GetProperty("model").GetString().Should().Be("claude-opus-5-5");
        chat.Events.SkipLast(1)
            .Should()
            .NotBeEmpty()
            .And.OnlyContain(item => item.Json.GetProperty("model").GetString() == "claude-opus-5-5");
    }

    [OnlyWithAll]
    [Fact]
    public async Task Each_id_of_the_list_is_sent_as_it_is()
    {
        await using var relay = await RelayProgram.WithRealClaudeAsync(
            _api,
            ("ALLOWED_MODELS", "opus,sonnet,haiku,fable"),
            ("PER_KEY_RPM", "100")
        );
        var key = await relay.MintAsync("app");
        var listed = (await relay.GetAsync("/v1/models", key))
            .Json.GetProperty("models")
            .EnumerateArray()
            .Select(name => name.GetString()!)
            .Where(name => name.StartsWith("claude-", StringComparison.Ordinal))
            .ToList();

        foreach (var id in listed)
        {
            (await relay.CompleteAsync(key, new { prompt = "hi", model = id })).Status.Should().Be(200, id);
        }

        listed.Should().HaveCountGreaterThan(10);
        _api.Requests.Select(request => request.Model).Should().Equal(listed, "each is called once");
    }

    [OnlyWithAll]
    [Fact]
    public async Task An_unknown_id_has_its_own_error_and_is_charged()
    {
        await using var relay = await RelayProgram.WithRealClaudeAsync(_api, ("WARM_PROCESSES", "2"), ("PER_KEY_DAILY", "2"));
        var key = await relay.MintAsync("app");
        _api.Default = new Behavior { Failure = UpstreamFailure.ModelNotFound };

        var answers = new List<RelayAnswer>();
        for (var i = 0; i < 4; i++)
        {
            answers.Add(await relay.CompleteAsync(key, new { prompt = "hi", model = $"claude-opus-9-{i}" }));
        }

        answers
            .Select(answer => (answer.Status, answer.ErrorCode))
            .Should()
            .Equal((400, "unknown_model"), (400, "unknown_model"), (429, "daily_limit"), (429, "daily_limit"));
        _api.Requests.Should().OnlyContain(request => request.LastUserText == "hi", "no call is Claude Code's own idea");
    }

    [OnlyWithAll]
    [Fact]
    public async Task A_prompt_beyond_the_models_context_is_refused_and_not_answered_from_a_summary()
    {
        await using var relay = await RelayProgram.WithRealClaudeAsync(
            _api,
            ("WARM_PROCESSES", "1"),
            ("PER_KEY_DAILY", "2"),
            ("MAX_INPUT_BYTES", "10000000"),
            ("MAX_BODY_BYTES", "20000000")
        );
        var key = await relay.MintAsync("app");

        var measured = await relay.CompleteAsync(key, new { prompt = string.Concat(Enumerable.Repeat("word ", 700_000)) });
        _api.Requests.Should().BeEmpty("Claude Code measures it before it calls");
        _api.Default = new Behavior { Failure = UpstreamFailure.PromptTooLong };
        var refused = await relay.CompleteAsync(key, new { prompt = "long" });
        _api.Default = new Behavior();
        var next = await relay.CompleteAsync(key, new { prompt = "short" });

        (measured.Status, measured.ErrorCode).Should().Be((400, "prompt_too_long"));
        (refused.Status, refused.ErrorCode).Should().Be((400, "prompt_too_long"));
        next.Status.Should().Be(200, "the first prompt was not sent, so it is not charged");
        _api.Requests.Count.Should().Be(2);
    }
}
