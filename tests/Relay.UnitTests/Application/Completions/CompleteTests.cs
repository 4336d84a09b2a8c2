using Microsoft.Extensions.Options;
using NSubstitute;
using Relay.Application.Completions;
using Relay.Application.Models;
using Relay.Domain;

namespace Relay.UnitTests.Application.Completions;

public sealed class CompleteTests
{
    private readonly CompletionOptions _options = new() { AllowedModels = ["opus", "haiku", "opus"], DefaultModel = "haiku", MaxInputBytes = 10 };

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
        ErrorOf(prompt, system).Should().Match<RelayError>(error => error.Code == ErrorCode.TooLarge && error.Message.Contains("10 UTF-8 bytes"));

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
        ErrorOf("hi", null, model).Should().BeEquivalentTo(new { Code = ErrorCode.UnknownModel, Field = "model", Message = "This relay serves the models opus, haiku." });

    [Theory]
    [InlineData(null, "haiku")]
    [InlineData("opus", "opus")]
    public async Task The_engine_gets_the_caller_and_the_model_asked_for_or_the_default(string? asked, string used)
    {
        var engine = Substitute.For<ICompletionEngine>();
        var command = new CompleteCommand(Any.Key(), Any.Request(model: asked));
        engine.CompleteAsync(command.Caller.Id, Any.Model(used), command.Request, Waiting.Token).Returns(Any.Completion("yes"));

        var answer = await new CompleteHandler(engine, Models()).Handle(command, Waiting.Token);

        answer.Value.Text.Should().Be("yes");
    }

    [Fact]
    public async Task The_list_of_models_is_the_operators_without_repetition()
    {
        var answer = await new ListModelsHandler(Models()).Handle(new ListModelsQuery(), Waiting.Token);

        answer.Value.Default.Should().Be("haiku");
        answer.Value.Names.Should().Equal("opus", "haiku");
    }

    private RelayError? ErrorOf(string prompt, string? system, string? model = null)
    {
        var result = new CompleteValidator(Options.Create(_options), Models()).Validate(new CompleteCommand(Any.Key(), Any.Request(prompt, system, model)));
        return (RelayError?)result.Errors.SingleOrDefault()?.CustomState;
    }

    private ModelCatalog Models() => new(Options.Create(_options));
}
