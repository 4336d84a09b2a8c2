using System.Text.Json;
using Microsoft.AspNetCore.Http;
using NSubstitute;
using Relay.Application.Completions;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

public sealed class ClaudeEngineTests
{
    private static readonly ClaudeCodeOptions NoSpares = new() { WarmProcesses = 0, WarmProfiles = 0 };

    [Fact]
    public async Task A_completion_takes_a_process_and_ends_it()
    {
        await using var engine = new FakeEngine(NoSpares);

        var answer = await engine.CompleteAsync(Any.Request()).InTime();

        answer.Value.Text.Should().Be("Hello.");
        await Waiting.UntilAsync(() => engine.Processes.Alive == 0, "its process is gone");
        engine.Starter.Started.Should().ContainSingle().Which.Stops.Should().Be(1);
    }

    [Fact]
    public async Task An_answer_without_visible_text_kills_its_process_with_the_message_and_leaves_the_engine_in_service()
    {
        await using var engine = new FakeEngine(NoSpares);
        engine.Starter.Behavior = (child, line) =>
        {
            if (!child.TakePreparation(line, acceptsSchema: true))
            {
                child.Say(child.Init, Frames.MessageStart, Frames.Stop("end_turn"));
            }
        };

        var answer = await engine.CompleteAsync(Any.Request()).InTime();

        (answer.Value.Text, answer.Value.StopReason).Should().Be((string.Empty, "end_turn"));
        engine.Starter.Started.Should().ContainSingle().Which.ExitCode.Should().Be(137);
        engine.IsInService.Should().BeTrue();
        engine.Audit.DidNotReceiveWithAnyArgs().Write(null!);
    }

    [Fact]
    public async Task The_time_of_a_slow_reader_is_not_the_models_silence()
    {
        await using var engine = new FakeEngine(NoSpares, new CompletionOptions { IdleTimeout = TimeSpan.FromSeconds(5) });
        FakeChild? process = null;
        engine.Starter.Behavior = (child, line) =>
        {
            if (!child.TakePreparation(line, acceptsSchema: true))
            {
                process = child;
                child.Say(child.Init, Frames.MessageStart, Frames.TextStart, Frames.Delta("Hello."));
            }
        };
        var reader = new SlowReader();

        var answering = engine.CompleteAsync(Any.Request(), sink: reader);
        await reader.Reading.InTime();
        engine.Clock.Advance(TimeSpan.FromSeconds(8));
        reader.Read();
        process!.Say(Frames.Stop("end_turn"), Frames.MessageStop, Frames.Success("Hello."));

        (await answering.InTime()).Value.Text.Should().Be("Hello.");
    }

    [Fact]
    public async Task A_model_that_is_silent_is_given_up()
    {
        await using var engine = new FakeEngine(NoSpares, new CompletionOptions { IdleTimeout = TimeSpan.FromSeconds(5) });
        var asked = new TaskCompletionSource();
        engine.Starter.Behavior = (child, line) =>
        {
            if (!child.TakePreparation(line, acceptsSchema: true))
            {
                asked.SetResult();
            }
        };

        var answering = engine.CompleteAsync(Any.Request());
        await asked.Task.InTime();
        await Waiting.UntilAsync(() => answering.IsCompleted, "it is given up", () => engine.Clock.Advance(TimeSpan.FromSeconds(1)));

        (await answering).Error!.Message.Should().Contain("silent");
    }

    [Fact]
    public async Task A_prompt_that_can_not_be_written_to_its_end_takes_nothing_from_a_whole_answer()
    {
        await using var engine = new FakeEngine(NoSpares);
        engine.Starter.Behavior = (child, line) =>
        {
            FakeChild.AnswerLikeClaude(child, line);
            if (!line.TryGetProperty("request", out _))
            {
                child.BreakInput();
            }
        };

        (await engine.CompleteAsync(Any.Request()).InTime()).Value.Text.Should().Be("Hello.");
    }

    [Fact]
    public async Task A_process_that_outgrows_its_memory_ends_and_its_request_is_not_tried_again()
    {
        await using var engine = new FakeEngine(NoSpares);
        engine.Starter.Behavior = (child, line) =>
        {
            if (!child.TakePreparation(line, acceptsSchema: true))
            {
                child.Say(child.Init);
                child.ResidentBytes = ClaudeProcesses.MaxMemoryBytes + 1;
            }
        };

        var answering = engine.CompleteAsync(Any.Request());
        await Waiting.UntilAsync(() => answering.IsCompleted, "it is ended", () => engine.Clock.Advance(TimeSpan.FromMilliseconds(500)));

        (await answering).Error!.Code.Should().Be(ErrorCode.TooLarge);
        engine.Starter.Started.Should().ContainSingle();
    }

    [Fact]
    public async Task The_memory_of_each_process_is_bounded_once_it_has_answered_initialize()
    {
        await using var engine = new FakeEngine(NoSpares);

        await engine.CompleteAsync(Any.Request()).InTime();

        engine.Starter.Started.Should().ContainSingle().Which.InputBeforeBound.Should().Contain("initialize");
    }

    [Fact]
    public async Task A_schema_that_runs_out_of_time_counts_as_a_request_and_is_tried_once()
    {
        await using var engine = new FakeEngine(NoSpares);
        engine.Starter.Behavior = FakeChild.SayNothing;
        var spending = new Spending();

        var answering = engine.CompleteAsync(WithSchema(), spending: spending);
        await Waiting.UntilAsync(() => answering.IsCompleted, "it runs out of time", () => engine.Clock.Advance(TimeSpan.FromSeconds(1)));

        (await answering).Error!.Code.Should().Be(ErrorCode.Timeout);
        (spending.ReachedApi, spending.Cost(ModelPrice.Of(Any.Model()), 1)).Should().Be((true, 0));
        engine.Starter.Started.Should().ContainSingle();
    }

    [Fact]
    public async Task A_schema_that_kills_its_process_counts_as_a_request_and_is_tried_once()
    {
        await using var engine = new FakeEngine(NoSpares);
        engine.Starter.Behavior = FakeChild.DieOfPreparation;
        var spending = new Spending();

        (await engine.CompleteAsync(WithSchema(), spending: spending).InTime()).Error!.Code.Should().Be(ErrorCode.Timeout);

        spending.ReachedApi.Should().BeTrue();
        engine.Starter.Started.Should().ContainSingle();
    }

    /// <summary>The request's own time can end long before that of a start does.</summary>
    [Fact]
    public async Task A_schema_that_outlasts_the_requests_time_counts_as_a_request_and_gets_no_spare()
    {
        await using var engine = new FakeEngine(completions: new CompletionOptions { RequestTimeout = TimeSpan.FromSeconds(5) });
        engine.Starter.Behavior = FakeChild.SayNothing;

        for (var time = 0; time < 2; time++)
        {
            var spending = new Spending();
            var answering = engine.CompleteAsync(WithSchema(), spending: spending);
            await Waiting.UntilAsync(
                () => answering.IsCompleted,
                "it runs out of time",
                () => engine.Clock.Advance(TimeSpan.FromSeconds(1))
            );

            (await answering).Error!.Code.Should().Be(ErrorCode.Timeout);
            (spending.ReachedApi, spending.Cost(ModelPrice.Of(Any.Model()), 1)).Should().Be((true, 0));
        }

        engine.Starter.Behavior = FakeChild.AnswerLikeClaude;
        await engine.Pool.StartAsync(Waiting.Token);
        await engine.PassAsync(TimeSpan.FromSeconds(30));
        engine.Starter.Started.Count.Should().Be(2 + 2, "two requests and two blank spares have started processes");
    }

    [Fact]
    public async Task A_caller_who_leaves_while_a_schema_is_prepared_has_made_a_request()
    {
        await using var engine = new FakeEngine(NoSpares);
        engine.Starter.Behavior = FakeChild.SayNothing;
        using var left = CancellationTokenSource.CreateLinkedTokenSource(Waiting.Token);
        var spending = new Spending();

        var answering = engine.CompleteAsync(WithSchema(), spending: spending, left: left.Token);
        await Waiting.UntilAsync(() => engine.Starter.Started is [{ Input.Length: > 0 }], "it is told its schema");
        await left.CancelAsync();

        await answering.Invoking(task => task.InTime()).Should().ThrowAsync<OperationCanceledException>();
        (spending.ReachedApi, spending.Cost(ModelPrice.Of(Any.Model()), 1)).Should().Be((true, 0));
    }

    /// <summary>A slow reader holds the relay up, and the API goes on meanwhile.</summary>
    [Fact]
    public async Task Words_that_came_while_a_reader_was_slow_count_when_the_caller_leaves()
    {
        await using var api = await FakeApi.StartAsync();
        var isRead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var isWhole = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var message = FakeApi
            .MessageOf("Hello")
            .Replace("\"usage\":{\"output_tokens\":2}", "\"usage\":{\"output_tokens\":5000}", StringComparison.Ordinal);
        var rest = message.IndexOf("data: {\"type\":\"content_block_stop", StringComparison.Ordinal);
        api.Answers.Enqueue(async context =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync(message[..rest]);
            await context.Response.Body.FlushAsync();
            await isRead.Task;
            await context.Response.WriteAsync(message[rest..]);
        });
        await using var engine = new FakeEngine(NoSpares, api: api);
        await engine.StartGateAsync();
        engine.AcceptShape();
        engine.Starter.Behavior = GatedClaude.Hostile(() =>
            new GatedClaude
            {
                Then = (_, _) =>
                {
                    isWhole.SetResult();
                    return Task.CompletedTask;
                },
            }
        );
        using var left = CancellationTokenSource.CreateLinkedTokenSource(Waiting.Token);
        var (reader, spending) = (new SlowReader(), new Spending());

        var answering = engine.CompleteAsync(Any.Request(), sink: reader, spending: spending, left: left.Token);
        await reader.Reading.InTime();
        isRead.SetResult();
        await isWhole.Task.InTime();
        await left.CancelAsync();

        await answering.Invoking(task => task.InTime()).Should().ThrowAsync<OperationCanceledException>();
        (spending.ReachedApi, spending.Usage!.OutputTokens).Should().Be((true, 5000));
    }

    private static CompletionRequest WithSchema() =>
        Any.Request() with
        {
            Schema = OutputSchema.Create("json_schema", JsonElement.Parse("""{"type":"object"}""")).Value,
        };

    private sealed class SlowReader : ICompletionSink
    {
        private readonly TaskCompletionSource _reading = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _read = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Reading => _reading.Task;

        public void Read() => _read.SetResult();

        public void TakeModel(ModelName model)
        {
            // The answer's words are all that this reader is for.
        }

        public async ValueTask WriteAsync(AnswerPiece piece, CancellationToken cancellationToken)
        {
            _reading.TrySetResult();
            await _read.Task.WaitAsync(cancellationToken);
        }
    }
}
