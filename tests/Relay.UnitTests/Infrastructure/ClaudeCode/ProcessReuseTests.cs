using NSubstitute;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

/// <summary>A process serves its key again once its turn was taken back, and never another key.</summary>
public sealed class ProcessReuseTests : IAsyncLifetime
{
    private FakeApi _api = null!;

    public async ValueTask InitializeAsync() => _api = await FakeApi.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Fact]
    public async Task A_process_serves_its_key_again_and_nothing_of_the_first_turn_is_in_the_second()
    {
        await using var engine = await StartAsync();

        await AskAsync(engine, "first words");
        await AskAsync(engine, "second words");

        engine.Starter.Started.Should().ContainSingle();
        _api.Reached.Should().HaveCount(2);
        _api.Reached[1].Should().Contain("second words").And.NotContain("first words");
    }

    [Fact]
    public async Task Another_key_another_system_prompt_and_another_schema_get_another_process()
    {
        await using var engine = await StartAsync();

        await AskAsync(engine, "one", "key_a");
        await AskAsync(engine, "two", "key_b");
        await engine.CompleteAsync(Any.Request("three") with { System = Any.Text("Be brief.") }).InTime();

        engine.Starter.Started.Should().HaveCount(3);
    }

    [Theory]
    [InlineData(1, 4)]
    [InlineData(2, 2)]
    [InlineData(100, 1)]
    public async Task A_process_serves_no_more_often_than_it_may(int uses, int processes)
    {
        await using var engine = await StartAsync(new ClaudeCodeOptions { ProcessUses = uses, WarmProcesses = 0 });

        for (var time = 0; time < 4; time++)
        {
            await AskAsync(engine, "hi");
        }

        engine.Starter.Started.Should().HaveCount(processes);
    }

    [Fact]
    public async Task A_request_waits_for_a_process_that_is_being_taken_back()
    {
        await using var engine = await StartAsync();
        var mayRewind = new TaskCompletionSource();
        engine.Starter.Behavior = (child, line) =>
        {
            if (
                line.ToString().Contains("rewind_conversation", StringComparison.Ordinal)
                && child.Input.Contains("\"hi\"", StringComparison.Ordinal)
            )
            {
                _ = mayRewind.Task.ContinueWith(_ => GatedClaude.Answer(child, line), TaskScheduler.Default);
                return;
            }

            GatedClaude.Answer(child, line);
        };
        await AskAsync(engine, "hi");

        var second = engine.CompleteAsync(Any.Request("and again"));
        await Task.Delay(100, Waiting.Token);
        second.IsCompleted.Should().BeFalse();
        mayRewind.SetResult();

        (await second.InTime()).Error.Should().BeNull();
        engine.Starter.Started.Should().ContainSingle();
    }

    [Fact]
    public async Task A_request_that_waits_in_vain_gets_a_process_of_its_own()
    {
        await using var engine = await StartAsync();
        engine.Starter.Behavior = GatedClaude.Hostile(() => new GatedClaude { SaysRewound = false });
        // The rehearsal is taken back in earnest.
        engine.AcceptShape();

        await AskAsync(engine, "hi");
        await AskAsync(engine, "and again");

        engine.Starter.Started.Should().HaveCount(2);
        (await WhenEndedAsync(engine.Starter.Started[0])).Should().BeTrue("it was not taken back");
    }

    [Theory]
    [InlineData("parked")]
    [InlineData("in use")]
    [InlineData("being taken back")]
    public async Task A_revocation_ends_the_keys_processes(string moment)
    {
        await using var engine = await StartAsync();
        var isHeld = new TaskCompletionSource();
        var mayGoOn = new TaskCompletionSource();
        if (moment == "in use")
        {
            _api.Answers.Enqueue(async context =>
            {
                isHeld.TrySetResult();
                await mayGoOn.Task;
                await FakeApi.Whole(context);
            });
        }
        else if (moment == "being taken back")
        {
            engine.AcceptShape();
            engine.Starter.Behavior = (child, line) =>
            {
                if (line.ToString().Contains("rewind_conversation", StringComparison.Ordinal))
                {
                    isHeld.TrySetResult();
                    _ = mayGoOn.Task.ContinueWith(_ => GatedClaude.Answer(child, line), TaskScheduler.Default);
                    return;
                }

                GatedClaude.Answer(child, line);
            };
        }

        var asking = engine.CompleteAsync(Any.Request("hi"));
        if (moment == "parked")
        {
            await asking.InTime();
            await engine.ParkedAsync(1);
        }
        else
        {
            await isHeld.Task.WaitAsync(TimeSpan.FromSeconds(10), Waiting.Token);
        }

        engine.Keys.Reloaded += Raise.Event<Action<IReadOnlySet<string>>>(new HashSet<string>(StringComparer.Ordinal) { "key_b" });
        mayGoOn.TrySetResult();
        await asking.InTime();

        (await WhenEndedAsync(engine.Starter.Started[0])).Should().BeTrue();
        engine.Pool.Load.PreparedSpares.Should().Be(0);
    }

    [Fact]
    public async Task A_process_that_grew_too_large_serves_no_more()
    {
        await using var engine = await StartAsync();
        engine.Starter.Behavior = (child, line) =>
        {
            child.ResidentBytes = 500L * 1024 * 1024;
            GatedClaude.Answer(child, line);
        };

        await AskAsync(engine, "hi");

        (await WhenEndedAsync(engine.Starter.Started[0])).Should().BeTrue();
    }

    [Fact]
    public async Task A_process_that_dies_while_parked_is_replaced()
    {
        await using var engine = await StartAsync();
        await AskAsync(engine, "hi");
        await engine.ParkedAsync(1);

        engine.Starter.Started[0].Exit(1);
        await AskAsync(engine, "and again");

        engine.Starter.Started.Should().HaveCount(2);
    }

    [Fact]
    public async Task Beyond_the_cap_the_key_with_the_most_spares_loses_the_one_it_used_first()
    {
        await using var engine = await StartAsync(new ClaudeCodeOptions { WarmProfiles = 3, WarmProcesses = 0 });
        await engine.CompleteAsync(Any.Request("hi") with { System = Any.Text("The only one of b.") }, "key_b").InTime();
        await engine.ParkedAsync(1);
        for (var number = 0; number < 3; number++)
        {
            await engine.CompleteAsync(Any.Request("hi") with { System = Any.Text($"Number {number} of a.") }).InTime();
            await engine.ParkedAsync(Math.Min(3, number + 2));
        }

        (await WhenEndedAsync(engine.Starter.Started[1])).Should().BeTrue("it is key a's oldest");
        engine.Starter.Started[0].Exited.IsCompleted.Should().BeFalse("key b has only one");
    }

    [Theory]
    [InlineData("end_turn", 1)]
    [InlineData("stop_sequence", 1)]
    [InlineData("max_tokens", 1)]
    [InlineData("refusal", 2)]
    public async Task A_refusal_of_the_model_ends_its_process_for_its_next_request_would_differ(string stopReason, int processes)
    {
        await using var engine = await StartAsync();
        _api.Answers.Enqueue(FakeApi.Message(FakeApi.MessageOf("Hello", stopReason)));

        await AskAsync(engine, "hi");
        await AskAsync(engine, "and again");

        engine.Starter.Started.Should().HaveCount(processes);
    }

    [Fact]
    public async Task Parameters_are_in_the_request_of_their_turn_and_in_no_other_one_of_the_process()
    {
        await using var engine = await StartAsync();
        var parameters = ModelParameters.Of(0.25, null, 40, null);

        await AskAsync(engine, "plain");
        (
            await engine
                .CompleteAsync(Any.Request("cool") with { Parameters = parameters, Stop = StopSequences.Create("stop", ["END"]).Value })
                .InTime()
        )
            .Error.Should()
            .BeNull();
        await AskAsync(engine, "plain");

        engine.Starter.Started.Should().ContainSingle();
        _api.Reached[1]
            .Should()
            .Contain("\"temperature\":0.25")
            .And.Contain("\"top_k\":40")
            .And.Contain("\"stop_sequences\":[\"END\"]")
            .And.Contain("\"thinking\":{\"type\":\"disabled\"}")
            .And.Contain("\"context_management\":{\"edits\":[]}")
            .And.NotContain("top_p");
        BodyOf(_api.Reached[2]).Should().Be(BodyOf(_api.Reached[0]));
    }

    [Fact]
    public async Task An_answer_that_the_API_stopped_at_a_text_names_it_and_its_process_serves_again()
    {
        await using var engine = await StartAsync();
        _api.Answers.Enqueue(
            FakeApi.Message(
                FakeApi
                    .MessageOf("He", "stop_sequence")
                    .Replace(
                        "\"stop_reason\":\"stop_sequence\"",
                        "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"llo\"",
                        StringComparison.Ordinal
                    )
            )
        );

        var answer = await engine.CompleteAsync(Any.Request("hi") with { Stop = StopSequences.Create("stop", ["llo"]).Value }).InTime();
        await AskAsync(engine, "and again");

        answer
            .Value.Should()
            .BeEquivalentTo(
                new
                {
                    Text = "He",
                    StopReason = "stop_sequence",
                    StopSequence = "llo",
                }
            );
        engine.Starter.Started.Should().ContainSingle();
    }

    [Fact]
    public async Task A_refusal_of_a_parameter_is_told_in_the_words_of_the_API_and_ends_the_process()
    {
        await using var engine = await StartAsync();
        _api.Answers.Enqueue(
            FakeApi.Error(400, "invalid_request_error", "temperature: may not be set for claude-opus-5-5. See https://docs.example.com/x.")
        );
        _api.Answers.Enqueue(FakeApi.Whole);

        var refused = await engine
            .CompleteAsync(Any.Request("hi") with { Parameters = ModelParameters.Of(0.5, null, null, null) })
            .InTime();
        await AskAsync(engine, "hi");

        refused
            .Error!.Should()
            .BeEquivalentTo(
                new
                {
                    Code = ErrorCode.InvalidRequest,
                    Message = "Anthropic refused the request: temperature: may not be set for claude-opus-5-5.",
                }
            );
        engine.Starter.Started.Should().HaveCount(2);
    }

    [Fact]
    public async Task An_answer_that_is_stopped_early_ends_its_process()
    {
        await using var engine = await StartAsync();
        _api.Answers.Enqueue(FakeApi.Message(FakeApi.MessageOf("He llo")));

        var answer = await engine.CompleteAsync(Any.Request("hi") with { Stop = StopSequences.Create("stop", [" "]).Value }).InTime();

        answer.Value.Text.Should().Be("He");
        (await WhenEndedAsync(engine.Starter.Started[0])).Should().BeTrue();
    }

    private static string BodyOf(string request) => request[request.IndexOf('{', StringComparison.Ordinal)..];

    private async Task<FakeEngine> StartAsync(ClaudeCodeOptions? options = null)
    {
        var engine = new FakeEngine(options ?? new ClaudeCodeOptions { WarmProcesses = 0 }, api: _api);
        await engine.StartGateAsync();
        return engine;
    }

    private static async Task AskAsync(FakeEngine engine, string prompt, string keyId = "key_a") =>
        (await engine.CompleteAsync(Any.Request(prompt), keyId).InTime()).Error.Should().BeNull();

    private static async Task<bool> WhenEndedAsync(FakeChild child)
    {
        await child.Exited.InTime();
        return true;
    }
}
