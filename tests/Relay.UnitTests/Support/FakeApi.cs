using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Relay.UnitTests.Support;

/// <summary>A Messages API on loopback that does as it is told.</summary>
internal sealed class FakeApi : IAsyncDisposable
{
    private readonly WebApplication _server;
    private readonly List<string> _reached = [];

    private int _connections;

    private FakeApi(WebApplication server) => _server = server;

    /// <summary>Connections so far.</summary>
    public int Connections => Volatile.Read(ref _connections);

    public static string WholeMessage { get; } = MessageOf("Hello");

    public Uri Address { get; private set; } = null!;

    /// <summary>Requests so far, as text: the path, the headers, then the body.</summary>
    public IReadOnlyList<string> Reached
    {
        get
        {
            lock (_reached)
            {
                return [.. _reached];
            }
        }
    }

    /// <summary>Answers in order; the last one again and again. A whole message where there is none.</summary>
    public Queue<Func<HttpContext, Task>> Answers { get; } = new();

    /// <param name="certificate">For TLS and HTTP/2; null for plain HTTP.</param>
    public static async Task<FakeApi> StartAsync(X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        FakeApi? api = null;
        builder
            .WebHost.UseKestrelCore()
            .UseKestrelHttpsConfiguration()
            .ConfigureKestrel(kestrel =>
            {
                kestrel.Limits.MaxRequestBodySize = null;
                kestrel.Listen(
                    IPAddress.Loopback,
                    0,
                    listen =>
                    {
                        listen.Use(next =>
                            connection =>
                            {
                                Interlocked.Increment(ref api!._connections);
                                return next(connection);
                            }
                        );
                        if (certificate is not null)
                        {
                            listen.UseHttps(certificate);
                        }
                    }
                );
            });
        var server = builder.Build();
        api = new FakeApi(server);
        server.Run(api.AnswerAsync);
        await server.StartAsync(Waiting.Token);
        api.Address = new Uri(server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        return api;
    }

    /// <summary>The events of an answer.</summary>
    public static string MessageOf(string text, string stopReason = "end_turn") =>
        string.Join(
            "\n\n",
            """data: {"type":"message_start","message":{"model":"claude-opus-5-5","usage":{"input_tokens":3,"output_tokens":1}}}""",
            """data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""",
            $$$"""data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"{{{text}}}"}}""",
            """data: {"type":"content_block_stop","index":0}""",
            $$$"""data: {"type":"message_delta","delta":{"stop_reason":"{{{stopReason}}}"},"usage":{"output_tokens":2}}""",
            """data: {"type":"message_stop"}"""
        ) + "\n\n";

    public static Task Whole(HttpContext context) => Message(WholeMessage)(context);

    public static Func<HttpContext, Task> Message(string events) =>
        context =>
        {
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers["request-id"] = "req_1";
            context.Response.Headers["set-cookie"] = "tracked=1";
            return context.Response.WriteAsync(events);
        };

    public static Func<HttpContext, Task> Error(int status, string type, string message = "no") =>
        context =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = "application/json";
            return context.Response.WriteAsync($$$"""{"type":"error","error":{"type":"{{{type}}}","message":"{{{message}}}"}}""");
        };

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var body = await reader.ReadToEndAsync(context.RequestAborted);
        var text = new StringBuilder().Append(context.Request.Path).Append(context.Request.QueryString).Append('\n');
        foreach (var header in context.Request.Headers)
        {
            text.Append(header.Key).Append(": ").Append(header.Value.ToString()).Append('\n');
        }

        Func<HttpContext, Task> answer;
        lock (_reached)
        {
            _reached.Add(text.Append('\n').Append(body).ToString());
            answer =
                Answers.Count > 1 ? Answers.Dequeue()
                : Answers.Count == 1 ? Answers.Peek()
                : Whole;
        }

        await answer(context);
    }
}
