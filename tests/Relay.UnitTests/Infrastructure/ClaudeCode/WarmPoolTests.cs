using System.ComponentModel;
using System.Text.Json;
using NSubstitute;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

public sealed class WarmPoolTests
{
    private static readonly TimeSpan LongTime = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_profile_that_repeats_gets_a_spare_and_the_blank_ones_are_there()
    {
        await using var engine = new FakeEngine();
        await engine.Pool.StartAsync(Waiting.Token);
        await RepeatAsync(engine, "key_a", "One.");

        await engine.PassAsync(LongTime);

        (engine.Pool.Load.BlankSpares, engine.Pool.Load.PreparedSpares).Should().Be((2, 1));
    }

    /// <summary>
    /// Places that a revocation frees go to profiles whose words were let go before: there is nothing to prepare a spare with.
    /// </summary>
    [Fact]
    public async Task After_a_revocation_no_more_processes_are_started_than_are_wanted()
    {
        await using var engine = new FakeEngine();
        await engine.Pool.StartAsync(Waiting.Token);
        foreach (var key in (string[])["key_a", "key_b", "key_c"])
        {
            await RepeatAsync(engine, key, "One.");
            await RepeatAsync(engine, key, "Two.");
        }

        await engine.PassAsync(LongTime);
        var before = engine.Starter.Started.Count;

        engine.Keys.Reloaded += Raise.Event<Action<IReadOnlySet<string>>>(new HashSet<string>(StringComparer.Ordinal) { "key_a", "key_b" });
        await engine.PassAsync(LongTime);

        engine.Starter.Started.Count.Should().BeLessThanOrEqualTo(before + 2, "at most the two places that became free are filled");
        engine.Pool.Load.BlankSpares.Should().Be(2);
        engine.Pool.Load.PreparedSpares.Should().BeLessThanOrEqualTo(4);

        await RepeatAsync(engine, "key_a", "One.");
        await engine.PassAsync(LongTime);
        engine.Pool.Load.PreparedSpares.Should().BeGreaterThan(0, "a profile in use gets its spare again");
    }

    [Fact]
    public async Task A_schema_that_is_refused_is_prepared_no_more_and_no_process_is_started_to_refuse_it_again()
    {
        await using var engine = new FakeEngine();
        await engine.Pool.StartAsync(Waiting.Token);
        await engine.PassAsync(LongTime);
        engine.Starter.Behavior = FakeChild.RefuseSchemas;
        var request = Any.Request() with { Schema = Schema() };
        var before = engine.Starter.Started.Count;

        for (var time = 0; time < 3; time++)
        {
            (await engine.CompleteAsync(request).InTime()).Error!.Field.Should().Be("json_schema");
            await engine.PassAsync(LongTime);
        }

        engine.Starter.Started.Count.Should().Be(before + 1);
    }

    [Fact]
    public async Task A_spare_whose_schema_is_refused_is_started_once()
    {
        await using var engine = new FakeEngine();
        await engine.Pool.StartAsync(Waiting.Token);
        var request = Any.Request() with { Schema = Schema() };
        engine.Starter.Behavior = (child, line) => child.TakePreparation(line, acceptsSchema: false);
        var preparation = Preparation.Of(request);
        var profile = ProfileId.Of("key_a", Any.Model(), preparation);
        await RepeatAsync(engine, profile, preparation);

        await engine.PassAsync(LongTime);

        engine
            .Starter.Started.Count(child => child.Spec.Arguments.Contains("3", StringComparer.Ordinal))
            .Should()
            .Be(2 + 1, "two requests started their own, and one spare was tried");
        engine.Pool.Load.BlankSpares.Should().Be(2);
    }

    [Fact]
    public async Task A_schema_that_was_too_much_gets_no_spare_however_often_it_is_sent()
    {
        await using var engine = new FakeEngine();
        await engine.Pool.StartAsync(Waiting.Token);
        await engine.PassAsync(LongTime);
        engine.Starter.Behavior = FakeChild.DieOfPreparation;
        var request = Any.Request() with { Schema = Schema() };
        var before = engine.Starter.Started.Count;

        for (var time = 0; time < 3; time++)
        {
            (await engine.CompleteAsync(request).InTime()).Error!.Code.Should().Be(ErrorCode.Timeout);
            await engine.PassAsync(LongTime);
        }

        engine.Starter.Started.Count.Should().Be(before + 3, "each request has started its own process, and the pool has started none");
    }

    [Fact]
    public async Task A_profile_whose_spares_die_pauses_alone_and_ever_longer()
    {
        await using var engine = new FakeEngine();
        await engine.Pool.StartAsync(Waiting.Token);
        await RepeatAsync(engine, "key_b", "Dies.");
        engine.Starter.Behavior = (child, line) =>
        {
            if (line.ToString().Contains("Dies.", StringComparison.Ordinal))
            {
                child.Exit(1);
                return;
            }

            FakeChild.AnswerLikeClaude(child, line);
        };
        await RepeatAsync(engine, "key_a", "Lives.");

        await engine.PassAsync(LongTime);

        var load = engine.Pool.Load;
        (load.BlankSpares, load.PreparedSpares).Should().Be((2, 1), "only the kind that fails waits");
        engine.Log.Lines.Should().Contain(line => line.Contains("the next one is started in 00:00:08", StringComparison.Ordinal));
        engine.Log.Lines.Count(line => line.Contains("is started in", StringComparison.Ordinal)).Should().BeLessThan(6);
    }

    [Fact]
    public async Task A_prepared_spare_that_dies_while_parked_stops_no_other_kind()
    {
        await using var engine = new FakeEngine();
        await engine.Pool.StartAsync(Waiting.Token);
        await RepeatAsync(engine, "key_a", "One.");
        await engine.PassAsync(LongTime);
        engine.Starter.Started.Where(child => !child.Exited.IsCompleted).Should().HaveCount(3);

        engine.Starter.Started.Single(child => !child.Exited.IsCompleted && child.Input.Contains("One.", StringComparison.Ordinal)).Exit(1);
        await engine.PassAsync(TimeSpan.FromSeconds(1));
        var preparation = new Preparation(Words("Other."), null);
        var claimed = await engine.Pool.ClaimAsync(
            engine.Generation,
            ProfileId.Of("key_b", Any.Model(), preparation),
            preparation,
            Waiting.Token
        );
        claimed.Opened();
        engine.Processes.End(claimed.Process);
        // Less than the pause of the kind that died. Real time is given in between, for a busy machine may need it.
        for (var step = 0; step < 5 && engine.Pool.Load.BlankSpares < 2; step++)
        {
            engine.Clock.Advance(TimeSpan.FromMilliseconds(200));
            for (var look = 0; look < 100 && engine.Pool.Load.BlankSpares < 2; look++)
            {
                await Task.Delay(10, Waiting.Token);
            }
        }

        engine.Pool.Load.BlankSpares.Should().Be(2, "the blank spare that was taken is replaced at once");
    }

    /// <summary>No way through the loop may keep a processor busy.</summary>
    [Theory]
    [InlineData("parked")]
    [InlineData("refused")]
    [InlineData("failed")]
    [InlineData("not wanted any more")]
    public async Task The_next_spare_is_started_400_milliseconds_later_after_any_outcome(string outcome)
    {
        await using var engine = new FakeEngine(new ClaudeCodeOptions { WarmProcesses = outcome == "parked" ? 4 : 0, WarmProfiles = 20 });
        var schema = outcome == "refused" ? Schema() : null;
        for (var key = 0; key < 5 && outcome != "parked"; key++)
        {
            var preparation = new Preparation(Words("One."), schema);
            await RepeatAsync(engine, ProfileId.Of($"key_{key}", Any.Model(), preparation), preparation);
        }

        var starts = new List<DateTimeOffset>();
        engine.Starter.Starting = () =>
        {
            lock (starts)
            {
                starts.Add(engine.Clock.GetUtcNow());
            }

            if (outcome == "failed")
            {
                throw new Win32Exception("No more processes.");
            }
        };
        engine.Starter.Behavior = (child, line) =>
        {
            if (outcome == "not wanted any more")
            {
                engine.Keys.Reloaded += Raise.Event<Action<IReadOnlySet<string>>>(
                    new HashSet<string>(Enumerable.Range(starts.Count, 5).Select(key => $"key_{key}"), StringComparer.Ordinal)
                );
            }

            child.TakePreparation(line, acceptsSchema: false);
        };

        await engine.Pool.StartAsync(Waiting.Token);
        await Waiting.UntilAsync(
            () =>
            {
                lock (starts)
                {
                    return starts.Count > 2;
                }
            },
            "three are started",
            () => engine.Clock.Advance(TimeSpan.FromMilliseconds(200))
        );

        starts.Zip(starts.Skip(1), (one, next) => next - one).Should().OnlyContain(time => time >= TimeSpan.FromMilliseconds(400));
    }

    [Fact]
    public async Task Ending_a_process_twice_counts_once()
    {
        await using var engine = new FakeEngine();
        var process = await engine.Processes.StartAsync(engine.Generation, "opus", takesSchema: false, Waiting.Token);
        engine.Processes.Alive.Should().Be(1);

        engine.Processes.End(process);
        await Waiting.UntilAsync(() => engine.Processes.Alive == 0, "the process is gone");
        engine.Processes.End(process);

        engine.Processes.Alive.Should().Be(0);
        engine.Starter.Started.Should().ContainSingle().Which.Stops.Should().Be(1);
    }

    private static PromptText Words(string text) => PromptText.Create("system", text).Value;

    private static OutputSchema Schema() => OutputSchema.Create("json_schema", JsonElement.Parse("""{"type":"object"}""")).Value;

    private static Task RepeatAsync(FakeEngine engine, string keyId, string system)
    {
        var preparation = new Preparation(Words(system), null);
        return RepeatAsync(engine, ProfileId.Of(keyId, Any.Model(), preparation), preparation);
    }

    /// <summary>Two requests of one profile, over as soon as they have their process.</summary>
    private static async Task RepeatAsync(FakeEngine engine, ProfileId profile, Preparation preparation)
    {
        for (var time = 0; time < 2; time++)
        {
            var claimed = await engine.Pool.ClaimAsync(engine.Generation, profile, preparation, Waiting.Token);
            claimed.Opened();
            engine.Processes.End(claimed.Process);
        }
    }
}
