using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Application.Fetching;
using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.UnitTests.Application.Fetching;

public sealed class FetchPageTests : IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    private readonly FakeTimeProvider _clock = new();
    private readonly MetricRecorder _outcomes = new("relay.fetch.duration", "relay.fetch.outcome");
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
        _fetcher
            .FetchAsync(null!, default, null, null!, null!, TestContext.Current.CancellationToken)
            .ReturnsForAnyArgs(call =>
            {
                _clock.Advance(TimeSpan.FromMilliseconds(redirectedAfter));
                call.Arg<FetchTrace>().HopBeganAt = _clock.GetTimestamp();
                _clock.Advance(TimeSpan.FromMilliseconds(failedAfter));
                return Result<FetchReply>.Failure(new RelayError(ErrorCode.FetchFailed, "no"));
            });
        var handler = new FetchPageHandler(
            _fetcher,
            Substitute.For<IPageReader>(),
            Substitute.For<IPdfReader>(),
            new FetchPolicy(FetchRules.Default, AddressPolicy.Default),
            Options.Create(new FetchOptions()),
            _outcomes.Metrics,
            _clock
        );

        var answer = handler.Handle(
            new FetchPageCommand(Any.Context(), FetchRequest.Create("https://www.example.com/", null, null, null, null, null).Value),
            Waiting.Token
        );
        _clock.Advance(TimeSpan.FromMilliseconds(1000 - failedAfter) - Tick);
        answer.IsCompleted.Should().BeFalse();
        _clock.Advance(Tick);

        (await answer.InTime()).Error!.Code.Should().Be(ErrorCode.FetchFailed);
    }

    /// <summary>Reading is work of the relay's own, which nothing but the token ends.</summary>
    [Fact]
    public async Task Reading_ends_with_the_time_that_a_page_may_take()
    {
        var answer = ReadAsync(_ => _clock.Advance(new FetchOptions().Timeout), Waiting.Token);

        (await answer.InTime()).Error!.Code.Should().Be(ErrorCode.Timeout);
    }

    [Fact]
    public async Task Reading_ends_when_its_caller_leaves()
    {
        using var leaving = new CancellationTokenSource();

        var answer = ReadAsync(_ => leaving.Cancel(), leaving.Token);

        await answer.Invoking(one => one.InTime()).Should().ThrowAsync<OperationCanceledException>();
        _outcomes.Values.Should().Equal("client_closed");
    }

    [Fact]
    public async Task A_bug_is_not_counted_as_a_caller_that_left()
    {
        var answer = ReadAsync(_ => throw new InvalidOperationException("a bug"), Waiting.Token);

        await answer.Invoking(one => one.InTime()).Should().ThrowAsync<InvalidOperationException>();
        _outcomes.Values.Should().Equal("internal_error");
    }

    public void Dispose() => _outcomes.Dispose();

    private Task<Result<FetchedPage>> ReadAsync(Action<CancellationToken> meanwhile, CancellationToken left)
    {
        var document = new FetchedDocument(new Uri("https://www.example.com/"), DocumentKind.Html, null, new byte[1], IsWhole: true);
        _fetcher
            .FetchAsync(null!, default, null, null!, null!, TestContext.Current.CancellationToken)
            .ReturnsForAnyArgs(Result<FetchReply>.Success(new FetchReply(200, null, [], document)));
        var reader = Substitute.For<IPageReader>();
        reader
            .Read(null!, null!, TestContext.Current.CancellationToken)
            .ReturnsForAnyArgs(call =>
            {
                meanwhile(call.Arg<CancellationToken>());
                call.Arg<CancellationToken>().ThrowIfCancellationRequested();
                return Result<Page>.Success(new Page(new byte[1], 1, null, false, null, PageMetadata.None));
            });
        var handler = new FetchPageHandler(
            _fetcher,
            reader,
            Substitute.For<IPdfReader>(),
            new FetchPolicy(FetchRules.Default, AddressPolicy.Default),
            Options.Create(new FetchOptions()),
            _outcomes.Metrics,
            _clock
        );
        return handler.Handle(
            new FetchPageCommand(Any.Context(), FetchRequest.Create("https://www.example.com/", null, null, null, null, null).Value),
            left
        );
    }
}
