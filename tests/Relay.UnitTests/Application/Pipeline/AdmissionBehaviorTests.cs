using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using NSubstitute.ExceptionExtensions;
using Relay.Application.Completions;
using Relay.Application.Models;
using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;
using Relay.Infrastructure.Sqlite;

namespace Relay.UnitTests.Application.Pipeline;

/// <summary>Over the real admission: what counts is that each admitted request is ended once, however it went.</summary>
public sealed class AdmissionBehaviorTests : IDisposable
{
    private readonly IQuotaStore _quotas = Substitute.For<IQuotaStore>();
    private readonly MetricRecorder _outcomes = new("relay.admissions", "relay.outcome");
    private readonly FairQueue _queue;
    private readonly CompleteCommand _command = new(Any.Context(), Any.Request());
    private readonly QuotaCharge _charge;
    private readonly AdmissionBehavior<CompleteCommand, Result<Completion>> _behavior;

    public AdmissionBehaviorTests()
    {
        var (options, completions, clock) = (
            new LiveOptions<QuotaOptions>(new QuotaOptions()),
            Options.Create(new CompletionOptions()),
            new FakeTimeProvider()
        );
        var queues = new FairQueues(options, clock);
        _queue = queues[QuotaBucket.Completions];
        _behavior = new AdmissionBehavior<CompleteCommand, Result<Completion>>(
            new Admission(
                _quotas,
                queues,
                new FailureLimit(options, clock),
                new UpstreamLimits(clock),
                new ModelCatalog(completions),
                new NoFleet(),
                options,
                completions,
                clock
            ),
            _outcomes.Metrics
        );
        _charge = new QuotaCharge(_command.Context.Caller.Id, new DateOnly(2026, 3, 14), 0, 0.25m);
        Decide(new QuotaDecision(_charge, null, []));
    }

    [Fact]
    public async Task The_place_is_held_while_the_handler_runs_and_given_back_after_a_success()
    {
        var answer = await _behavior.Handle(
            _command,
            Waiting.Token,
            () =>
            {
                Running.Should().Be(1);
                _command.Context.Spending.ReachedApi = true;
                return Task.FromResult<Result<Completion>>(Any.Completion());
            }
        );

        answer.Value.Text.Should().Be("hello");
        Running.Should().Be(0);
        await _quotas
            .Received(1)
            .SettleAsync(_charge, Any.Model(), _command.Context.Spending, 0.25m, Arg.Is<CancellationToken>(token => !token.CanBeCanceled));
        await _quotas.DidNotReceiveWithAnyArgs().GiveBackAsync(default!, default!, Waiting.Token);
    }

    [Fact]
    public async Task The_place_and_the_charge_are_given_back_after_a_failure_of_the_relays_own()
    {
        var answer = await _behavior.Handle(
            _command,
            Waiting.Token,
            () => Task.FromResult(Result<Completion>.Failure(new RelayError(ErrorCode.Timeout, "Late.")))
        );

        answer.Error!.Code.Should().Be(ErrorCode.Timeout);
        await ShouldHaveGivenBackAsync();
    }

    [Fact]
    public async Task The_place_and_the_charge_are_given_back_after_an_exception()
    {
        var handling = () => _behavior.Handle(_command, Waiting.Token, () => throw new InvalidOperationException("a bug"));

        await handling.Should().ThrowAsync<InvalidOperationException>();
        await ShouldHaveGivenBackAsync();
    }

    [Fact]
    public async Task A_refusal_is_the_answer_and_the_handler_does_not_run()
    {
        var refusal = new RelayError(ErrorCode.DailyLimit, "Used up.", RetryAfter: TimeSpan.FromHours(1));
        Decide(new QuotaDecision(null, refusal, []));
        var ran = false;

        var answer = await _behavior.Handle(
            _command,
            Waiting.Token,
            () =>
            {
                ran = true;
                return Task.FromResult<Result<Completion>>(Any.Completion());
            }
        );

        answer.Error.Should().BeSameAs(refusal);
        ran.Should().BeFalse();
        Running.Should().Be(0);
        await _quotas.DidNotReceiveWithAnyArgs().GiveBackAsync(default!, default!, Waiting.Token);
    }

    /// <summary>A count of callers that left would hide the bug.</summary>
    [Fact]
    public async Task An_admission_that_breaks_off_is_counted_by_its_reason()
    {
        using var leaving = new CancellationTokenSource();
        await leaving.CancelAsync();
        (Exception Thrown, CancellationToken Left, string Outcome)[] cases =
        [
            (new InvalidOperationException("a bug"), Waiting.Token, "internal_error"),
            (new OperationCanceledException(), Waiting.Token, "internal_error"),
            (new OperationCanceledException(), leaving.Token, "client_closed"),
            (new RelayErrorException(new RelayError(ErrorCode.Overloaded, "No store.")), Waiting.Token, "overloaded"),
        ];
        foreach (var (thrown, left, _) in cases)
        {
            Charging.Throws(thrown);
            var handling = () => _behavior.Handle(_command, left, () => throw new NotSupportedException("It was admitted."));
            (await handling.Should().ThrowAsync<Exception>()).Which.Should().BeOfType(thrown.GetType());
        }

        _outcomes.Values.Should().Equal(cases.Select(one => one.Outcome));
    }

    public void Dispose() => _outcomes.Dispose();

    private int Running => _queue.RunningOf(_command.Context.Caller.Id);

    private ValueTask<QuotaDecision> Charging =>
        _quotas.ChargeAsync(
            Arg.Any<string>(),
            Arg.Any<ModelName>(),
            Arg.Any<QuotaLimits>(),
            Arg.Any<decimal>(),
            Arg.Any<CancellationToken>()
        );

    private void Decide(QuotaDecision decision) => Charging.Returns(decision);

    private async Task ShouldHaveGivenBackAsync()
    {
        Running.Should().Be(0);
        await _quotas.Received(1).GiveBackAsync(_charge, Any.Model(), Arg.Is<CancellationToken>(token => !token.CanBeCanceled));
        await _quotas.DidNotReceiveWithAnyArgs().SettleAsync(default!, default!, default!, default, Waiting.Token);
    }
}
