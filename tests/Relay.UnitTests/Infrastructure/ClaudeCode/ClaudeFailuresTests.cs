using Relay.Domain;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

public sealed class ClaudeFailuresTests
{
    [Theory]
    [InlineData(401, "authentication_failed", null, ErrorCode.NotLoggedIn)]
    [InlineData(403, "authentication_failed", null, ErrorCode.NotLoggedIn)]
    [InlineData(403, null, null, ErrorCode.NotLoggedIn)]
    [InlineData(null, "authentication_failed", null, ErrorCode.NotLoggedIn)]
    [InlineData(null, "oauth_org_not_allowed", null, ErrorCode.NotLoggedIn)]
    [InlineData(400, "invalid_request", "prompt_too_long", ErrorCode.PromptTooLong)]
    [InlineData(413, null, "prompt_too_long", ErrorCode.PromptTooLong)]
    [InlineData(400, "invalid_request", null, ErrorCode.UpstreamError)]
    [InlineData(413, null, null, ErrorCode.UpstreamError)]
    [InlineData(404, "model_not_found", null, ErrorCode.UnknownModel)]
    [InlineData(null, "model_not_found", null, ErrorCode.UnknownModel)]
    [InlineData(429, "rate_limit", null, ErrorCode.UpstreamRateLimited)]
    [InlineData(null, "rate_limit", null, ErrorCode.UpstreamRateLimited)]
    [InlineData(529, "server_error", null, ErrorCode.Overloaded)]
    [InlineData(null, "overloaded", null, ErrorCode.Overloaded)]
    [InlineData(422, null, null, ErrorCode.UpstreamError)]
    [InlineData(500, "server_error", null, ErrorCode.UpstreamError)]
    [InlineData(503, null, null, ErrorCode.UpstreamError)]
    [InlineData(null, "unknown", null, ErrorCode.UpstreamError)]
    [InlineData(null, null, null, ErrorCode.UpstreamError)]
    [InlineData(200, null, null, ErrorCode.UpstreamError)]
    public void Each_failure_of_the_table_has_its_code(int? status, string? assistantError, string? terminalReason, ErrorCode code)
    {
        var error = ClaudeFailures.ToError(new ClaudeFailure("success", status, assistantError, terminalReason, RetryAfter: null));

        error.Code.Should().Be(code);
        error.Message.Should().NotBeNullOrWhiteSpace();
    }

    [Theory]
    [InlineData(500, "failed (status 500)")]
    [InlineData(422, "refused the request (status 422)")]
    [InlineData(null, "could not be reached")]
    public void Each_failure_tells_whose_fault_it_is(int? status, string words) =>
        ClaudeFailures.ToError(new ClaudeFailure("success", status, null, null, null)).Message.Should().Contain(words);

    [Fact]
    public void An_attempt_to_use_a_tool_is_told_as_such() =>
        ClaudeFailures.ToError(new ClaudeFailure("error_max_turns", null, null, "max_turns", null)).Message.Should().Contain("tool");

    [Fact]
    public void A_known_reset_time_is_the_time_to_wait()
    {
        ClaudeFailures
            .ToError(new ClaudeFailure("success", 429, null, null, TimeSpan.FromHours(3)))
            .RetryAfter.Should()
            .Be(TimeSpan.FromHours(3));
        ClaudeFailures.ToError(new ClaudeFailure("success", 429, null, null, null)).RetryAfter.Should().BePositive();
        ClaudeFailures.ToError(new ClaudeFailure("success", 529, null, null, null)).RetryAfter.Should().BePositive();
    }
}
