using NSubstitute;
using Relay.Application.Completions;
using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Application.Pipeline;

public sealed class AdmissionBehaviorTests : IDisposable
{
    private readonly IAdmission _admission = Substitute.For<IAdmission>();
    private readonly CompleteCommand _command = new(Any.Key(), Any.Request());
    private readonly Lease _lease = new();
    private readonly AdmissionBehavior<CompleteCommand, Result<Completion>> _behavior;

    public AdmissionBehaviorTests()
    {
        _behavior = new AdmissionBehavior<CompleteCommand, Result<Completion>>(_admission);
        _admission.AdmitAsync(_command.Caller, Waiting.Token).Returns(_lease.Admitted());
    }

    public void Dispose() => _lease.Dispose();

    [Fact]
    public async Task The_place_is_held_while_the_handler_runs_and_given_back_after_a_success()
    {
        var answer = await _behavior.Handle(_command, Waiting.Token, () =>
        {
            _lease.GivenBack.Should().Be(0);
            return Task.FromResult<Result<Completion>>(Any.Completion());
        });

        answer.Value.Text.Should().Be("hello");
        _lease.GivenBack.Should().Be(1);
    }

    [Fact]
    public async Task The_place_is_given_back_after_a_failure()
    {
        var answer = await _behavior.Handle(_command, Waiting.Token, () => Task.FromResult(Result<Completion>.Failure(new RelayError(ErrorCode.Timeout, "Late."))));

        answer.Error!.Code.Should().Be(ErrorCode.Timeout);
        _lease.GivenBack.Should().Be(1);
    }

    [Fact]
    public async Task The_place_is_given_back_after_an_exception()
    {
        var handling = () => _behavior.Handle(_command, Waiting.Token, () => throw new InvalidOperationException("a bug"));

        await handling.Should().ThrowAsync<InvalidOperationException>();
        _lease.GivenBack.Should().Be(1);
    }

    [Fact]
    public async Task A_refusal_is_the_answer_and_the_handler_does_not_run()
    {
        var refusal = new RelayError(ErrorCode.DailyLimit, "Used up.", RetryAfter: TimeSpan.FromHours(1));
        _admission.AdmitAsync(_command.Caller, Waiting.Token).Returns(Result<IDisposable>.Failure(refusal));
        var ran = false;

        var answer = await _behavior.Handle(_command, Waiting.Token, () =>
        {
            ran = true;
            return Task.FromResult<Result<Completion>>(Any.Completion());
        });

        answer.Error.Should().BeSameAs(refusal);
        ran.Should().BeFalse();
        _lease.GivenBack.Should().Be(0);
    }
}
