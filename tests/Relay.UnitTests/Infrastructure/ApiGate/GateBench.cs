using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.ClaudeCode;
using Yarp.ReverseProxy.Forwarder;

namespace Relay.UnitTests.Infrastructure.ApiGate;

/// <summary>A gate on its real socket, an API behind it that does as it is told, and a client that plays Claude Code.</summary>
internal sealed class GateBench : IAsyncDisposable
{
    public const string Key = "sk-ant-the-real-key";

    private readonly TemporaryHome _home = new();
    private readonly WebApplication _api;
    private readonly FakeGate _gate;
    private readonly HttpMessageInvoker _claude;

    private GateBench(WebApplication api, string address)
    {
        _api = api;
        var options = Options.Create(new ClaudeCodeOptions { Auth = ClaudeAuth.ApiKey, ApiKey = Key, BaseUrl = new Uri(address) });
        _gate = FakeGate.Create(_home.Home, options);
        _claude = new HttpMessageInvoker(new SocketsHttpHandler
        {
            ConnectCallback = async (_, token) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Gate.SocketPath!), token);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
    }

    public GateListener Gate => _gate.Listener;

    /// <summary>Requests that reached the API, as text: the headers, then the body.</summary>
    public List<string> Reached { get; } = [];

    /// <summary>Answers of the API, in order; the last one again and again.</summary>
    public Queue<Func<HttpContext, Task>> Answers { get; } = new();

    public static string WholeMessage { get; } = string.Join(
        "\n\n",
        """data: {"type":"message_start","message":{"model":"claude-opus-5-5","usage":{"input_tokens":3,"output_tokens":1}}}""",
        """data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""",
        """data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}""",
        """data: {"type":"content_block_stop","index":0}""",
        """data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}""",
        """data: {"type":"message_stop"}""") + "\n\n";

    public static async Task<GateBench> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var api = builder.Build();
        GateBench? bench = null;
        api.Run(context => bench!.AnswerAsync(context));
        await api.StartAsync(Waiting.Token);
        bench = new GateBench(api, api.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        await bench.Gate.StartAsync(Waiting.Token);
        return bench;
    }

    public static TurnExpectation Expect(string prompt = "Hi", int maxRepeats = 2) =>
        new("opus", PromptText.Create("system", "Be brief.").Value, Conversation.Of(PromptText.Create("prompt", prompt).Value!), 16_000) { MaxRepeats = maxRepeats };

    /// <summary>Sends what Claude Code would send.</summary>
    public Task<HttpResponseMessage> SendAsync(string path, byte[] body, Action<HttpRequestMessage>? change = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"http://gate{path}") { Content = new ByteArrayContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        request.Headers.TryAddWithoutValidation("x-api-key", ApiCredentials.Placeholder);
        request.Headers.TryAddWithoutValidation("anthropic-version", "2023-06-01");
        change?.Invoke(request);
        return _claude.SendAsync(request, Waiting.Token);
    }

    public Task<HttpResponseMessage> AskAsync(GateTicket ticket, string prompt = "Hi", Action<HttpRequestMessage>? change = null) =>
        SendAsync($"/{ticket.Value}/v1/messages?beta=true", BodyOf(prompt), change);

    public static byte[] BodyOf(string prompt)
    {
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
        return new ComposedRequest().Say("user", prompt).WithNote(ComposedRequest.Note.Replace("2026-11-30", today, StringComparison.Ordinal)).ToBytes();
    }

    public async ValueTask DisposeAsync()
    {
        await _gate.DisposeAsync();
        _claude.Dispose();
        await _api.DisposeAsync();
        _home.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var body = await reader.ReadToEndAsync(context.RequestAborted);
        var text = new StringBuilder().Append(context.Request.Path).Append(context.Request.QueryString).Append('\n');
        foreach (var header in context.Request.Headers)
        {
            text.Append(header.Key).Append(": ").Append(header.Value.ToString()).Append('\n');
        }

        lock (Reached)
        {
            Reached.Add(text.Append('\n').Append(body).ToString());
        }

        var answer = Answers.Count > 1 ? Answers.Dequeue() : Answers.Count == 1 ? Answers.Peek() : Whole;
        await answer(context);
    }

    public static Task Whole(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers["request-id"] = "req_1";
        context.Response.Headers["set-cookie"] = "tracked=1";
        return context.Response.WriteAsync(WholeMessage);
    }

    public static Func<HttpContext, Task> Error(int status, string type) => context =>
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync($$$"""{"type":"error","error":{"type":"{{{type}}}","message":"no"}}""");
    };
}
