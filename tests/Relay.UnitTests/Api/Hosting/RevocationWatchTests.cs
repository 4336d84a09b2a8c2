using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using NSubstitute;
using Relay.Api.Hosting;
using Relay.Api.Http;
using Relay.Api.Quotas;
using Relay.Application.Keys;
using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Api.Hosting;

public sealed class RevocationWatchTests : IDisposable
{
    private readonly IKeyDirectory _keys = Substitute.For<IKeyDirectory>();
    private readonly ApiKey _key = Any.Key();
    private readonly CancellationTokenSource _left = new();
    private readonly RevocationWatch _watch;

    public RevocationWatchTests()
    {
        _watch = new RevocationWatch(_keys);
    }

    public void Dispose()
    {
        _watch.Dispose();
        _left.Dispose();
    }

    [Fact]
    public async Task A_request_of_a_key_that_is_revoked_ends_at_once_with_the_401_of_any_other()
    {
        var context = Context(_key);
        var asking = AskAsync(context);
        Reload("key_of_somebody_else");

        await asking.InTime();

        context.Response.StatusCode.Should().Be(401);
        context.Log().Error.Should().Be("unauthorized");
        context.RequestAborted.Should().Be(_left.Token, "what comes after it goes by the connection's own token");
    }

    [Fact]
    public async Task Requests_of_keys_that_stay_go_on()
    {
        var context = Context(_key);
        var asking = AskAsync(context);
        Reload(_key.Id);
        asking.IsCompleted.Should().BeFalse();
        await _left.CancelAsync();
        await ((Func<Task>)(() => asking.InTime())).Should().ThrowAsync<OperationCanceledException>("the caller has left, which is no 401");
        context.Response.StatusCode.Should().Be(200);
    }

    [Fact]
    public async Task A_key_that_is_revoked_between_its_look_up_and_the_watch_is_refused_too()
    {
        _keys.IsRevoked(_key.Id).Returns(true);
        var context = Context(_key);
        await AskAsync(context).InTime();
        context.Response.StatusCode.Should().Be(401);
    }

    [Fact]
    public async Task A_request_that_ended_is_watched_no_longer()
    {
        var context = Context(_key);
        await _watch.InvokeAsync(context, _ => Task.CompletedTask);
        Reload();
        context.Response.StatusCode.Should().Be(200);
        context.RequestAborted.Should().Be(_left.Token);
    }

    [Fact]
    public async Task A_request_that_was_answered_all_the_same_keeps_its_answer()
    {
        var context = Context(_key);
        await _watch.InvokeAsync(
            context,
            http =>
            {
                Reload();
                http.RequestAborted.IsCancellationRequested.Should().BeTrue();
                return Task.CompletedTask;
            }
        );
        context.Response.StatusCode.Should().Be(200);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_revocation_cuts_half_an_answer_and_no_whole_one(bool isCut)
    {
        var context = Context(_key);
        var lifetime = Substitute.For<IHttpRequestLifetimeFeature>();
        lifetime.RequestAborted.Returns(_left.Token);
        context.Features.Set(lifetime);
        var response = Substitute.For<IHttpResponseFeature>();
        response.HasStarted.Returns(true);
        context.Features.Set(response);

        await _watch.InvokeAsync(
            context,
            http =>
            {
                Reload();
                return isCut ? Task.FromException(new OperationCanceledException()) : Task.CompletedTask;
            }
        );

        lifetime.Received(isCut ? 1 : 0).Abort();
    }

    [Fact]
    public async Task A_request_without_a_key_is_none_of_its_business()
    {
        var context = Context(null);
        await _watch.InvokeAsync(
            context,
            http =>
            {
                Reload();
                http.RequestAborted.Should().Be(_left.Token);
                return Task.CompletedTask;
            }
        );
    }

    [Fact]
    public async Task A_revocation_while_the_headers_of_an_answer_are_made_leaves_the_answer_whole()
    {
        var (asked, found) = (new TaskCompletionSource(), new TaskCompletionSource());
        var admission = Substitute.For<IAdmission>();
#pragma warning disable CA2012 // NSubstitute takes the call, not its result.
        admission
            .PeekAsync(_key, QuotaBucket.Completions, Arg.Any<CancellationToken>())
            .Returns(call => FindAsync(call.Arg<CancellationToken>()));
#pragma warning restore CA2012
        await using var server = await FakeApi.StartAsync();
        server.Answers.Enqueue(http =>
        {
            var request = new RequestContext("req_1", _key, null);
            http.Features.Set(new RequestLogEntry("req_1"));
            http.Features.Set(request);
            new RateLimitHeaders(admission).AddTo(http, request);
            return _watch.InvokeAsync(
                http,
                context => AnswerBudget.SendAsync(context.Response, "whole"u8.ToArray(), context.RequestAborted)
            );
        });
        using var client = new HttpClient();

        var asking = client.GetAsync(server.Address, TestContext.Current.CancellationToken);
        await asked.Task.InTime();
        Reload();
        found.SetResult();
        using var answer = await asking.InTime();

        answer.StatusCode.Should().Be(HttpStatusCode.OK);
        (await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Should().Be("whole");
        answer.Headers.GetValues("RateLimit").Should().Equal("\"minute\";r=29;t=60");

        async ValueTask<QuotaDecision> FindAsync(CancellationToken cancellationToken)
        {
            asked.SetResult();
            await found.Task.WaitAsync(cancellationToken);
            return new QuotaDecision(null, null, [new QuotaStatus("minute", 30, 29, TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(60))]);
        }
    }

    private void Reload(params string[] unrevokedIds) =>
        _keys.Reloaded += Raise.Event<Action<IReadOnlySet<string>>>(new HashSet<string>(unrevokedIds, StringComparer.Ordinal));

    /// <summary>Runs a request until its token is cancelled.</summary>
    private Task AskAsync(HttpContext context) =>
        _watch.InvokeAsync(context, http => Task.Delay(Timeout.InfiniteTimeSpan, http.RequestAborted));

    private DefaultHttpContext Context(ApiKey? key)
    {
        var context = new DefaultHttpContext { RequestAborted = _left.Token };
        context.Features.Set(new RequestLogEntry("req_1"));
        if (key is not null)
        {
            context.Features.Set(new RequestContext("req_1", key, null));
        }

        return context;
    }
}
