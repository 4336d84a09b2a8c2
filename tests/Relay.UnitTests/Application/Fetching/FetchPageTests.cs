using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Application.Fetching;
using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.UnitTests.Application.Fetching;

public sealed class FetchPageTests
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    private readonly FakeTimeProvider _clock = new();
    private readonly IPageFetcher _fetcher = Substitute.For<IPageFetcher>();

    /// <summary>A site that redirects just before a second is over must not learn how long the look-up behind it took.</summary>
    [Theory]
    [InlineData(0, 2)]
    [InlineData(0, 30)]
    [InlineData(990, 2)]
    [InlineData(990, 30)]
    [InlineData(5990, 30)]
    public async Task A_failure_is_answered_a_whole_second_after_its_last_hop_began(int redirectedAfter, int failedAfter)
    {
        _fetcher.FetchAsync(null!, null, null!, null!, TestContext.Current.CancellationToken).ReturnsForAnyArgs(call =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(redirectedAfter));
            call.Arg<FetchTrace>().HopBeganAt = _clock.GetTimestamp();
            _clock.Advance(TimeSpan.FromMilliseconds(failedAfter));
            return Result<FetchReply>.Failure(new RelayError(ErrorCode.FetchFailed, "no"));
        });
        var handler = new FetchPageHandler(_fetcher, Substitute.For<IPageReader>(), new FetchPolicy(FetchRules.Default, AddressPolicy.Default), Any.Metrics(), _clock);

        var answer = handler.Handle(new FetchPageCommand(Any.Context(), FetchRequest.Create("https://www.example.com/", null, null, null, null, null).Value), Waiting.Token);
        _clock.Advance(TimeSpan.FromMilliseconds(1000 - failedAfter) - Tick);
        answer.IsCompleted.Should().BeFalse();
        _clock.Advance(Tick);

        (await answer.InTime()).Error!.Code.Should().Be(ErrorCode.FetchFailed);
    }
}
