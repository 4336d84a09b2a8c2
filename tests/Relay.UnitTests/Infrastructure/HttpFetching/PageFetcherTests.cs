using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Application.Fetching;
using Relay.Domain;
using Relay.Domain.Fetching;
using Relay.Infrastructure.HttpFetching;

namespace Relay.UnitTests.Infrastructure.HttpFetching;

public sealed class PageFetcherTests : IDisposable
{
    private readonly FetchOptions _options = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly FetchTrace _trace = new();
    private readonly FetchResilience _resilience;

    public PageFetcherTests() => _resilience = new FetchResilience(Options.Create(_options), _clock);

    public void Dispose() => _resilience.Dispose();

    [Fact]
    public async Task A_hop_begins_with_the_answer_that_leads_to_it()
    {
        var began = _clock.GetTimestamp();

        var answer = await FetchAsync(request =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(700));
            return request.RequestUri!.Host == "www.example.org"
                ? throw new FetchFaultException(FetchFault.DnsFailure)
                : new HttpResponseMessage(HttpStatusCode.Found) { Headers = { Location = new Uri("https://www.example.org/") } };
        });

        answer.Error!.Code.Should().Be(ErrorCode.FetchFailed);
        _clock.GetElapsedTime(began, _trace.HopBeganAt!.Value).Should().Be(TimeSpan.FromMilliseconds(700));
    }

    /// <summary>Or else the wait would tell how long the pages before it took to fail.</summary>
    [Fact]
    public async Task A_hop_begins_before_its_wait_for_a_place()
    {
        var places = await FillAsync(_options.PerHostConcurrency);
        var began = _clock.GetTimestamp();

        var answer = FetchAsync(_ => throw new FetchFaultException(FetchFault.DnsFailure));
        _clock.Advance(TimeSpan.FromMilliseconds(30));
        places[0].Dispose();

        (await answer.InTime()).Error!.Code.Should().Be(ErrorCode.FetchFailed);
        _trace.HopBeganAt.Should().Be(began);
    }

    [Theory]
    [InlineData(2, 20, 20)]
    [InlineData(2, 60, 32)]
    [InlineData(7, 60, 10)]
    [InlineData(1000, 20, 1)]
    public async Task A_host_for_which_too_many_wait_is_busy_for_as_long_as_they_take(int places, int timeout, int seconds)
    {
        (_options.PerHostConcurrency, _options.Timeout) = (places, TimeSpan.FromSeconds(timeout));
        using var resilience = new FetchResilience(Options.Create(_options), _clock);
        using var leaving = new CancellationTokenSource();
        var waiting = Enumerable
            .Range(0, places + HostPlaces.MaxWaiting)
            .Select(number => resilience.Places.EnterAsync("www.example.com", $"other_{number}", leaving.Token).AsTask())
            .ToList();

        var answer = await FetchAsync(_ => throw new FetchFaultException(FetchFault.DnsFailure), resilience);

        (answer.Error!.Code, answer.Error.RetryAfter).Should().Be((ErrorCode.Overloaded, TimeSpan.FromSeconds(seconds)));
        await leaving.CancelAsync();
        waiting.Count(one => one.IsCompletedSuccessfully).Should().Be(places);
    }

    private async Task<IReadOnlyList<IDisposable>> FillAsync(int count)
    {
        var places = new List<IDisposable>();
        while (places.Count < count)
        {
            places.Add(await _resilience.Places.EnterAsync("www.example.com", $"other_{places.Count}", Waiting.Token));
        }

        return places;
    }

    private async Task<Result<FetchReply>> FetchAsync(
        Func<HttpRequestMessage, HttpResponseMessage> respond,
        FetchResilience? resilience = null
    )
    {
        using var client = new HttpClient(new Site(respond));
        var clients = Substitute.For<IHttpClientFactory>();
        clients.CreateClient(PageFetcher.Client).Returns(client);
        var fetcher = new PageFetcher(
            clients,
            resilience ?? _resilience,
            new FetchPolicy(FetchRules.Default, AddressPolicy.Default),
            Options.Create(_options),
            _clock,
            NullLogger<PageFetcher>.Instance
        );
        return await fetcher.FetchAsync(
            FetchUrl.Parse("https://www.example.com/", FetchRules.Default, out _)!,
            PageFormat.Html,
            null,
            "key_1",
            _trace,
            Waiting.Token
        );
    }

    private sealed class Site(Func<HttpRequestMessage, HttpResponseMessage> respond) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(respond(request));
    }
}
