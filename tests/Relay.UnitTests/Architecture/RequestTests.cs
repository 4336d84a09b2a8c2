using FluentValidation;
using MediatR;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using NSubstitute;
using Relay.Application;
using Relay.Application.Auditing;
using Relay.Application.Completions;
using Relay.Application.Diagnostics;
using Relay.Application.Fetching;
using Relay.Application.Fleet;
using Relay.Application.Health;
using Relay.Application.Keys;
using Relay.Application.Models;
using Relay.Application.Quotas;
using Relay.Application.State;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;
using Relay.Infrastructure.Sqlite;

namespace Relay.UnitTests.Architecture;

/// <summary>Every request goes through the pipeline, in the real container: behaviours that do not fit are left out in silence.</summary>
public sealed class RequestTests : IDisposable
{
    /// <summary>One request for each rule of the validators.</summary>
    private static readonly IBaseRequest[] Invalid =
    [
        new CompleteCommand(Any.Context(), Any.Request(prompt: new string('a', 200_001))),
        new CompleteCommand(Any.Context(), Any.Request(model: "gpt")),
        new CountTokensQuery(Any.Key(), Any.Request(model: "gpt")),
        new GetUsageQuery(Any.Key(), 0),
        new GetUsageQuery(Any.Key(), GetUsageQuery.MaxDays + 1),
        new ReportUsageQuery(0),
        new ReportUsageQuery(GetUsageQuery.MaxDays + 1),
        new AddKeyCommand(Any.Label(), new KeyLimits(RequestsPerDay: 0)),
        new AddKeyCommand(Any.Label(), KeyLimits.Default, KeyScopes.None),
        new AddKeyCommand(Any.Label(), KeyLimits.Default, Models: []),
        new AddKeyCommand(Any.Label(), KeyLimits.Default, ExpiresIn: TimeSpan.Zero),
        new AddKeyCommand(Any.Label(), KeyLimits.Default, ExpiresIn: TimeSpan.FromDays(3651)),
        new DiagnoseQuery(DiagnosticArea.Home, WithCall: true),
        new RotateKeyCommand(Any.Label(), TimeSpan.FromSeconds(-1)),
        new RotateKeyCommand(Any.Label(), ApiKey.MaxOverlap + TimeSpan.FromSeconds(1)),
        new TraceFetchQuery(string.Empty),
        new AwaitReadinessQuery(TimeSpan.FromHours(2)),
        new CopyStateCommand(string.Empty, "local"),
        new CopyStateCommand("local", "local"),
        new SetKeyLimitsCommand(Any.Label()),
        new SetKeyLimitsCommand(Any.Label(), Concurrency: new LimitChange<int>(0)),
    ];

    private readonly IAuditLog _auditLog = Substitute.For<IAuditLog>();
    private readonly IQuotaStore _quotas = Substitute.For<IQuotaStore>();
    private readonly ICompletionEngine _engine = Substitute.For<ICompletionEngine>();
    private readonly IKeyRepository _keys = Substitute.For<IKeyRepository>();
    private readonly IUsageReader _usage = Substitute.For<IUsageReader>();
    private readonly IPageFetcher _fetcher = Substitute.For<IPageFetcher>();
    private readonly IPageReader _pages = Substitute.For<IPageReader>();
    private readonly IRunningRelay _running = Substitute.For<IRunningRelay>();
    private readonly IEngineHealth _health = Substitute.For<IEngineHealth>();
    private readonly IEngineLoad _load = Substitute.For<IEngineLoad>();
    private readonly ServiceProvider _services;
    private readonly IMediator _mediator;

    public RequestTests()
    {
        _services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().Build())
            .AddRelayApplication()
            .AddSingleton(Substitute.For<IAnswerChecker>())
            .AddSingleton(_auditLog)
            .AddSingleton(_quotas)
            .AddSingleton(_engine)
            .AddSingleton(_keys)
            .AddSingleton(_usage)
            .AddSingleton(_health)
            .AddSingleton(_load)
            .AddSingleton(_fetcher)
            .AddSingleton(_pages)
            .AddSingleton(Substitute.For<IPdfReader>())
            .AddSingleton(_running)
            .AddSingleton<IFleet>(new NoFleet())
            .AddSingleton(Substitute.For<IStateCopier>())
            .BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
        _mediator = _services.GetRequiredService<IMediator>();
    }

    public static TheoryData<int> InvalidOnes => [.. Enumerable.Range(0, Invalid.Length)];

    public void Dispose() => _services.Dispose();

    [Fact]
    public void Every_request_is_answered_with_a_result() =>
        Rule.ForEach(
            Solution.Requests,
            request =>
                Response(request) is { IsGenericType: true } response && response.GetGenericTypeDefinition() == typeof(Result<>)
                    ? null
                    : request.FullName,
            "the pipeline's behaviours only fit requests that can fail as data"
        );

    [Fact]
    public void Every_request_has_exactly_one_handler() =>
        Rule.ForEach(
            Solution.Requests,
            request =>
                _services.GetServices(typeof(IRequestHandler<,>).MakeGenericType(request, Response(request)!)).Count() == 1
                    ? null
                    : request.FullName,
            "otherwise sending it is a bug at run time"
        );

    /// <summary>The allowed models and the largest prompt are settings, so no type of a request can hold their rules.</summary>
    [Fact]
    public void Every_request_with_limits_that_depend_on_settings_has_a_validator() =>
        Rule.ForEach(
            Solution.Requests.Where(request => request.GetProperties().Any(property => property.PropertyType == typeof(CompletionRequest))),
            request => HasValidator(request) ? null : request.FullName,
            "the operator's rules are checked before the handler"
        );

    [Fact]
    public void Every_validator_refuses_something() =>
        Solution
            .Requests.Where(HasValidator)
            .Should()
            .BeEquivalentTo(Invalid.Select(request => request.GetType()).Distinct(), "a validator without a rule is decoration");

    [Theory]
    [MemberData(nameof(InvalidOnes))]
    public async Task An_invalid_request_is_refused_and_its_handler_does_not_run(int index)
    {
        var error = await SendAsync(Invalid[index]);

        error.Should().NotBeNull();
        error!.Code.Should().BeOneOf(ErrorCode.InvalidRequest, ErrorCode.TooLarge, ErrorCode.UnknownModel, ErrorCode.NotFound);
        _engine.ReceivedCalls().Should().BeEmpty();
        _keys.ReceivedCalls().Should().BeEmpty();
        _quotas.ReceivedCalls().Should().BeEmpty();
        _usage.ReceivedCalls().Should().BeEmpty();
        _fetcher.ReceivedCalls().Should().BeEmpty();
    }

    [Fact]
    public async Task A_valid_request_of_the_same_kind_does_reach_its_handler()
    {
        Decide(Admitted);
        Answer();
        var command = new CompleteCommand(Any.Context(), Any.Request());

        var result = await _mediator.Send(command, Waiting.Token);

        result.Value.Text.Should().Be("hello");
        await _engine
            .Received(1)
            .CompleteAsync(
                command.Context.Caller.Id,
                Any.Model(),
                command.Request,
                null,
                command.Context.Spending,
                Arg.Any<CancellationToken>()
            );
    }

    [Fact]
    public async Task A_request_that_fails_validation_is_not_charged()
    {
        await SendAsync(Invalid[0]);

        _quotas.ReceivedCalls().Should().BeEmpty("validation comes before admission");
    }

    [Fact]
    public async Task A_request_that_is_not_admitted_does_not_run()
    {
        Decide(new QuotaDecision(null, new RelayError(ErrorCode.DailyLimit, "Used up."), []));

        var result = await _mediator.Send(new CompleteCommand(Any.Context(), Any.Request()), Waiting.Token);

        result.Error!.Code.Should().Be(ErrorCode.DailyLimit);
        _engine.ReceivedCalls().Should().BeEmpty("admission comes before the handler");
    }

    [Fact]
    public async Task The_order_is_admission_then_the_handler_and_back()
    {
        List<string>? before = null;
        Decide(Admitted);
        _engine
            .CompleteAsync(default!, default!, default!, default, default!, Waiting.Token)
            .ReturnsForAnyArgs(_ =>
            {
                before = CallsOfQuotas();
                return Any.Completion();
            });

        await _mediator.Send(new CompleteCommand(Any.Context(), Any.Request()), Waiting.Token);

        CallsOfQuotas().Should().Equal("ChargeAsync", "GiveBackAsync");
        before.Should().Equal("ChargeAsync");
    }

    [Fact]
    public async Task Queries_are_not_charged()
    {
        _health.Status.Returns(new EngineStatus(null, "off", null, false, []));
        _keys.ReadAsync(Arg.Any<CancellationToken>()).Returns(Result<IReadOnlyList<ApiKey>>.Success([]));
        _usage.ReadAsync(default, default, Waiting.Token).ReturnsForAnyArgs([]);
        _usage.ReadLastUsedAsync(Arg.Any<CancellationToken>()).Returns(new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal));
        _quotas.PeekAsync(default!, default, Waiting.Token).ReturnsForAnyArgs(new QuotaDecision(null, null, []));
        _running
            .AskAsync(Waiting.Token)
            .ReturnsForAnyArgs(new RunningRelay(new Uri("http://127.0.0.1:8799"), Answers: true, IsReady: true, []));
        IBaseRequest[] queries =
        [
            .. Solution
                .Requests.Where(request => request.GetProperties().Length == 0)
                .Select(request => (IBaseRequest)Activator.CreateInstance(request)!),
            new ListModelsQuery(Any.Key()),
            new FindModelQuery(Any.Key(), "opus"),
            new CountTokensQuery(Any.Key(), Any.Request()),
            new ListKeysQuery(WithRevoked: true),
            new GetUsageQuery(Any.Key(), 1),
            new ReportUsageQuery(1),
            new AwaitReadinessQuery(TimeSpan.FromSeconds(1)),
            new DiagnoseQuery(),
            new TraceFetchQuery("http://10.0.0.1/"),
        ];
        queries
            .Select(query => query.GetType())
            .Should()
            .BeEquivalentTo(Solution.Requests.Where(request => request.Name.EndsWith("Query", StringComparison.Ordinal)));

        foreach (var query in queries)
        {
            (await SendAsync(query)).Should().BeNull();
        }

        _auditLog.ReceivedCalls().Should().BeEmpty();
        await _quotas.DidNotReceiveWithAnyArgs().ChargeAsync(default!, default!, default, default, Waiting.Token);
    }

    private bool HasValidator(Type request) => _services.GetServices(typeof(IValidator<>).MakeGenericType(request)).Any();

    private static QuotaDecision Admitted => new(new QuotaCharge("key_1", new DateOnly(2026, 3, 14), 0, 0), null, []);

    private void Decide(QuotaDecision decision) =>
        _quotas.ChargeAsync(default!, default!, default, default, Waiting.Token).ReturnsForAnyArgs(decision);

    private List<string> CallsOfQuotas() => [.. _quotas.ReceivedCalls().Select(call => call.GetMethodInfo().Name)];

    private void Answer() =>
        _engine.CompleteAsync(default!, default!, default!, default, default!, Waiting.Token).ReturnsForAnyArgs(Any.Completion());

    /// <summary>MediatR 5 sends what it knows the type of.</summary>
    private Task<RelayError?> SendAsync(IBaseRequest request)
    {
        var send = new Func<IRequest<Result<object>>, Task<RelayError?>>(SendAsAsync).Method.GetGenericMethodDefinition();
        return (Task<RelayError?>)send.MakeGenericMethod(Response(request.GetType())!.GetGenericArguments()).Invoke(this, [request])!;
    }

    private async Task<RelayError?> SendAsAsync<T>(IRequest<Result<T>> request) => (await _mediator.Send(request, Waiting.Token)).Error;

    private static Type? Response(Type request) =>
        request
            .GetInterfaces()
            .FirstOrDefault(port => port.IsGenericType && port.GetGenericTypeDefinition() == typeof(IRequest<>))
            ?.GetGenericArguments()[0];
}
