using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Http;
using Relay.Domain;

namespace Relay.UnitTests.Api.Http;

public sealed class ErrorResponseTests : IDisposable
{
    private readonly DefaultHttpContext _context = new();
    private readonly MemoryStream _body = new();

    public ErrorResponseTests()
    {
        _context.Features.Set(new RequestLogEntry("req_1"));
        _context.Response.Body = _body;
    }

    public void Dispose() => _body.Dispose();

    private static readonly Dictionary<ErrorCode, int> Statuses = new()
    {
        [ErrorCode.InvalidRequest] = 400,
        [ErrorCode.InvalidJson] = 400,
        [ErrorCode.UnknownModel] = 400,
        [ErrorCode.PromptTooLong] = 400,
        [ErrorCode.UrlRejected] = 400,
        [ErrorCode.Unauthorized] = 401,
        [ErrorCode.Forbidden] = 403,
        [ErrorCode.NotFound] = 404,
        [ErrorCode.MethodNotAllowed] = 405,
        [ErrorCode.Conflict] = 409,
        [ErrorCode.TooLarge] = 413,
        [ErrorCode.UnsupportedMediaType] = 415,
        [ErrorCode.UnsupportedContentType] = 415,
        [ErrorCode.WrongHost] = 421,
        [ErrorCode.RateLimited] = 429,
        [ErrorCode.DailyLimit] = 429,
        [ErrorCode.GlobalDailyLimit] = 429,
        [ErrorCode.QueueFull] = 429,
        [ErrorCode.UpstreamRateLimited] = 429,
        [ErrorCode.ClientClosed] = 499,
        [ErrorCode.InternalError] = 500,
        [ErrorCode.SchemaNotSatisfied] = 422,
        [ErrorCode.IdempotencyInFlight] = 409,
        [ErrorCode.IdempotencyMismatch] = 422,
        [ErrorCode.UpstreamError] = 502,
        [ErrorCode.FetchFailed] = 502,
        [ErrorCode.NotLoggedIn] = 503,
        [ErrorCode.ClaudeMissing] = 503,
        [ErrorCode.LockdownViolation] = 503,
        [ErrorCode.Overloaded] = 503,
        [ErrorCode.ShuttingDown] = 503,
        [ErrorCode.StateUnavailable] = 503,
        [ErrorCode.Timeout] = 504,
    };

    [Fact]
    public void Every_code_has_its_status() =>
        Enum.GetValues<ErrorCode>().ToDictionary(code => code, ErrorResponse.StatusOf).Should().Equal(Statuses);

    [Fact]
    public void A_code_nobody_gave_a_status_is_a_bug() =>
        ((Action)(() => ErrorResponse.StatusOf((ErrorCode)(-1)))).Should().Throw<InvalidOperationException>();

    [Fact]
    public async Task A_failure_has_one_shape()
    {
        await ErrorResponse.WriteAsync(_context, RelayError.Invalid("prompt", "'prompt' is blank."));

        _context.Response.StatusCode.Should().Be(400);
        _context.Response.ContentType.Should().StartWith("application/json");
        Body()
            .Should()
            .Be("""{"ok":false,"error":{"code":"invalid_request","message":"'prompt' is blank.","field":"prompt"},"request_id":"req_1"}""");
        _context.Log().Error.Should().Be("invalid_request");
        _context.Response.Headers.RetryAfter.Should().BeEmpty();
    }

    [Theory]
    [InlineData(0.2, "1")]
    [InlineData(0, "1")]
    [InlineData(1, "1")]
    [InlineData(1.001, "2")]
    [InlineData(86_399.5, "86400")]
    public async Task The_time_to_wait_is_whole_seconds_and_never_too_short(double seconds, string header)
    {
        await ErrorResponse.WriteAsync(_context, new RelayError(ErrorCode.QueueFull, "Full.", RetryAfter: TimeSpan.FromSeconds(seconds)));

        _context.Response.Headers.RetryAfter.ToString().Should().Be(header);
    }

    [Fact]
    public async Task An_actions_failure_has_the_same_shape_and_headers()
    {
        var result = new RelayError(ErrorCode.DailyLimit, "Used up.", RetryAfter: TimeSpan.FromSeconds(9)).ToActionResult();

        await result.ExecuteResultAsync(new ActionContext { HttpContext = _context });

        _context.Response.StatusCode.Should().Be(429);
        _context.Response.ContentLength.Should().Be(_body.Length);
        Body().Should().Be("""{"ok":false,"error":{"code":"daily_limit","message":"Used up."},"request_id":"req_1"}""");
        _context.Response.Headers.RetryAfter.ToString().Should().Be("9");
    }

    [Theory]
    [InlineData(nameof(ApiSurface.OpenAi), ErrorCode.RateLimited, 20, 429, "20", "true")]
    [InlineData(nameof(ApiSurface.OpenAi), ErrorCode.DailyLimit, 40_000, 429, "", "false")]
    [InlineData(nameof(ApiSurface.Anthropic), ErrorCode.UpstreamRateLimited, 61, 429, "", "false")]
    [InlineData(nameof(ApiSurface.Anthropic), ErrorCode.UpstreamRateLimited, 60, 429, "60", "true")]
    [InlineData(nameof(ApiSurface.Anthropic), ErrorCode.Overloaded, 5, 529, "5", "true")]
    [InlineData(nameof(ApiSurface.OpenAi), ErrorCode.Overloaded, 5, 503, "5", "true")]
    [InlineData(nameof(ApiSurface.OpenAi), ErrorCode.StateUnavailable, 1, 503, "1", "true")]
    [InlineData(nameof(ApiSurface.Anthropic), ErrorCode.StateUnavailable, 1, 503, "1", "true")]
    [InlineData(nameof(ApiSurface.OpenAi), ErrorCode.UnknownModel, 0, 404, "", "false")]
    [InlineData(nameof(ApiSurface.OpenAi), ErrorCode.SchemaNotSatisfied, 0, 400, "", "false")]
    [InlineData(nameof(ApiSurface.Native), ErrorCode.SchemaNotSatisfied, 0, 422, "", "")]
    [InlineData(nameof(ApiSurface.Anthropic), ErrorCode.NotLoggedIn, 0, 503, "", "false")]
    [InlineData(nameof(ApiSurface.Native), ErrorCode.DailyLimit, 40_000, 429, "40000", "")]
    public async Task Other_APIs_have_their_own_statuses_and_nobody_sleeps_for_more_than_a_minute(
        string api,
        ErrorCode code,
        int seconds,
        int status,
        string retryAfter,
        string shouldRetry
    )
    {
        var surface = Enum.Parse<ApiSurface>(api);
        _context.SetEndpoint(
            new Endpoint(null, surface == ApiSurface.Native ? null : new EndpointMetadataCollection(new SpeaksAttribute(surface)), null)
        );

        await ErrorResponse.WriteAsync(
            _context,
            new RelayError(code, "No.", RetryAfter: seconds == 0 ? null : TimeSpan.FromSeconds(seconds))
        );

        _context.Response.StatusCode.Should().Be(status);
        _context.Response.Headers.RetryAfter.ToString().Should().Be(retryAfter);
        _context.Response.Headers["x-should-retry"].ToString().Should().Be(shouldRetry);
    }

    [Theory]
    [InlineData(nameof(ApiSurface.OpenAi), ErrorCode.UpstreamError, 400)]
    [InlineData(nameof(ApiSurface.OpenAi), ErrorCode.Timeout, 400)]
    [InlineData(nameof(ApiSurface.Anthropic), ErrorCode.Overloaded, 400)]
    [InlineData(nameof(ApiSurface.Anthropic), ErrorCode.UpstreamRateLimited, 400)]
    [InlineData(nameof(ApiSurface.OpenAi), ErrorCode.UnknownModel, 404)]
    [InlineData(nameof(ApiSurface.Anthropic), ErrorCode.TooLarge, 413)]
    [InlineData(nameof(ApiSurface.Native), ErrorCode.UpstreamError, 502)]
    public async Task Clients_do_not_repeat_failures_that_have_cost_money(string api, ErrorCode code, int status)
    {
        var surface = Enum.Parse<ApiSurface>(api);
        _context.SetEndpoint(new Endpoint(null, new EndpointMetadataCollection(new SpeaksAttribute(surface)), null));
        var request = Any.Context();
        request.CostUsd = 0.01m;
        _context.Features.Set(request);

        await ErrorResponse.WriteAsync(_context, new RelayError(code, "No."));

        _context.Response.StatusCode.Should().Be(status);
        _context.Response.Headers["x-should-retry"].ToString().Should().Be(surface == ApiSurface.Native ? string.Empty : "false");
    }

    [Theory]
    [InlineData(ErrorCode.DailyLimit)]
    [InlineData(ErrorCode.GlobalDailyLimit)]
    [InlineData(ErrorCode.UpstreamRateLimited)]
    public async Task A_used_up_quota_is_told_in_the_code_that_OpenAI_programs_read(ErrorCode code)
    {
        _context.SetEndpoint(new Endpoint(null, new EndpointMetadataCollection(new SpeaksAttribute(ApiSurface.OpenAi)), null));

        await ErrorResponse.WriteAsync(_context, new RelayError(code, "Used up."));

        var error = JsonSerializer.Deserialize<JsonElement>(Body()).GetProperty("error");
        (error.GetProperty("type").GetString(), error.GetProperty("code").GetString())
            .Should()
            .Be(("insufficient_quota", "insufficient_quota"));
    }

    [Fact]
    public async Task Every_error_has_the_words_of_the_API_it_is_told_in()
    {
        foreach (var code in Enum.GetValues<ErrorCode>())
        {
            foreach (var surface in (ApiSurface[])[ApiSurface.OpenAi, ApiSurface.Anthropic])
            {
                _body.SetLength(0);
                _context.SetEndpoint(new Endpoint(null, new EndpointMetadataCollection(new SpeaksAttribute(surface)), null));
                await ErrorResponse.WriteAsync(_context, new RelayError(code, "No.", "model"));
                var error = JsonSerializer.Deserialize<JsonElement>(Body()).GetProperty("error");
                error.GetProperty("message").GetString().Should().Be("No.");
                error.GetProperty("type").GetString().Should().NotBeNullOrEmpty();
                if (surface == ApiSurface.OpenAi)
                {
                    (error.GetProperty("param").GetString(), error.GetProperty("code").ValueKind)
                        .Should()
                        .Be(("model", JsonValueKind.String));
                }
                else
                {
                    JsonSerializer.Deserialize<JsonElement>(Body()).GetProperty("request_id").GetString().Should().Be("req_1");
                }
            }
        }
    }

    [Theory]
    [InlineData(404, "not_found")]
    [InlineData(405, "method_not_allowed")]
    [InlineData(415, "unsupported_media_type")]
    public async Task The_frameworks_own_refusals_get_the_same_shape(int status, string code)
    {
        _context.Response.StatusCode = status;

        await ErrorResponse.WriteForStatusAsync(_context);

        _context.Response.StatusCode.Should().Be(status);
        JsonSerializer.Deserialize<JsonElement>(Body()).GetProperty("error").GetProperty("code").GetString().Should().Be(code);
    }

    private string Body() => System.Text.Encoding.UTF8.GetString(_body.ToArray());
}
