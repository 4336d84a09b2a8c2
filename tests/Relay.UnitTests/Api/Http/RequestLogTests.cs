using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Api.Http;
using Relay.Application.Auditing;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Api.Http;

/// <summary>Each request with a key, however it ends, is one line of the audit log.</summary>
public sealed class RequestLogTests
{
    private readonly IAuditLog _auditLog = Substitute.For<IAuditLog>();
    private readonly IRequestObserver _observer = Substitute.For<IRequestObserver>();
    private readonly FakeTimeProvider _clock = new();
    private readonly LogLines<RequestLog> _log = new();
    private readonly DefaultHttpContext _context = new();
    private readonly RequestContext _request = Any.Context(Any.Key("billing"));

    public RequestLogTests()
    {
        _context.Request.Method = "POST";
        _context.Request.ContentLength = 77;
        _context.SetEndpoint(new RouteEndpoint(_ => Task.CompletedTask, RoutePatternFactory.Parse("v1/complete"), 0, null, null));
        _context.Response.Body = new MemoryStream();
    }

    [Fact]
    public async Task A_success_is_written_with_what_it_took()
    {
        await AskAsync(_ =>
        {
            (_request.Model, _request.QueueTime) = (Any.Model(), TimeSpan.FromMilliseconds(3));
            _request.Timings = new CompletionTimings(
                ProcessOrigin.Cold,
                TimeSpan.FromMilliseconds(1),
                TimeSpan.FromMilliseconds(2),
                TimeSpan.FromMilliseconds(4),
                TimeSpan.FromMilliseconds(8)
            );
            _request.Spending.Usage = new TokenUsage(1, 2, 3, 4, 0.5m);
            _request.CostUsd = 0.5m;
            return Task.CompletedTask;
        });

        ShouldHaveWritten(
            new AuditEntry("complete")
            {
                RequestId = _request.RequestId,
                KeyId = _request.Caller.Id,
                KeyLabel = "billing",
                Route = "POST v1/complete",
                Model = "opus",
                Status = 200,
                Queue = TimeSpan.FromMilliseconds(3),
                FirstToken = TimeSpan.FromMilliseconds(7),
                Total = TimeSpan.FromSeconds(1),
                CostUsd = 0.5m,
                Usage = new TokenUsage(1, 2, 3, 4, 0.5m),
                RequestBytes = 77,
            }
        );
    }

    [Fact]
    public async Task A_refusal_is_written_with_its_name()
    {
        await AskAsync(context => ErrorResponse.WriteAsync(context, new RelayError(ErrorCode.QueueFull, "Full.")));
        ShouldHaveWritten(429, "queue_full");
    }

    [Fact]
    public async Task A_caller_that_left_is_written_as_such()
    {
        using var left = new CancellationTokenSource();
        _context.RequestAborted = left.Token;
        await AskAsync(async _ =>
        {
            await left.CancelAsync();
            throw new OperationCanceledException(left.Token);
        });
        ShouldHaveWritten(499, "client_closed");
        _log.Lines.Should().BeEmpty();
    }

    [Fact]
    public async Task A_bug_is_written_as_the_relays_own_fault_and_answered_without_details()
    {
        await AskAsync(_ => throw new InvalidOperationException("a secret detail"));
        ShouldHaveWritten(500, "internal_error");
        _log.Lines.Should().ContainSingle();
        System
            .Text.Encoding.UTF8.GetString(((MemoryStream)_context.Response.Body).ToArray())
            .Should()
            .Contain("internal_error")
            .And.NotContain("secret detail");
    }

    [Fact]
    public async Task A_cancellation_that_the_caller_did_not_ask_for_is_a_bug_too()
    {
        await AskAsync(_ => throw new OperationCanceledException());
        ShouldHaveWritten(500, "internal_error");
    }

    [Fact]
    public async Task A_bug_after_the_answer_has_begun_is_no_success_either()
    {
        _context.Features.Set<IHttpResponseFeature>(new StartedResponse());
        await AskAsync(_ => throw new InvalidOperationException("a bug"));
        ShouldHaveWritten(200, "internal_error");
    }

    [Theory]
    [InlineData(401, "unauthorized", 1)]
    [InlineData(421, "wrong_host", 1)]
    [InlineData(200, null, 0)]
    [InlineData(404, "not_found", 0)]
    public async Task Without_a_key_refusals_are_counted_and_nothing_is_written(int status, string? error, int counted)
    {
        await AskAsync(
            context =>
            {
                context.Response.StatusCode = status;
                context.Log().Error = error;
                return Task.CompletedTask;
            },
            withKey: false
        );

        _observer.DidNotReceiveWithAnyArgs().Observe(default!);
        _observer.ReceivedWithAnyArgs(counted).ObserveUnauthenticated(default!);
        _auditLog.DidNotReceiveWithAnyArgs().Write(default!);
        _auditLog.DidNotReceiveWithAnyArgs().WriteRepeated(default!);
        _auditLog.ReceivedWithAnyArgs(counted).CountUnauthenticated(default!);
        if (counted > 0)
        {
            _auditLog.Received(1).CountUnauthenticated(error!);
        }
    }

    [Theory]
    [InlineData("GET", "GET")]
    [InlineData("BREW \u001b[31m", "(other)")]
    public async Task A_path_from_the_caller_is_not_written(string method, string written)
    {
        _context.Request.Method = method;
        _context.Request.Path = "/private/words";
        _context.Request.QueryString = new QueryString("?q=private");
        _context.SetEndpoint(null);
        await AskAsync(_ => Task.CompletedTask);
        _auditLog.Received(1).WriteRepeated(Arg.Is<AuditEntry>(entry => entry.Route == $"{written} (none)" && entry.Action == "none"));
    }

    [Theory]
    [InlineData(null, 0)]
    [InlineData("forbidden", 1)]
    public async Task Routine_leaves_no_line_unless_it_fails(string? error, int lines)
    {
        await AskAsync(context =>
        {
            (context.Log().IsRoutine, context.Log().Error) = (true, error);
            return Task.CompletedTask;
        });

        _auditLog.ReceivedCalls().Should().HaveCount(lines);
        _observer.ReceivedCalls().Should().HaveCount(lines);
    }

    [Theory]
    [InlineData("opus", null, false)]
    [InlineData("opus", 0.5, true)]
    [InlineData("opus", 0.0, true)]
    [InlineData(null, null, true)]
    public async Task A_request_that_was_let_in_has_a_line_unless_it_came_to_nothing(string? model, double? cost, bool hasLine)
    {
        await AskAsync(context =>
        {
            (_request.QueueTime, _request.Model, _request.CostUsd) = (
                TimeSpan.Zero,
                model is null ? null : Any.Model(model),
                (decimal?)cost
            );
            return ErrorResponse.WriteAsync(context, new RelayError(ErrorCode.NotLoggedIn, "The engine is out of service."));
        });

        _auditLog.ReceivedWithAnyArgs(hasLine ? 1 : 0).Write(default!);
        _auditLog.ReceivedWithAnyArgs(hasLine ? 0 : 1).WriteRepeated(default!);
    }

    [Fact]
    public async Task A_route_may_have_a_word_of_its_own_in_the_audit_log()
    {
        _context.SetEndpoint(
            new RouteEndpoint(
                _ => Task.CompletedTask,
                RoutePatternFactory.Parse("dashboard/keys/{id}/rotate"),
                0,
                new EndpointMetadataCollection(new AuditedAsAttribute("dashboard")),
                null
            )
        );

        await AskAsync(_ => Task.CompletedTask);

        _auditLog
            .Received(1)
            .WriteRepeated(Arg.Is<AuditEntry>(entry => entry.Action == "dashboard" && entry.Route == "POST dashboard/keys/{id}/rotate"));
    }

    [Fact]
    public async Task Every_answer_has_the_id_of_its_request()
    {
        await AskAsync(_ => Task.CompletedTask);
        _context.Response.Headers["X-Request-Id"].ToString().Should().MatchRegex("^req_[0-9a-f]{24}$").And.Be(_context.Log().RequestId);
    }

    private Task AskAsync(RequestDelegate next, bool withKey = true) => new RequestLog(
            async context =>
            {
                if (withKey)
                {
                    context.Features.Set(_request);
                }

                _clock.Advance(TimeSpan.FromSeconds(1));
                await next(context);
            },
            _auditLog,
            [_observer],
            Any.Metrics(),
            _clock,
            _log
        ).InvokeAsync(_context).InTime();

    private void ShouldHaveWritten(int status, string error) =>
        ShouldHaveWritten(
            new AuditEntry("complete")
            {
                RequestId = _request.RequestId,
                KeyId = _request.Caller.Id,
                KeyLabel = "billing",
                Route = "POST v1/complete",
                Status = status,
                Error = error,
                Total = TimeSpan.FromSeconds(1),
                RequestBytes = 77,
            }
        );

    private void ShouldHaveWritten(AuditEntry entry)
    {
        _observer.ReceivedCalls().Should().ContainSingle();
        entry = entry with { TraceId = ((AuditEntry)_observer.ReceivedCalls().Single().GetArguments()[0]!).TraceId };
        entry.TraceId.Should().MatchRegex("^[0-9a-f]{32}$");
        _observer.Received(1).Observe(entry);
        _auditLog.ReceivedCalls().Should().ContainSingle();
        if (entry.Queue is null)
        {
            // Never let in: a caller can cause any number of these.
            _auditLog.Received(1).WriteRepeated(entry);
        }
        else
        {
            _auditLog.Received(1).Write(entry);
        }
    }

    private sealed class StartedResponse : HttpResponseFeature
    {
        public override bool HasStarted => true;
    }
}
