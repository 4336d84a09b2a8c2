using Relay.Domain;
using Relay.Infrastructure.ApiGate;

namespace Relay.UnitTests.Infrastructure.ApiGate;

public sealed class ParameterRefusalTests
{
    private static readonly string[] All = ["temperature", "top_p", "top_k", "stop_sequences", "thinking", "effort"];

    [Theory]
    [InlineData(
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    )]
    [InlineData(
        "stop_sequences: each stop sequence must contain non-whitespace",
        "stop_sequences: each stop sequence must contain non-whitespace"
    )]
    [InlineData(
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
        "`max_tokens` must be greater than `thinking.budget_tokens`."
    )]
    [InlineData(
        "\"thinking.type.enabled\" is not supported for claude-opus-4-7.",
        "\"thinking.type.enabled\" is not supported for claude-opus-4-7."
    )]
    [InlineData("temperature: Input should be less than or equal to 1", "temperature: Input should be less than or equal to 1")]
    [InlineData(
        "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.",
        "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."
    )]
    [InlineData(
        "`temperature` may only be set to 1 when thinking is enabled. Please consult our documentation at "
            + "https://docs.example.com/en/thinking#limits",
        "`temperature` may only be set to 1 when thinking is enabled."
    )]
    [InlineData("top_k: not for org-5f2ab8. top_k may not be set.", "top_k may not be set.")]
    public void The_words_of_the_api_about_a_parameter_reach_the_caller(string message, string words) =>
        ParameterRefusal
            .Of(Failure(message), All)
            .Should()
            .BeEquivalentTo(new { Code = ErrorCode.InvalidRequest, Message = $"Anthropic refused the request: {words}" });

    [Theory]
    [InlineData("Your credit balance is too low to access the Anthropic API.")]
    [InlineData("temperature is refused by proxy7.corp.example.com")]
    [InlineData("temperature is refused by 10.0.0.7")]
    [InlineData("temperature is refused at http://localhost")]
    [InlineData("temperature is refused for operator@example")]
    [InlineData("temperature is refused for req_011CbrG7tukokKxC5N5mWKfx")]
    [InlineData("temperature is refused for 0f0f2c1e-4e97-41f0-86cd-651995111a6a")]
    [InlineData("temperature is refused for sk-ant-api03")]
    [InlineData("temperature is refused in /etc/relay")]
    [InlineData("temperature\u001b[31m is refused")]
    [InlineData("temperatures differ")]
    [InlineData("")]
    [InlineData(null)]
    public void Other_words_stay_here(string? message) => ParameterRefusal.Of(Failure(message), All).Should().BeNull();

    [Fact]
    public void Words_about_a_parameter_that_the_caller_did_not_set_stay_here() =>
        ParameterRefusal.Of(Failure("temperature is refused"), ["top_p"]).Should().BeNull();

    [Theory]
    [InlineData(400, "api_error")]
    [InlineData(401, "invalid_request_error")]
    [InlineData(429, "invalid_request_error")]
    [InlineData(null, null)]
    public void Another_kind_of_failure_stays_here(int? status, string? type) =>
        ParameterRefusal.Of(new ApiFailure(status, type, "temperature is refused", null), All).Should().BeNull();

    [Fact]
    public void Long_words_stay_here()
    {
        ParameterRefusal.Of(Failure("temperature is refused " + string.Concat(Enumerable.Repeat("again ", 70))), All).Should().BeNull();
        ParameterRefusal.Of(Failure(string.Concat(Enumerable.Repeat("temperature is refused. ", 100_000))), All).Should().BeNull();
    }

    private static ApiFailure Failure(string? message) => new(400, "invalid_request_error", message, null);
}
