using FluentValidation;
using MediatR;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using NSubstitute;
using Relay.Application;
using Relay.Application.Auditing;
using Relay.Application.Completions;
using Relay.Application.Health;
using Relay.Application.Keys;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Models;

namespace Relay.UnitTests.Architecture;

/// <summary>Every request goes through the pipeline, in the real container: behaviours that do not fit are left out in silence.</summary>
public sealed class RequestTests : IDisposable
{
    /// <summary>One request of each type that has something to be wrong.</summary>
    private static readonly IBaseRequest[] Invalid =
    [
        new CompleteCommand(Any.Key(), Any.Request(prompt: new string('a', 200_001))),
        new CompleteCommand(Any.Key(), Any.Request(model: "gpt")),
        new AddKeyCommand(Any.Label(), DailyLimit: 0),
        new RevokeKeyCommand(null!),
    ];

    private readonly IAuditLog _auditLog = Substitute.For<IAuditLog>();
    private readonly IAdmission _admission = Substitute.For<IAdmission>();
    private readonly ICompletionEngine _engine = Substitute.For<ICompletionEngine>();
    private readonly IKeyRepository _keys = Substitute.For<IKeyRepository>();
    private readonly IKeyDirectory _directory = Substitute.For<IKeyDirectory>();
    private readonly IEngineHealth _health = Substitute.For<IEngineHealth>();
    private readonly ServiceProvider _services;
    private readonly IMediator _mediator;

    public RequestTests()
    {
        _services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().Build())
            .AddRelayApplication()
            .AddSingleton(_auditLog).AddSingleton(_admission).AddSingleton(_engine).AddSingleton(_keys).AddSingleton(_directory).AddSingleton(_health)
            .BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
        _mediator = _services.GetRequiredService<IMediator>();
    }

    public static TheoryData<int> InvalidOnes => [.. Enumerable.Range(0, Invalid.Length)];

    public void Dispose() => _services.Dispose();

    [Fact]
    public void Every_request_is_answered_with_a_result() =>
        Rule.ForEach(
            Solution.Requests,
            request => Response(request) is { IsGenericType: true } response && response.GetGenericTypeDefinition() == typeof(Result<>) ? null : request.FullName,
            "the pipeline's behaviours only fit requests that can fail as data");

    [Fact]
    public void Every_request_has_exactly_one_handler() =>
        Rule.ForEach(
            Solution.Requests,
            request => _services.GetServices(typeof(IRequestHandler<,>).MakeGenericType(request, Response(request)!)).Count() == 1 ? null : request.FullName,
            "otherwise sending it is a bug at run time");

    [Fact]
    public void Every_request_with_properties_has_a_validator_that_the_container_finds() =>
        Rule.ForEach(
            Solution.Requests.Where(request => request.GetProperties().Length > 0),
            request => _services.GetServices(typeof(IValidator<>).MakeGenericType(request)).Any() ? null : request.FullName,
            "what can be wrong must be checked");

    [Fact]
    public void Every_request_with_properties_is_tried_with_an_invalid_instance() =>
        Solution.Requests.Where(request => request.GetProperties().Length > 0).Except(Invalid.Select(request => request.GetType()))
            .Should().BeEmpty("add one to the list in this test");

    [Theory]
    [MemberData(nameof(InvalidOnes))]
    public async Task An_invalid_request_is_refused_and_its_handler_does_not_run(int index)
    {
        var error = await SendAsync(Invalid[index]);

        error.Should().NotBeNull();
        error!.Code.Should().BeOneOf(ErrorCode.InvalidRequest, ErrorCode.TooLarge, ErrorCode.UnknownModel);
        _engine.ReceivedCalls().Should().BeEmpty();
        _keys.ReceivedCalls().Should().BeEmpty();
        _admission.ReceivedCalls().Should().BeEmpty();
    }

    [Fact]
    public async Task A_valid_request_of_the_same_kind_does_reach_its_handler()
    {
        _admission.AdmitAsync(Arg.Any<ApiKey>(), Arg.Any<CancellationToken>()).Returns(new Lease().Admitted());
        _engine.CompleteAsync(Arg.Any<string>(), Arg.Any<ModelName>(), Arg.Any<CompletionRequest>(), Arg.Any<CancellationToken>()).Returns(Any.Completion());
        var command = new CompleteCommand(Any.Key(), Any.Request());

        var result = await _mediator.Send(command, Waiting.Token);

        result.Value.Text.Should().Be("hello");
        await _engine.Received(1).CompleteAsync(command.Caller.Id, Any.Model(), command.Request, Arg.Any<CancellationToken>());
    }

    [Fact]
    public async Task What_fails_validation_is_audited_and_not_charged()
    {
        await SendAsync(Invalid[0]);

        _auditLog.Received(1).Write(Arg.Is<AuditEntry>(entry => entry.Error == "too_large" && entry.Action == "complete" && entry.KeyLabel == "app"));
        _admission.ReceivedCalls().Should().BeEmpty("validation comes before admission");
    }

    [Fact]
    public async Task What_is_not_admitted_is_audited_and_not_run()
    {
        _admission.AdmitAsync(Arg.Any<ApiKey>(), Arg.Any<CancellationToken>()).Returns(Result<IDisposable>.Failure(new RelayError(ErrorCode.DailyLimit, "Used up.")));

        var result = await _mediator.Send(new CompleteCommand(Any.Key(), Any.Request()), Waiting.Token);

        result.Error!.Code.Should().Be(ErrorCode.DailyLimit);
        _auditLog.Received(1).Write(Arg.Is<AuditEntry>(entry => entry.Error == "daily_limit"));
        _engine.ReceivedCalls().Should().BeEmpty("admission comes before the handler");
    }

    [Fact]
    public async Task The_order_is_audit_then_admission_then_the_handler_and_back()
    {
        List<string> order = [];
        _admission.AdmitAsync(Arg.Any<ApiKey>(), Arg.Any<CancellationToken>()).Returns(_ =>
        {
            order.Add("admitted");
            return new Lease(() => order.Add("place given back")).Admitted();
        });
        _engine.CompleteAsync(Arg.Any<string>(), Arg.Any<ModelName>(), Arg.Any<CompletionRequest>(), Arg.Any<CancellationToken>()).Returns(_ =>
        {
            order.Add("handled");
            return Any.Completion();
        });
        _auditLog.When(it => it.Write(Arg.Any<AuditEntry>())).Do(_ => order.Add("audited"));

        await _mediator.Send(new CompleteCommand(Any.Key(), Any.Request()), Waiting.Token);

        order.Should().Equal("admitted", "handled", "place given back", "audited");
    }

    [Fact]
    public async Task Queries_are_neither_audited_nor_charged()
    {
        _health.Status.Returns(new EngineStatus(null, "off", null, false, []));
        _directory.Problem.Returns((string?)null);

        foreach (var query in Solution.Requests.Where(request => request.GetProperties().Length == 0).Select(Activator.CreateInstance))
        {
            await SendAsync((IBaseRequest)query!);
        }

        _auditLog.ReceivedCalls().Should().BeEmpty();
        _admission.ReceivedCalls().Should().BeEmpty();
    }

    /// <summary>MediatR 5 sends what it knows the type of.</summary>
    private Task<RelayError?> SendAsync(IBaseRequest request)
    {
        var send = new Func<IRequest<Result<object>>, Task<RelayError?>>(SendAsAsync).Method.GetGenericMethodDefinition();
        return (Task<RelayError?>)send.MakeGenericMethod(Response(request.GetType())!.GetGenericArguments()).Invoke(this, [request])!;
    }

    private async Task<RelayError?> SendAsAsync<T>(IRequest<Result<T>> request) => (await _mediator.Send(request, Waiting.Token)).Error;

    private static Type? Response(Type request) =>
        request.GetInterfaces().FirstOrDefault(port => port.IsGenericType && port.GetGenericTypeDefinition() == typeof(IRequest<>))?.GetGenericArguments()[0];
}
