using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Relay.UnitTests.Infrastructure.HttpFetching;

/// <summary>A site that answers with exactly these bytes, and closes.</summary>
internal sealed class RawSite : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<string, byte[]> _answer;
    private readonly Task _serving;
    private Socket? _socket;

    /// <summary>Begins to listen.</summary>
    /// <param name="answer">The whole answer to a request, of which it gets the head.</param>
    public RawSite(Func<string, byte[]> answer)
    {
        _answer = answer;
        _listener.Start();
        Endpoint = (IPEndPoint)_listener.LocalEndpoint;
        _serving = ServeAsync();
    }

    /// <summary>The address that it listens on.</summary>
    public IPEndPoint Endpoint { get; }

    /// <summary>The heads of all requests so far.</summary>
    public List<string> Requests { get; } = [];

    /// <summary>An answer's bytes.</summary>
    public static byte[] Answer(string status, string headers, byte[] body) =>
        [.. Encoding.UTF8.GetBytes($"HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n"), .. body];

    /// <inheritdoc/>
    public void Dispose()
    {
        _listener.Stop();
        Volatile.Read(ref _socket)?.Dispose();
        _serving.Wait(Waiting.Token);
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using var socket = await _listener.AcceptSocketAsync();
                Volatile.Write(ref _socket, socket);
                var (buffer, head) = (new byte[8192], string.Empty);
                while (!head.EndsWith("\r\n\r\n", StringComparison.Ordinal) && await socket.ReceiveAsync(buffer) is var read and > 0)
                {
                    head += Encoding.UTF8.GetString(buffer, 0, read);
                }

                Requests.Add(head);
                await socket.SendAsync(_answer(head));
                socket.Shutdown(SocketShutdown.Both);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            Requests.Add("stopped");
        }
    }
}
