using Microsoft.Extensions.Time.Testing;
using Relay.Application.Fetching;
using Relay.Infrastructure.HttpFetching;

namespace Relay.UnitTests.Infrastructure.HttpFetching;

public sealed class HostPlacesTests : IDisposable
{
    private const string Host = "www.example.com";

    private readonly FakeTimeProvider _clock = new();
    private readonly FetchOptions _options = new() { Timeout = TimeSpan.FromSeconds(60) };
    private readonly HostPlaces _places;

    public HostPlacesTests() => _places = new HostPlaces(_options, _clock);

    public void Dispose() => _places.Dispose();

    [Fact]
    public async Task One_key_leaves_a_place_at_each_host_to_the_others()
    {
        var first = Enumerable.Range(0, 10).Select(_ => EnterAsync("key_1")).ToList();
        first.Count(place => place.IsCompletedSuccessfully).Should().Be(_options.PerHostConcurrency - 1);

        var other = await EnterAsync("key_2").InTime();

        (await first[0]).Dispose();
        await Waiting.UntilAsync(
            () => first.Count(place => place.IsCompletedSuccessfully) == _options.PerHostConcurrency,
            "the next of the first key has its place"
        );
        other.Dispose();
        first
            .Count(place => place.IsCompletedSuccessfully)
            .Should()
            .Be(_options.PerHostConcurrency, "the last place is not for the first key");
    }

    [Fact]
    public async Task A_host_with_one_place_gives_it_to_each_key_in_turn()
    {
        using var places = new HostPlaces(new FetchOptions { PerHostConcurrency = 1 }, _clock);
        var first = await places.EnterAsync(Host, "key_1", Waiting.Token);
        var second = places.EnterAsync(Host, "key_2", Waiting.Token).AsTask();
        second.IsCompleted.Should().BeFalse();

        first.Dispose();

        (await second.InTime()).Dispose();
    }

    [Fact]
    public async Task A_busy_host_is_busy_for_as_long_as_its_pages_take()
    {
        _places.BusyFor(Host).Should().Be(TimeSpan.FromSeconds(22), "of a host that is not known a page takes a second");
        var (one, other) = (await EnterAsync("key_1"), await EnterAsync("key_2"));
        _clock.Advance(TimeSpan.FromSeconds(2));
        _places.BusyFor(Host).Should().Be(TimeSpan.FromSeconds(43), "its page takes two already");

        one.Dispose();
        one.Dispose();
        var third = await EnterAsync("key_1");
        other.Dispose();
        _places.BusyFor(Host).Should().Be(TimeSpan.FromSeconds(43), "its last pages took two");
        _clock.Advance(TimeSpan.FromSeconds(30));

        _places.BusyFor(Host).Should().Be(_options.Timeout, "by then all who wait have given up");
        third.Dispose();
        _places.BusyFor(Host).Should().Be(TimeSpan.FromSeconds(22), "a host that nobody asks is forgotten");
    }

    private Task<IDisposable> EnterAsync(string caller) => _places.EnterAsync(Host, caller, Waiting.Token).AsTask();
}
