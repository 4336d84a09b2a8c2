using Relay.Application.Timing;

namespace Relay.UnitTests.Application.Timing;

public sealed class WakeSignalTests : IDisposable
{
    private readonly WakeSignal _signal = new();

    public void Dispose() => _signal.Dispose();

    [Fact]
    public async Task A_wake_up_before_the_wait_is_not_lost()
    {
        _signal.Wake();

        await _signal.WaitAsync(Waiting.Token).InTime();
    }

    [Fact]
    public async Task A_waiter_goes_on_when_it_is_woken()
    {
        var waiting = _signal.WaitAsync(Waiting.Token);
        waiting.IsCompleted.Should().BeFalse();

        _signal.Wake();

        await waiting.InTime();
    }

    [Fact]
    public async Task Several_wake_ups_are_one()
    {
        Parallel.For(0, 100, _ => _signal.Wake());
        await _signal.WaitAsync(Waiting.Token).InTime();

        _signal.WaitAsync(Waiting.Token).IsCompleted.Should().BeFalse();
    }
}
