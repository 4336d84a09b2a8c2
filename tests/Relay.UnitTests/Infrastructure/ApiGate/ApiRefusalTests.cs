using Relay.Domain;
using Relay.Infrastructure.ApiGate;

namespace Relay.UnitTests.Infrastructure.ApiGate;

public sealed class ApiRefusalTests
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
        ApiRefusal
            .Of(Failure(message), All, false)
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
    public void Other_words_stay_here(string? message) => ApiRefusal.Of(Failure(message), All, false).Should().BeNull();

    [Fact]
    public void Words_about_a_parameter_that_the_caller_did_not_set_stay_here() =>
        ApiRefusal.Of(Failure("temperature is refused"), ["top_p"], false).Should().BeNull();

    [Theory]
    [InlineData(
        "messages.2.content.0.pdf.source.base64.data: The PDF specified was not valid.",
        "Anthropic refused a document: The PDF specified was not valid."
    )]
    [InlineData(
        "messages.1.content.0.tool_result.content.0.pdf.source.base64.data: The PDF specified is password protected.",
        "Anthropic refused a document: The PDF specified is password protected."
    )]
    [InlineData("A maximum of 100 PDF pages may be provided.", "Anthropic refused a document: A maximum of 100 PDF pages may be provided.")]
    [InlineData("Could not process PDF", "Anthropic refused a document: Could not process PDF")]
    [InlineData(
        "messages.0.content.1.document.source.text.data: Field required. See https://docs.example.com/en/pdf for req_011CbrG7t",
        "Anthropic refused a document: Field required."
    )]
    public void The_words_of_the_api_about_a_document_reach_a_caller_who_sent_one(string message, string words)
    {
        ApiRefusal.Of(Failure(message), [], true).Should().BeEquivalentTo(new { Code = ErrorCode.InvalidRequest, Message = words });
        ApiRefusal.Of(Failure(message), All, false).Should().BeNull("this request has no document");
    }

    [Theory]
    [InlineData("messages.0.content.0.pdf.source.base64.data: see https://files.example.com/1")]
    [InlineData("messages.0.content.0.pdf.source.base64.data: refused by proxy7.corp.example.com")]
    [InlineData("The PDF of org-5f2ab8 is too long")]
    [InlineData("Your credit balance is too low to access the Anthropic API.")]
    [InlineData("messages.0.content.0.text: Field required")]
    [InlineData("messages.0.content.0.pdf.source.base64.data:")]
    public void Other_words_stay_here_also_beside_a_document(string message) => ApiRefusal.Of(Failure(message), [], true).Should().BeNull();

    [Theory]
    [InlineData(400, "api_error")]
    [InlineData(401, "invalid_request_error")]
    [InlineData(429, "invalid_request_error")]
    [InlineData(null, null)]
    public void Another_kind_of_failure_stays_here(int? status, string? type) =>
        ApiRefusal.Of(new ApiFailure(status, type, "temperature is refused", null), All, false).Should().BeNull();

    [Fact]
    public void Long_words_stay_here()
    {
        ApiRefusal.Of(Failure("temperature is refused " + string.Concat(Enumerable.Repeat("again ", 70))), All, false).Should().BeNull();
        ApiRefusal.Of(Failure(string.Concat(Enumerable.Repeat("temperature is refused. ", 100_000))), All, false).Should().BeNull();
    }

    private static ApiFailure Failure(string? message) => new(400, "invalid_request_error", message, null);
}
