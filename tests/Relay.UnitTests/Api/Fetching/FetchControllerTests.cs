using System.Text;
using System.Text.Json;
using MediatR;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using NSubstitute;
using Relay.Api.Fetching;
using Relay.Api.Http;
using Relay.Application.Fetching;
using Relay.Application.Serving;
using Relay.Domain.Fetching;
using Relay.Domain.Keys;

namespace Relay.UnitTests.Api.Fetching;

public sealed class FetchControllerTests
{
    private readonly IMediator _mediator = Substitute.For<IMediator>();
    private readonly IOptions<ServerOptions> _options = Options.Create(new ServerOptions());
    private readonly AnswerBudget _answers = new();
    private readonly ServiceProvider _services;

    public FetchControllerTests()
    {
        _services = new ServiceCollection().AddSingleton(new BodyBudget(_options)).BuildServiceProvider();
        // Each byte becomes six: \u0001.
        var content = new byte[FetchRequest.MaxMaxBytes];
        content.AsSpan().Fill(1);
        var document = new FetchedDocument(new Uri("https://example.com/"), DocumentKind.Text, "utf-8", content, IsWhole: true);
        _mediator
            .Send(Arg.Any<FetchPageCommand>(), Arg.Any<CancellationToken>())
            .Returns(
                new FetchedPage(
                    new FetchReply(200, "text/plain", [], document),
                    new Page(content, content.Length, null, false, "utf-8", PageMetadata.None)
                )
            );
    }

    [Fact]
    public async Task Answers_that_nobody_reads_take_no_more_than_the_keys_share()
    {
        var key = Any.Key();
        var readers = Enumerable.Range(0, 5).Select(_ => new SlowReader()).ToList();
        var waiting = readers.Select(reader => FetchAsync(key, reader)).ToList();
        waiting.Should().OnlyContain(answer => !answer.IsCompleted, "nobody reads them");
        readers.Should().OnlyContain(reader => reader.Taken.Length <= AnswerBudget.Piece, "the rest is not handed on before");

        var refused = await FetchAsync(key, new SlowReader()).InTime();
        refused.Should().NotBeOfType<EmptyResult>("one key has a quarter");
        var other = new SlowReader();
        other.Read();
        (await FetchAsync(Any.Key("other"), other).InTime()).Should().BeOfType<EmptyResult>("others have theirs");

        readers.ForEach(reader => reader.Read());
        (await Task.WhenAll(waiting).InTime()).Should().AllBeOfType<EmptyResult>();
        readers.ForEach(reader =>
            JsonElement.Parse(reader.Taken.ToArray()).GetProperty("text").GetString().Should().HaveLength(FetchRequest.MaxMaxBytes)
        );
        var again = new SlowReader();
        again.Read();
        (await FetchAsync(key, again).InTime()).Should().BeOfType<EmptyResult>("what was read gives its room back");
    }

    private Task<IActionResult> FetchAsync(ApiKey key, Stream answer)
    {
        var context = new DefaultHttpContext { RequestServices = _services };
        context.Features.Set(Any.Context(key));
        context.Request.ContentType = "application/json";
        context.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes("""{"url":"https://example.com/","format":"text"}"""));
        context.Response.Body = answer;
        return new FetchController(_mediator, _options, _answers, TimeProvider.System)
        {
            ControllerContext = new ControllerContext { HttpContext = context },
        }.FetchAsync(Waiting.Token);
    }

    /// <summary>Takes one piece, and the next only when it is told to read.</summary>
    private sealed class SlowReader : MemoryStream
    {
        private readonly TaskCompletionSource _reading = new();

        public MemoryStream Taken { get; } = new();

        public void Read() => _reading.TrySetResult();

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Taken.Write(buffer.Span);
            await _reading.Task.WaitAsync(cancellationToken);
        }
    }
}
