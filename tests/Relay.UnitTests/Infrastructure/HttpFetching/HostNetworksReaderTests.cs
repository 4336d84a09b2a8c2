using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Relay.Domain.Fetching;
using Relay.Infrastructure.HttpFetching;

namespace Relay.UnitTests.Infrastructure.HttpFetching;

public sealed class HostNetworksReaderTests : IDisposable
{
    private static readonly AddressBlock Known = AddressBlock.Parse("2001:67c:2960:6464::/96");

    private readonly FakeTimeProvider _clock = new();
    private readonly HostNetworksReader _reader;
    private Func<CancellationToken, Task<IPAddress[]>> _answer = _ =>
        Task.FromResult<IPAddress[]>([IPAddress.Parse("2001:67c:2960:6464::c000:aa")]);
    private int _asked;

    public HostNetworksReaderTests() =>
        _reader = new HostNetworksReader(
            _clock,
            NullLogger<HostNetworksReader>.Instance,
            cancellationToken =>
            {
                _asked++;
                return _answer(cancellationToken);
            }
        );

    public void Dispose() => _reader.Dispose();

    [Theory]
    [InlineData(SocketError.TryAgain)]
    [InlineData(SocketError.NoRecovery)]
    [InlineData(null)]
    public async Task Without_an_answer_the_known_translation_stays_in_force_and_is_looked_up_again_after_a_minute(SocketError? error)
    {
        (await ReadAsync()).Should().Contain(Known);
        _clock.Advance(TimeSpan.FromHours(1));
        _answer = error is { } code ? _ => throw new SocketException((int)code) : NeverAsync;

        (await ReadAsync()).Should().Contain(Known);
        await Waiting.UntilAsync(() => !_reader.IsLookingUp, "the look-up ends");
        // With the 4 s below: a minute after the failure.
        _clock.Advance(TimeSpan.FromSeconds(56));
        (await ReadAsync()).Should().Contain(Known);
        _asked.Should().Be(2);
        _answer = _ => Task.FromResult<IPAddress[]>([IPAddress.Parse("2001:67c:2960:6465::c000:aa")]);
        _clock.Advance(TimeSpan.FromSeconds(4));

        (await ReadAsync()).Should().Contain(AddressBlock.Parse("2001:67c:2960:6465::/96")).And.NotContain(Known);
        _asked.Should().Be(3);
        _clock.Advance(TimeSpan.FromMinutes(59));
        await ReadAsync();
        _asked.Should().Be(3, "there was an answer");
    }

    [Theory]
    [InlineData(SocketError.HostNotFound)]
    [InlineData(SocketError.NoData)]
    public async Task A_network_that_has_no_translation_any_more_is_believed(SocketError error)
    {
        (await ReadAsync()).Should().Contain(Known);
        _clock.Advance(TimeSpan.FromHours(1));
        _answer = _ => throw new SocketException((int)error);

        (await ReadAsync()).Should().BeEmpty();
        _clock.Advance(TimeSpan.FromMinutes(59));
        await ReadAsync();
        _asked.Should().Be(2);
    }

    [Fact]
    public async Task A_look_up_that_is_not_answered_keeps_nobody_waiting_but_the_first()
    {
        var answer = new TaskCompletionSource<IPAddress[]>();
        (await ReadAsync()).Should().Contain(Known);
        _clock.Advance(TimeSpan.FromHours(1));
        _answer = _ => answer.Task;

        var reads = Enumerable.Range(0, 3).Select(_ => _reader.ReadAsync(Waiting.Token)).ToList();

        reads.Should().OnlyContain(read => read.IsCompletedSuccessfully);
        _asked.Should().Be(2, "one look-up serves all");
        answer.SetResult([IPAddress.Parse("2001:67c:2960:6465::c000:aa")]);
        await Waiting.UntilAsync(() => !_reader.IsLookingUp, "the look-up ends");
        (await ReadAsync()).Should().NotContain(Known);
    }

    [Fact]
    public async Task A_caller_that_leaves_does_not_end_the_first_look_up_of_the_others()
    {
        var answer = new TaskCompletionSource<IPAddress[]>();
        _answer = _ => answer.Task;
        using var leaving = new CancellationTokenSource();
        var (first, second) = (_reader.ReadAsync(leaving.Token).AsTask(), _reader.ReadAsync(Waiting.Token).AsTask());

        await leaving.CancelAsync();
        answer.SetResult([IPAddress.Parse("2001:67c:2960:6464::c000:aa")]);

        await first.Invoking(one => one.InTime()).Should().ThrowAsync<OperationCanceledException>();
        (await second.InTime()).Nat64.Select(prefix => prefix.Block).Should().Contain(Known);
        _asked.Should().Be(1);
    }

    /// <summary>A look-up whose time is up while it waits.</summary>
    private async Task<IPAddress[]> NeverAsync(CancellationToken cancellationToken)
    {
        _clock.Advance(TimeSpan.FromSeconds(3));
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        return [];
    }

    private async Task<IEnumerable<AddressBlock>> ReadAsync() =>
        (await _reader.ReadAsync(Waiting.Token)).Nat64.Select(prefix => prefix.Block);
}
