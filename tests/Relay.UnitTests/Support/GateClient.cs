using System.Net.Sockets;

namespace Relay.UnitTests.Support;

/// <summary>Sends requests over the gate's socket, as Claude Code does.</summary>
internal sealed class GateClient(string socketPath) : IDisposable
{
    private readonly HttpMessageInvoker _client = new(
        new SocketsHttpHandler
        {
            ConnectCallback = async (_, token) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), token);
                return new NetworkStream(socket, ownsSocket: true);
            },
        }
    );

    public Task<HttpResponseMessage> SendAsync(string path, byte[] body, Action<HttpRequestMessage>? change = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"http://gate{path}") { Content = new ByteArrayContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        request.Headers.TryAddWithoutValidation("x-api-key", Relay.Infrastructure.ApiGate.ApiCredentials.Placeholder);
        request.Headers.TryAddWithoutValidation("anthropic-version", "2023-06-01");
        change?.Invoke(request);
        return _client.SendAsync(request, Waiting.Token);
    }

    public void Dispose() => _client.Dispose();
}
