using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Domain.Completions;

public sealed class CompletionRequestTests
{
    [Fact]
    public void Input_is_prompt_and_system_prompt_together() =>
        CompletionRequest.Create("ää", "€", "opus").Value.InputBytes.Should().Be(4 + 3);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void An_empty_system_prompt_is_none(string? system) =>
        CompletionRequest
            .Create("hi", system, null)
            .Value.Should()
            .Match<CompletionRequest>(request => request.System == null && request.Model == null);

    [Theory]
    [InlineData(null, null, null, ErrorCode.InvalidRequest, "prompt")]
    [InlineData(" ", " ", "!", ErrorCode.InvalidRequest, "prompt")]
    [InlineData("hi", " ", "!", ErrorCode.InvalidRequest, "system")]
    [InlineData("hi", null, "!", ErrorCode.UnknownModel, "model")]
    [InlineData("hi", null, "", ErrorCode.UnknownModel, "model")]
    public void The_first_wrong_field_is_named(string? prompt, string? system, string? model, ErrorCode code, string field) =>
        CompletionRequest.Create(prompt, system, model).Error.Should().BeEquivalentTo(new { Code = code, Field = field });

    [Fact]
    public void An_answer_prints_without_its_text() =>
        $"{Any.Completion("the answer is 42")}".Should().Contain("opus").And.NotContain("42");
}
