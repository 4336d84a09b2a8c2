using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Application.Auditing;
using Relay.Application.Completions;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Application.Pipeline;

public sealed class AuditBehaviorTests
{
    private readonly IAuditLog _auditLog = Substitute.For<IAuditLog>();
    private readonly FakeTimeProvider _clock = new();
    private readonly CompleteCommand _command = new(Any.Key("billing"), Any.Request());
    private readonly AuditBehavior<CompleteCommand, Result<Completion>> _behavior;

    public AuditBehaviorTests() => _behavior = new AuditBehavior<CompleteCommand, Result<Completion>>(_auditLog, _clock);

    [Fact]
    public async Task A_success_is_written_without_an_error_and_with_its_duration()
    {
        var answer = await _behavior.Handle(_command, Waiting.Token, () => AfterASecond(Any.Completion()));

        answer.Error.Should().BeNull();
        ShouldHaveWritten(null);
    }

    [Fact]
    public async Task A_failure_is_written_with_its_name()
    {
        var answer = await _behavior.Handle(_command, Waiting.Token, () => AfterASecond(new RelayError(ErrorCode.QueueFull, "Full.")));

        answer.Error!.Code.Should().Be(ErrorCode.QueueFull);
        ShouldHaveWritten("queue_full");
    }

    [Fact]
    public async Task A_caller_that_left_is_written_as_such_and_the_cancellation_goes_on()
    {
        using var left = new CancellationTokenSource();
        var handling = () => _behavior.Handle(_command, left.Token, async () =>
        {
            await AfterASecond(Any.Completion());
            await left.CancelAsync();
            throw new OperationCanceledException(left.Token);
        });

        await handling.Should().ThrowAsync<OperationCanceledException>();
        ShouldHaveWritten("client_closed");
    }

    [Fact]
    public async Task A_bug_is_written_as_the_relays_own_fault_and_goes_on()
    {
        var handling = () => _behavior.Handle(_command, Waiting.Token, async () =>
        {
            await AfterASecond(Any.Completion());
            throw new InvalidOperationException("a bug");
        });

        await handling.Should().ThrowAsync<InvalidOperationException>();
        ShouldHaveWritten("internal_error");
    }

    [Fact]
    public async Task A_cancellation_that_the_caller_did_not_ask_for_is_a_bug_too()
    {
        var handling = () => _behavior.Handle(_command, CancellationToken.None, async () =>
        {
            await AfterASecond(Any.Completion());
            throw new OperationCanceledException();
        });

        await handling.Should().ThrowAsync<OperationCanceledException>();
        ShouldHaveWritten("internal_error");
    }

    private Task<Result<Completion>> AfterASecond(Result<Completion> result)
    {
        _clock.Advance(TimeSpan.FromSeconds(1));
        return Task.FromResult(result);
    }

    private void ShouldHaveWritten(string? error)
    {
        _auditLog.ReceivedCalls().Should().ContainSingle();
        _auditLog.Received(1).Write(new AuditEntry("complete", _command.Caller.Id, "billing", error, TimeSpan.FromSeconds(1)));
    }
}
