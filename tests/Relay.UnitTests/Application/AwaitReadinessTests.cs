using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Application.Diagnostics;

namespace Relay.UnitTests.Application;

public sealed class AwaitReadinessTests
{
    private static readonly Uri Url = new("http://127.0.0.1:8799");

    private readonly IRunningRelay _relay = Substitute.For<IRunningRelay>();
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public async Task It_waits_for_a_relay_that_is_checking_its_Claude_Code()
    {
        _relay
            .AskAsync(Waiting.Token)
            .ReturnsForAnyArgs(Answer("overloaded"), Answer("overloaded"), new RunningRelay(Url, Answers: true, IsReady: true, []));

        (await WaitAsync(TimeSpan.FromSeconds(10))).IsReady.Should().BeTrue();
        await _relay.ReceivedWithAnyArgs(3).AskAsync(Waiting.Token);
    }

    [Theory]
    [InlineData("claude_missing")]
    [InlineData("not_logged_in")]
    public async Task It_does_not_wait_for_what_only_the_operator_mends(string code)
    {
        _relay.AskAsync(Waiting.Token).ReturnsForAnyArgs(Answer(code));

        (await WaitAsync(TimeSpan.FromSeconds(10))).NeedsItsOperator.Should().BeTrue();
        await _relay.ReceivedWithAnyArgs(1).AskAsync(Waiting.Token);
    }

    [Fact]
    public async Task It_gives_up_when_the_time_is_over()
    {
        _relay.AskAsync(Waiting.Token).ReturnsForAnyArgs(new RunningRelay(Url, Answers: false, IsReady: false, []));

        (await WaitAsync(TimeSpan.FromSeconds(1))).Answers.Should().BeFalse();
        await _relay.ReceivedWithAnyArgs(11).AskAsync(Waiting.Token);
    }

    private static RunningRelay Answer(string code) =>
        new(Url, Answers: true, IsReady: false, [new RunningRelayProblem(code, "what to do")]);

    private async Task<RunningRelay> WaitAsync(TimeSpan patience)
    {
        _clock.AutoAdvanceAmount = TimeSpan.Zero;
        var waiting = new AwaitReadinessHandler(_relay, _clock).Handle(new AwaitReadinessQuery(patience), Waiting.Token);
        while (!waiting.IsCompleted)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }

        return (await waiting).Value;
    }
}
