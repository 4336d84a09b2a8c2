using Microsoft.Extensions.Time.Testing;
using Relay.Application.Timing;

namespace Relay.UnitTests.Application.Timing;

public sealed class DeadlineTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void It_passes_with_the_time()
    {
        using var deadline = new Deadline(TimeSpan.FromSeconds(2), _clock, Waiting.Token);
        _clock.Advance(TimeSpan.FromSeconds(1));
        (deadline.Token.IsCancellationRequested, deadline.HasPassed).Should().Be((false, false));

        _clock.Advance(TimeSpan.FromSeconds(1));

        (deadline.Token.IsCancellationRequested, deadline.HasPassed).Should().Be((true, true));
    }

    [Fact]
    public async Task A_caller_who_leaves_ends_it_and_does_not_let_it_pass()
    {
        using var caller = new CancellationTokenSource();
        using var deadline = new Deadline(TimeSpan.FromSeconds(2), _clock, caller.Token);

        await caller.CancelAsync();
        _clock.Advance(TimeSpan.FromSeconds(3));

        (deadline.Token.IsCancellationRequested, deadline.HasPassed).Should().Be((true, false));
    }

    [Fact]
    public void No_time_has_passed_at_once()
    {
        using var deadline = new Deadline(TimeSpan.Zero, _clock, Waiting.Token);

        deadline.HasPassed.Should().BeTrue();
    }
}
