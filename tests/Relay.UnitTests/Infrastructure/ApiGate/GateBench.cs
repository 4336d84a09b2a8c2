using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ApiGate;

/// <summary>A gate on its real socket, an API behind it that does as it is told, and a client that plays Claude Code.</summary>
internal sealed class GateBench : IAsyncDisposable
{
    public const string Key = "sk-ant-the-real-key";

    private readonly TemporaryHome _home = new();
    private readonly FakeApi _api;
    private readonly FakeGate _gate;
    private readonly Lazy<GateClient> _claude;

    private GateBench(FakeApi api, X509Certificate2? certificate)
    {
        _api = api;
        var certificates = certificate is null ? null : Path.Combine(_home.Home.Path, "authority.pem");
        if (certificates is not null)
        {
            File.WriteAllText(certificates, certificate!.ExportCertificatePem());
        }

        var options = new ClaudeCodeOptions
        {
            Auth = ClaudeAuth.ApiKey,
            ApiKey = Key,
            BaseUrl = api.Address,
            PassEnv = ["NODE_EXTRA_CA_CERTS"],
        };
        _gate = FakeGate.Create(_home.Home, Options.Create(options), certificates: certificates);
        _claude = new Lazy<GateClient>(() => new GateClient(Gate.SocketPath!));
    }

    public Uri ApiAddress => _api.Address;

    public GateListener Gate => _gate.Listener;

    public IReadOnlyList<string> Reached => _api.Reached;

    public Queue<Func<HttpContext, Task>> Answers => _api.Answers;

    /// <summary>Connections of the gate to the API so far.</summary>
    public int Connections => _api.Connections;

    /// <param name="certificate">The API's, for TLS and HTTP/2; null for plain HTTP.</param>
    public static async Task<GateBench> StartAsync(X509Certificate2? certificate = null)
    {
        var bench = new GateBench(await FakeApi.StartAsync(certificate), certificate);
        await bench.Gate.StartAsync(Waiting.Token);
        return bench;
    }

    public static TurnExpectation Expect(string prompt = "Hi", int maxRepeats = 2, bool isRehearsed = true) =>
        new("opus", PromptText.Create("system", "Be brief.").Value, Conversation.Of(PromptText.Create("prompt", prompt).Value!), 16_000)
        {
            MaxRepeats = maxRepeats,
            Shape = isRehearsed ? Shape : null,
        };

    /// <summary>The shape of the requests that the client sends.</summary>
    private static RequestShape Shape { get; } =
        RequestProof
            .Prove(
                BodyOf("Hi"),
                "anthropic-version: 2023-06-01\n",
                Expect(isRehearsed: false),
                [],
                DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime)
            )
            .Shape!;

    public Task<HttpResponseMessage> SendAsync(string path, byte[] body, Action<HttpRequestMessage>? change = null) =>
        _claude.Value.SendAsync(path, body, change);

    public Task<HttpResponseMessage> AskAsync(GateTicket ticket, string prompt = "Hi", Action<HttpRequestMessage>? change = null) =>
        SendAsync($"/{ticket.Value}/v1/messages?beta=true", BodyOf(prompt), change);

    public static byte[] BodyOf(string prompt) =>
        new ComposedRequest().Say("user", prompt).WithNoteOf(TimeProvider.System.GetUtcNow()).ToBytes();

    public async ValueTask DisposeAsync()
    {
        if (_claude.IsValueCreated)
        {
            _claude.Value.Dispose();
        }

        await _gate.DisposeAsync();
        await _api.DisposeAsync();
        _home.Dispose();
    }
}
