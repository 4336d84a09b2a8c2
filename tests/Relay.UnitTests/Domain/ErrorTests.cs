using Relay.Domain;

namespace Relay.UnitTests.Domain;

public sealed class ErrorTests
{
    private static readonly Dictionary<ErrorCode, string> WireNames = new()
    {
        [ErrorCode.InvalidRequest] = "invalid_request",
        [ErrorCode.InvalidJson] = "invalid_json",
        [ErrorCode.UnknownModel] = "unknown_model",
        [ErrorCode.PromptTooLong] = "prompt_too_long",
        [ErrorCode.UrlRejected] = "url_rejected",
        [ErrorCode.Unauthorized] = "unauthorized",
        [ErrorCode.Forbidden] = "forbidden",
        [ErrorCode.WrongHost] = "wrong_host",
        [ErrorCode.NotFound] = "not_found",
        [ErrorCode.MethodNotAllowed] = "method_not_allowed",
        [ErrorCode.UnsupportedMediaType] = "unsupported_media_type",
        [ErrorCode.UnsupportedContentType] = "unsupported_content_type",
        [ErrorCode.TooLarge] = "too_large",
        [ErrorCode.RateLimited] = "rate_limited",
        [ErrorCode.DailyLimit] = "daily_limit",
        [ErrorCode.GlobalDailyLimit] = "global_daily_limit",
        [ErrorCode.QueueFull] = "queue_full",
        [ErrorCode.UpstreamRateLimited] = "upstream_rate_limited",
        [ErrorCode.ClientClosed] = "client_closed",
        [ErrorCode.InternalError] = "internal_error",
        [ErrorCode.SchemaNotSatisfied] = "schema_not_satisfied",
        [ErrorCode.IdempotencyInFlight] = "idempotency_in_flight",
        [ErrorCode.IdempotencyMismatch] = "idempotency_mismatch",
        [ErrorCode.UpstreamError] = "upstream_error",
        [ErrorCode.FetchFailed] = "fetch_failed",
        [ErrorCode.NotLoggedIn] = "not_logged_in",
        [ErrorCode.ClaudeMissing] = "claude_missing",
        [ErrorCode.LockdownViolation] = "lockdown_violation",
        [ErrorCode.Overloaded] = "overloaded",
        [ErrorCode.ShuttingDown] = "shutting_down",
        [ErrorCode.StateUnavailable] = "state_unavailable",
        [ErrorCode.Timeout] = "timeout",
        [ErrorCode.Conflict] = "conflict",
    };

    [Fact]
    public void Every_code_has_the_wire_name_that_callers_know() =>
        Enum.GetValues<ErrorCode>()
            .ToDictionary(code => code, code => new RelayError(code, "…").WireName)
            .Should()
            .Equal(WireNames, "callers match on these: a new code belongs into this table, an old one never changes");

    [Fact]
    public void An_invalid_field_is_named() =>
        RelayError.Invalid("prompt", "It is blank.").Should().Be(new RelayError(ErrorCode.InvalidRequest, "It is blank.", "prompt"));

    [Fact]
    public void A_success_has_a_value_and_no_error()
    {
        Result<string> result = "value";

        result.TryGet(out var value, out var error).Should().BeTrue();
        value.Should().Be("value").And.Be(result.Value);
        error.Should().BeNull();
        result.Error.Should().BeNull();
    }

    [Fact]
    public void A_failure_has_an_error_and_no_value()
    {
        Result<string> result = RelayError.Invalid("prompt", "It is blank.");

        result.TryGet(out var value, out var error).Should().BeFalse();
        value.Should().BeNull();
        error.Should().Be(RelayError.Invalid("prompt", "It is blank."));
        result.Error.Should().BeSameAs(error);
    }

    [Fact]
    public void Asking_a_failure_for_its_value_is_a_bug_that_says_which_failure()
    {
        var asking = () => Result<string>.Failure(new RelayError(ErrorCode.QueueFull, "Full.")).Value;

        asking.Should().Throw<InvalidOperationException>().WithMessage("*queue_full*");
    }

    [Fact]
    public void A_null_value_is_still_a_success() => ((Result<string?>)(string?)null).TryGet(out _, out _).Should().BeTrue();
}
