using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Relay.EndToEndTests.Harness;

/// <summary>An answer as its bytes came.</summary>
internal sealed record RawAnswer(int Status, IReadOnlyDictionary<string, string> Headers, string Body)
{
    /// <summary>The body as JSON.</summary>
    public JsonElement Json => JsonElement.Parse(Body);

    /// <summary>The error's code.</summary>
    public string? ErrorCode => Json.TryGetProperty("error", out var error) ? error.GetProperty("code").GetString() : null;
}

/// <summary>HTTP by hand, for requests that no decent client sends.</summary>
internal sealed class RawHttp : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly TcpClient _tcp;
    private readonly NetworkStream _stream;

    private RawHttp(TcpClient tcp) => (_tcp, _stream) = (tcp, tcp.GetStream());

    /// <summary>Connects to the relay.</summary>
    public static async Task<RawHttp> ConnectAsync(RelayProgram relay)
    {
        var tcp = new TcpClient();
        await tcp.ConnectAsync(relay.Http.BaseAddress!.Host, relay.Http.BaseAddress.Port, TestContext.Current.CancellationToken);
        return new RawHttp(tcp);
    }

    /// <summary>Sends a request on a new connection and reads the answer.</summary>
    public static async Task<RawAnswer> ExchangeAsync(RelayProgram relay, string head, ReadOnlyMemory<byte> body = default)
    {
        await using var connection = await ConnectAsync(relay);
        await connection.SendAsync(head);
        await connection.SendAsync(body);
        return await connection.ReadAsync();
    }

    /// <summary>Sends text, its line ends made CRLF.</summary>
    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text.ReplaceLineEndings("\r\n")));

    /// <summary>Sends bytes.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes) =>
        await _stream.WriteAsync(bytes, TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience);

    /// <summary>Says that nothing more comes.</summary>
    public void EndInput() => _tcp.Client.Shutdown(SocketShutdown.Send);

    /// <summary>Reads one answer: to its Content-Length, or its last chunk, or the end.</summary>
    public async Task<RawAnswer> ReadAsync(bool hasBody = true)
    {
        using var timeout = new CancellationTokenSource(Patience);
        var received = new List<byte>();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            if (TryParse([.. received], hasBody, ended: false) is { } answer)
            {
                return answer;
            }

            var read = await _stream.ReadAsync(buffer, timeout.Token);
            if (read == 0)
            {
                return TryParse([.. received], hasBody, ended: true)
                    ?? throw new IOException($"The connection ended after: {Encoding.Latin1.GetString([.. received])}");
            }

            received.AddRange(buffer.AsSpan(0, read));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _tcp.Dispose();
    }

    private static RawAnswer? TryParse(byte[] bytes, bool hasBody, bool ended)
    {
        var text = Encoding.UTF8.GetString(bytes);
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0)
        {
            return null;
        }

        var lines = text[..end].Split("\r\n");
        var status = int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture);
        var headers = lines[1..]
            .Select(line => line.Split(": ", 2))
            .ToDictionary(pair => pair[0], pair => pair.ElementAtOrDefault(1) ?? string.Empty, StringComparer.OrdinalIgnoreCase);
        if (!hasBody || status is 100 or 204)
        {
            return new RawAnswer(status, headers, string.Empty);
        }

        var body = text[(end + 4)..];
        if (headers.TryGetValue("Content-Length", out var length))
        {
            return Encoding.UTF8.GetByteCount(body) >= int.Parse(length, CultureInfo.InvariantCulture)
                ? new RawAnswer(status, headers, body)
                : null;
        }

        if (!headers.ContainsKey("Transfer-Encoding"))
        {
            return ended ? new RawAnswer(status, headers, body) : null;
        }

        return body.EndsWith("0\r\n\r\n", StringComparison.Ordinal) ? new RawAnswer(status, headers, Unchunk(body)) : null;
    }

    private static string Unchunk(string body)
    {
        var bytes = Encoding.UTF8.GetBytes(body).AsSpan();
        var text = new StringBuilder();
        while (true)
        {
            var lineEnd = bytes.IndexOf("\r\n"u8);
            var size = int.Parse(Encoding.ASCII.GetString(bytes[..lineEnd]), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (size == 0)
            {
                return text.ToString();
            }

            text.Append(Encoding.UTF8.GetString(bytes.Slice(lineEnd + 2, size)));
            bytes = bytes[(lineEnd + 2 + size + 2)..];
        }
    }
}
