using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Api.Http;
using Relay.Api.Quotas;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Api.Quotas;

public sealed class FailureGateTests
{
    private readonly FakeTimeProvider _clock = new(Any.Time);
    private readonly IAdmission _admission = Substitute.For<IAdmission>();
    private readonly ApiKey _key = Any.Key();
    private readonly FailureGate _gate;
    private int _ran;

    public FailureGateTests()
    {
        var limit = new FailureLimit(new LiveOptions<QuotaOptions>(new QuotaOptions { PerKeyRpm = 100 }), _clock);
        _admission.FindFailureLimit(Arg.Any<ApiKey>()).Returns(call => limit.Find(call.Arg<ApiKey>()));
        _admission.When(admission => admission.CountFailure(Arg.Any<ApiKey>())).Do(call => limit.Count(call.Arg<ApiKey>()));
        _gate = new FailureGate(_admission, Any.Metrics());
    }

    [Theory]
    [InlineData(null, 1000)]
    [InlineData(5, 300)]
    [InlineData(200, 2000)]
    public async Task A_key_that_only_fails_is_held_by_a_wide_limit_until_its_time_is_over(int? perMinute, int most)
    {
        var key = _key with { Limits = new KeyLimits(RequestsPerMinute: perMinute) };
        for (var request = 0; request < most; request++)
        {
            (await AskAsync(key, error: ErrorCode.QueueFull)).StatusCode.Should().Be(429);
        }

        _ran.Should().Be(most);
        var refused = await AskAsync(key, error: ErrorCode.QueueFull);

        _ran.Should().Be(most, "it is turned away before anything is looked at");
        refused.Headers.RetryAfter.ToString().Should().Be("60");
        await AskAsync(Any.Key(), error: ErrorCode.QueueFull);
        _ran.Should().Be(most + 1, "another key is not held");
        _clock.Advance(TimeSpan.FromSeconds(60));
        await AskAsync(key, error: null);
        _ran.Should().Be(most + 2, "the time was honest");
    }

    [Theory]
    [InlineData(QuotaBucket.Completions, null, null, null, true)]
    [InlineData(QuotaBucket.Completions, ErrorCode.InvalidRequest, null, null, true)]
    [InlineData(QuotaBucket.Completions, ErrorCode.NotLoggedIn, null, 0, true)]
    [InlineData(QuotaBucket.Completions, ErrorCode.UpstreamError, 0.5, 0, false)]
    [InlineData(QuotaBucket.Completions, null, 0.5, 0, false)]
    [InlineData(QuotaBucket.Completions, ErrorCode.RateLimited, null, null, false)]
    [InlineData(QuotaBucket.Completions, ErrorCode.DailyLimit, null, null, false)]
    [InlineData(QuotaBucket.Fetches, ErrorCode.FetchFailed, null, 0, false)]
    [InlineData(QuotaBucket.Fetches, ErrorCode.QueueFull, null, null, true)]
    public async Task A_request_counts_that_came_to_nothing_and_no_limit_refused(
        QuotaBucket bucket,
        ErrorCode? error,
        double? cost,
        int? queueSeconds,
        bool counts
    )
    {
        await AskAsync(_key, error, bucket, (decimal?)cost, queueSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null);

        _admission.Received(counts ? 1 : 0).CountFailure(_key);
    }

    [Fact]
    public async Task A_request_whose_caller_left_counts_and_a_replay_does_not()
    {
        var asking = () => AskAsync(_key, error: null, failure: new OperationCanceledException());
        await asking.Should().ThrowAsync<OperationCanceledException>();
        await AskAsync(_key, error: null, isReplay: true);

        _admission.Received(1).CountFailure(_key);
    }

    [Fact]
    public async Task Routes_that_spend_nothing_are_not_held()
    {
        await AskAsync(_key, error: ErrorCode.NotFound, bucket: null);

        _admission.ReceivedCalls().Should().BeEmpty();
        _ran.Should().Be(1);
    }

    private async Task<HttpResponse> AskAsync(
        ApiKey key,
        ErrorCode? error,
        QuotaBucket? bucket = QuotaBucket.Completions,
        decimal? cost = null,
        TimeSpan? queue = null,
        bool isReplay = false,
        Exception? failure = null
    )
    {
        var context = new DefaultHttpContext { Response = { Body = Stream.Null } };
        var request = Any.Context(key);
        context.Features.Set(new RequestLogEntry("req_1"));
        context.Features.Set(request);
        context.SetEndpoint(
            new Endpoint(null, bucket is { } spends ? new EndpointMetadataCollection(new SpendsQuotaAttribute(spends)) : null, null)
        );
        await _gate.InvokeAsync(
            context,
            async _ =>
            {
                _ran++;
                (request.CostUsd, request.QueueTime, request.IsReplay) = (cost, queue, isReplay);
                if (failure is not null)
                {
                    throw failure;
                }

                if (error is { } code)
                {
                    await ErrorResponse.WriteAsync(context, new RelayError(code, "No."));
                }
            }
        );
        return context.Response;
    }
}
