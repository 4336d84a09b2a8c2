using Microsoft.Extensions.Options;
using NSubstitute;
using Relay.Application.Completions;
using Relay.Application.Models;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;

namespace Relay.UnitTests.Application.Completions;

public sealed class CompleteTests
{
    private readonly CompletionOptions _options = new()
    {
        AllowedModels = ["opus", "haiku", "opus"],
        DefaultModel = "haiku",
        MaxInputBytes = 10,
    };
    private readonly IAnswerChecker _checker = Substitute.For<IAnswerChecker>();

    public CompleteTests() => _checker.Takes(default!).ReturnsForAnyArgs(true);

    [Theory]
    [InlineData("0123456789", null)]
    [InlineData("01234", "56789")]
    [InlineData("€€€", "a")]
    public void Input_up_to_the_limit_is_valid(string prompt, string? system) => ErrorOf(prompt, system).Should().BeNull();

    [Theory]
    [InlineData("0123456789a", null)]
    [InlineData("01234", "567890")]
    [InlineData("€€€", "ä")]
    public void One_byte_more_is_too_large(string prompt, string? system) =>
        ErrorOf(prompt, system)
            .Should()
            .Match<RelayError>(error => error.Code == ErrorCode.TooLarge && error.Message.Contains("10 UTF-8 bytes"));

    [Theory]
    [InlineData("opus")]
    [InlineData("haiku")]
    [InlineData(null)]
    public void An_allowed_model_or_none_is_valid(string? model) => ErrorOf("hi", null, model).Should().BeNull();

    [Theory]
    [InlineData("sonnet")]
    [InlineData("opus[1m]")]
    [InlineData("opu")]
    public void Another_model_is_unknown_and_those_there_are_are_told(string model) =>
        ErrorOf("hi", null, model)
            .Should()
            .BeEquivalentTo(
                new
                {
                    Code = ErrorCode.UnknownModel,
                    Field = "model",
                    Message = "This relay serves the models opus, haiku.",
                }
            );

    [Fact]
    public void A_stop_sequence_and_a_schema_exclude_each_other()
    {
        var stop = StopSequences.Create("stop", ["x"]).Value;
        RelayError? ErrorOf(CompletionRequest request) =>
            (RelayError?)
                new CompleteValidator(new LiveOptions<CompletionOptions>(_options), Models(), _checker)
                    .Validate(new CompleteCommand(Any.Context(), request))
                    .Errors.SingleOrDefault()
                    ?.CustomState;

        _options.MaxInputBytes = 100;
        ErrorOf(Any.Request() with { Stop = stop }).Should().BeNull();
        ErrorOf(Any.Request() with { Schema = OutputSchema.AnyObject }).Should().BeNull();
        ErrorOf(Any.Request() with { Schema = OutputSchema.AnyObject, Stop = stop })!.Field.Should().Be("stop");
    }

    [Theory]
    [InlineData("claude-opus-5-5", true)]
    [InlineData("claude-haiku-4-5", true)]
    [InlineData("claude-sonnet-5-5", false)]
    [InlineData("gpt-4o", true)]
    [InlineData("gpt-4o-mini", false)]
    [InlineData("opus-claude", false)]
    public void A_full_id_of_an_allowed_family_and_an_alias_are_names_too(string model, bool allowed)
    {
        _options.ModelAliases = ["gpt-4o=opus"];

        (ErrorOf("hi", null, model)?.Code).Should().Be(allowed ? null : ErrorCode.UnknownModel);
        Models().Resolve(Any.Model("gpt-4o")).Should().Be(Any.Model("opus"));
    }

    [Theory]
    [InlineData("opus", "claude-opus-5-5", true)]
    [InlineData("opus", "gpt-4o", true)]
    [InlineData("haiku", "gpt-4o", false)]
    [InlineData("haiku", "claude-opus-5-5", false)]
    [InlineData("claude-opus-5-5", "opus", false)]
    public void A_keys_own_models_hold_for_full_ids_and_aliases(string only, string asked, bool allowed)
    {
        _options.ModelAliases = ["gpt-4o=opus"];

        (ErrorOf("hi", null, asked, Any.Key() with { Models = [Any.Model(only)] })?.Code).Should().Be(allowed ? null : ErrorCode.Forbidden);
    }

    [Theory]
    [InlineData("opus", "opus")]
    [InlineData("Opus", "opus")]
    [InlineData("openai/GPT-4o", "haiku")]
    [InlineData("GPT-4O", "opus")]
    [InlineData("azure/gpt-4o", "opus")]
    [InlineData("anthropic/claude-opus-4.5", "claude-opus-4-5")]
    [InlineData("Claude-Haiku-4-5", "claude-haiku-4-5")]
    [InlineData("llama 3", null)]
    [InlineData("llama-3", "llama-3")]
    public void A_name_is_understood_as_clients_write_it(string asked, string? model)
    {
        _options.ModelAliases = ["openai/gpt-4o=haiku", "gpt-4o=opus"];

        Models().Read(asked).TryGet(out var read, out _);
        read?.Value.Should().Be(model);
        (read is null).Should().Be(model is null);
    }

    [Theory]
    [InlineData("llama 3", "haiku")]
    [InlineData("o3", "haiku")]
    [InlineData("claude-sonnet-5-5", "haiku")]
    [InlineData("claude-opus-5-5", "claude-opus-5-5")]
    [InlineData("opus", "opus")]
    public void An_asterisk_is_the_alias_of_every_other_name(string asked, string model)
    {
        _options.ModelAliases = ["*=haiku"];

        Models().Read(asked).Value.Value.Should().Be(model);
        Models().NamesFor(Any.Key()).Should().NotContain("*");
        Models().IsAllowed(Any.Model("o3")).Should().BeFalse("a name that /v1/complete takes as it is stays unknown");
    }

    [Theory]
    [InlineData("gpt-4o=opus", true)]
    [InlineData("gpt-4o=sonnet", false)]
    [InlineData("gpt-4o", false)]
    [InlineData("openai/GPT-4o=opus", true)]
    [InlineData("*=opus", true)]
    [InlineData("two words=opus", false)]
    [InlineData("=opus", false)]
    [InlineData("opus=haiku", false)]
    public void An_alias_names_an_allowed_model_by_a_name_of_its_own(string alias, bool valid) =>
        new ModelOptionsValidator()
            .Validate(
                null,
                new CompletionOptions
                {
                    AllowedModels = ["opus", "haiku"],
                    DefaultModel = "opus",
                    ModelAliases = [alias],
                }
            )
            .Succeeded.Should()
            .Be(valid);

    [Theory]
    [InlineData(null, "haiku")]
    [InlineData("opus", "opus")]
    public async Task The_engine_gets_the_caller_and_the_model_asked_for_or_the_default(string? asked, string used)
    {
        var engine = Substitute.For<ICompletionEngine>();
        var command = new CompleteCommand(Any.Context(), Any.Request(model: asked));
        engine
            .CompleteAsync(command.Context.Caller.Id, Any.Model(used), command.Request, null, command.Context.Spending, Waiting.Token)
            .Returns(Any.Completion("yes"));

        var answer = await new CompleteHandler(engine, Models(), _checker).Handle(command, Waiting.Token);

        answer.Value.Text.Should().Be("yes");
        command.Context.Timings.Should().BeSameAs(answer.Value.Timings, "the request's lines are written from it");
    }

    [Fact]
    public async Task A_failure_has_no_timings()
    {
        var engine = Substitute.For<ICompletionEngine>();
        var command = new CompleteCommand(Any.Context(), Any.Request());
        engine
            .CompleteAsync(default!, default!, default!, default, default!, Waiting.Token)
            .ReturnsForAnyArgs(new RelayError(ErrorCode.Timeout, "Late."));

        (await new CompleteHandler(engine, Models(), _checker).Handle(command, Waiting.Token)).Error!.Code.Should().Be(ErrorCode.Timeout);

        command.Context.Timings.Should().BeNull();
    }

    [Fact]
    public void An_invalid_schema_is_refused_before_a_process_starts()
    {
        _options.MaxInputBytes = 100;
        _checker.Takes(default!).ReturnsForAnyArgs(false);

        var result = new CompleteValidator(new LiveOptions<CompletionOptions>(_options), Models(), _checker).Validate(
            new CompleteCommand(Any.Context(), Any.Request() with { Schema = OutputSchema.AnyObject })
        );

        result
            .Errors.Should()
            .ContainSingle()
            .Which.CustomState.Should()
            .BeEquivalentTo(new { Code = ErrorCode.InvalidRequest, Field = "json_schema" });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_answer_with_a_schema_is_shown_when_it_was_checked(bool fits)
    {
        var (engine, sink) = (Substitute.For<ICompletionEngine>(), Substitute.For<ICompletionSink>());
        var schema = OutputSchema.Create("json_schema", System.Text.Json.JsonElement.Parse("""{"type":"array"}""")).Value;
        var command = new CompleteCommand(Any.Context(), Any.Request() with { Schema = schema }, sink);
        engine
            .CompleteAsync(default!, default!, default!, null, default!, Waiting.Token)
            .ReturnsForAnyArgs(Any.Completion("""{"value":[1, 2]}""") with { IsStructured = true });
        _checker.Fits(schema, """{"value":[1, 2]}""", Waiting.Token).Returns(fits);

        var answer = await new CompleteHandler(engine, Models(), _checker).Handle(command, Waiting.Token);

        await engine
            .Received()
            .CompleteAsync(command.Context.Caller.Id, Any.Model("haiku"), command.Request, null, command.Context.Spending, Waiting.Token);
        answer.Error?.Code.Should().Be(fits ? null : ErrorCode.SchemaNotSatisfied);
        await sink.Received(fits ? 1 : 0).WriteAsync(new WordsPiece("[1, 2]"), Waiting.Token);
        sink.ReceivedCalls().Should().HaveCount(fits ? 2 : 0);
        answer.TryGet(out var completion, out _);
        completion?.Text.Should().Be(fits ? "[1, 2]" : null);
    }

    [Fact]
    public async Task A_refusal_fits_no_schema_and_is_an_answer()
    {
        var (engine, sink) = (Substitute.For<ICompletionEngine>(), Substitute.For<ICompletionSink>());
        var command = new CompleteCommand(Any.Context(), Any.Request() with { Schema = OutputSchema.AnyObject }, sink);
        engine
            .CompleteAsync(default!, default!, default!, null, default!, Waiting.Token)
            .ReturnsForAnyArgs(Any.Completion("No.") with { StopReason = "refusal" });

        (await new CompleteHandler(engine, Models(), _checker).Handle(command, Waiting.Token)).Value.Text.Should().Be("No.");

        await sink.Received().WriteAsync(new WordsPiece("No."), Waiting.Token);
        _checker.DidNotReceiveWithAnyArgs().Fits(default!, default!, Waiting.Token);
    }

    [Fact]
    public async Task With_a_schema_calls_come_without_the_words_beside_them()
    {
        var (engine, sink) = (Substitute.For<ICompletionEngine>(), Substitute.For<ICompletionSink>());
        var command = new CompleteCommand(Any.Context(), Any.Request() with { Schema = OutputSchema.AnyObject }, sink);
        var call = ToolCall.OfModel("toolu_1", "weather", "{}")!;
        engine
            .CompleteAsync(default!, default!, default!, null, default!, Waiting.Token)
            .ReturnsForAnyArgs(
                Any.Completion("Let me look.") with
                {
                    StopReason = "tool_use",
                    Content = [new AnswerText("Let me look."), new AnswerCall(call)],
                }
            );

        var answer = (await new CompleteHandler(engine, Models(), _checker).Handle(command, Waiting.Token)).Value;

        (answer.Text, answer.Content.Single()).Should().Be((string.Empty, new AnswerCall(call)));
        await sink.DidNotReceive().WriteAsync(Arg.Any<WordsPiece>(), Waiting.Token);
        await sink.Received().WriteAsync(new CallBegins("toolu_1", "weather"), Waiting.Token);
    }

    [Fact]
    public async Task The_list_of_models_is_the_operators_without_repetition()
    {
        var answer = await new ListModelsHandler(Models()).Handle(new ListModelsQuery(Any.Key()), Waiting.Token);

        answer.Value.Default.Should().Be("haiku");
        answer.Value.Names.Should().StartWith(["opus", "haiku", "claude-opus-5-5"]).And.OnlyHaveUniqueItems();
        answer.Value.Names.Should().Contain("claude-haiku-4-5").And.NotContain(name => name.Contains("sonnet") || name.Contains("fable"));
    }

    [Theory]
    [InlineData("opus", null, true)]
    [InlineData("opus", "opus", true)]
    [InlineData("opus", "haiku", false)]
    [InlineData(null, "opus", false)]
    [InlineData(null, "haiku", true)]
    [InlineData(null, null, true)]
    public void A_key_with_a_model_of_its_own_may_name_that_one_and_gets_it_by_default(string? asked, string? only, bool allowed)
    {
        var key = Any.Key() with { Models = only is null ? null : [Any.Model(only)] };

        (ErrorOf("hi", null, asked, key)?.Code).Should().Be(allowed ? null : ErrorCode.Forbidden);
    }

    [Fact]
    public async Task A_key_with_a_list_of_models_sees_those_of_the_operators_that_are_on_it()
    {
        var key = Any.Key() with { Models = [Any.Model("opus"), Any.Model("sonnet")] };
        var answer = await new ListModelsHandler(Models()).Handle(new ListModelsQuery(key), Waiting.Token);

        answer.Value.Names.Should().Contain(["opus", "claude-opus-5-5"]).And.OnlyContain(name => name.Contains("opus"));
        answer.Value.Default.Should().BeNull("this key gets an error when it names none");
    }

    private RelayError? ErrorOf(string prompt, string? system, string? model = null, ApiKey? caller = null)
    {
        var result = new CompleteValidator(new LiveOptions<CompletionOptions>(_options), Models(), _checker).Validate(
            new CompleteCommand(Any.Context(caller), Any.Request(prompt, system, model))
        );
        return (RelayError?)result.Errors.SingleOrDefault()?.CustomState;
    }

    private ModelCatalog Models() => new(Options.Create(_options));
}
