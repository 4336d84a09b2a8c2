using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using NSubstitute;
using Relay.Api.Http;
using Relay.Api.Idempotency;
using Relay.Api.Quotas;
using Relay.Application.Idempotency;
using Relay.Application.Serving;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Api.Idempotency;

public sealed class IdempotencyGateTests
{
    private const string Route = "v1/complete";

    private readonly IIdempotencyStore _store = Substitute.For<IIdempotencyStore>();
    private readonly KeySecret _secret = KeySecret.Generate();
    private readonly ApiKey _key = Any.Key();
    private readonly AnswerBudget _answers = new();

    public IdempotencyGateTests()
    {
        using var seal = new IdempotencySeal(_secret);
        var name = seal.NameOf(Route, "once");
        var kept = seal.Seal(name, new RecordedAnswer(200, "text/plain", Encoding.UTF8.GetBytes(new string('x', 200_000))).ToBytes());
        _store
            .ClaimAsync(name, Arg.Any<string>(), Arg.Any<CancellationToken>())
            .Returns(new IdempotencyClaim(IdempotencyState.Answered, kept));
    }

    [Fact]
    public async Task A_kept_answer_is_sent_again_where_the_key_has_room_for_it()
    {
        const long share = 64_000_000;
        _answers.TryTake(_key.Id, share - 199_999).Should().BeTrue();

        var refused = await AskAsync();
        _answers.GiveBack(_key.Id, 1);
        var answered = await AskAsync();

        (refused.Status, answered.Status).Should().Be((429, 200));
        refused.Body.Should().Contain("queue_full");
        answered.Body.Should().Be(new string('x', 200_000));
        (await AskAsync()).Status.Should().Be(200, "what was sent has given its room back");
    }

    [Fact]
    public async Task An_answer_is_kept_before_its_caller_has_the_whole_of_it()
    {
        var kept = 0;
        var sentBefore = "";
        _store
            .ClaimAsync(Arg.Any<string>(), Arg.Any<string>(), Arg.Any<CancellationToken>())
            .Returns(new IdempotencyClaim(IdempotencyState.Claimed, default));

        var answered = await AskAsync(
            context => AnswerAsync(context.Response, "{\"text\":\"hello\"}"),
            context =>
                _store
                    .When(async store =>
                        await store.KeepAsync(
                            Arg.Any<string>(),
                            _key.Id,
                            Arg.Any<string>(),
                            Arg.Any<ReadOnlyMemory<byte>>(),
                            Arg.Any<CancellationToken>()
                        )
                    )
                    .Do(_ =>
                    {
                        kept++;
                        sentBefore = Encoding.UTF8.GetString(((MemoryStream)context.Response.Body).ToArray());
                    })
        );

        (kept, sentBefore, answered.Body).Should().Be((1, "{\"text\":\"hello\"", "{\"text\":\"hello\"}"));
    }

    private static Task AnswerAsync(HttpResponse response, string body)
    {
        response.ContentLength = body.Length;
        return AnswerBudget.SendAsync(response, Encoding.UTF8.GetBytes(body), CancellationToken.None);
    }

    private async Task<(int Status, string Body)> AskAsync(RequestDelegate? next = null, Action<HttpContext>? prepare = null)
    {
        var options = Options.Create(new ServerOptions());
        var bodies = new BodyBudget(options);
        using var services = new ServiceCollection().AddSingleton(bodies).BuildServiceProvider();
        using var body = new MemoryStream();
        var context = new DefaultHttpContext { RequestServices = services };
        context.Features.Set(new RequestLogEntry("req_1"));
        context.Features.Set(Any.Context(_key));
        context.Features.Set(_secret);
        context.SetEndpoint(
            new RouteEndpoint(
                _ => Task.CompletedTask,
                RoutePatternFactory.Parse(Route),
                0,
                new EndpointMetadataCollection(new SpendsQuotaAttribute(QuotaBucket.Completions)),
                null
            )
        );
        context.Request.ContentType = "application/json";
        context.Request.Headers["Idempotency-Key"] = "once";
        context.Request.Body = new MemoryStream("{}"u8.ToArray());
        context.Response.Body = body;
        prepare?.Invoke(context);

        await new IdempotencyGate(_store, options, _answers, new LogLines<IdempotencyGate>()).InvokeAsync(
            context,
            next ?? (_ => throw new InvalidOperationException("It ran again."))
        );

        return (context.Response.StatusCode, Encoding.UTF8.GetString(body.ToArray()));
    }
}
