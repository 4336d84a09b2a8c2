using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Relay.Bench;

/// <summary>The result of a load.</summary>
/// <param name="Answers">The number of answers, by status.</param>
/// <param name="Milliseconds">The time of each; with a rate, from the time when it was due.</param>
/// <param name="Elapsed">The time of the whole load.</param>
internal sealed record LoadResult(IReadOnlyDictionary<int, int> Answers, IReadOnlyList<double> Milliseconds, TimeSpan Elapsed)
{
    /// <summary>Answers a second.</summary>
    public double Rate => Milliseconds.Count / Elapsed.TotalSeconds;

    /// <summary>The time that a share of the answers did not exceed.</summary>
    public double At(double share) =>
        Milliseconds.Order().ElementAt(Math.Clamp((int)Math.Ceiling(share * Milliseconds.Count) - 1, 0, Milliseconds.Count - 1));
}

/// <summary>
/// Sends one request over and over on kept connections, by hand: an HTTP client would cost more of the machine than the server
/// that is measured.
/// </summary>
internal static class LoadClient
{
    /// <summary>Runs a load.</summary>
    /// <param name="server">The server's address.</param>
    /// <param name="request">The bytes of the whole request.</param>
    /// <param name="connections">The number of connections at once.</param>
    /// <param name="time">The length of the load.</param>
    /// <param name="perSecond">Most requests a second, over all connections; null for as many as the server answers.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    public static async Task<LoadResult> RunAsync(
        Uri server,
        byte[] request,
        int connections,
        TimeSpan time,
        double? perSecond,
        CancellationToken cancellationToken
    )
    {
        var watch = Stopwatch.StartNew();
        var loads = await Task.WhenAll(
            Enumerable
                .Range(0, connections)
                .Select(number =>
                    Task.Run(
                        () =>
                            RunConnectionAsync(
                                server,
                                request,
                                watch,
                                time,
                                perSecond / connections,
                                number / (double)connections,
                                cancellationToken
                            ),
                        cancellationToken
                    )
                )
        );
        return new LoadResult(
            loads.SelectMany(load => load).GroupBy(answer => answer.Status).ToDictionary(group => group.Key, group => group.Count()),
            [.. loads.SelectMany(load => load).Select(answer => answer.Milliseconds)],
            watch.Elapsed
        );
    }

    /// <summary>A request's bytes.</summary>
    public static byte[] Request(Uri server, string method, string path, string? key, string? body)
    {
        var head = new StringBuilder($"{method} {path} HTTP/1.1\r\nHost: {server.Authority}\r\n");
        if (key is not null)
        {
            head.Append($"Authorization: Bearer {key}\r\n");
        }

        if (body is not null)
        {
            head.Append($"Content-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n");
        }

        return Encoding.UTF8.GetBytes(head.Append("\r\n").Append(body).ToString());
    }

    private static async Task<List<(int Status, double Milliseconds)>> RunConnectionAsync(
        Uri server,
        byte[] request,
        Stopwatch watch,
        TimeSpan time,
        double? perSecond,
        double offset,
        CancellationToken cancellationToken
    )
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Parse(server.Host), server.Port), cancellationToken);
        var buffer = new byte[64 * 1024];
        var answers = new List<(int, double)>();
        for (var number = 0; watch.Elapsed < time; number++)
        {
            var due = watch.Elapsed;
            if (perSecond is { } rate)
            {
                due = TimeSpan.FromSeconds((number + offset) / rate);
                if (due - watch.Elapsed is { Ticks: > 0 } wait)
                {
                    await Task.Delay(wait, cancellationToken);
                    due = watch.Elapsed; // A timer that rings late is the client's, not the server's.
                }
            }

            await socket.SendAsync(request, cancellationToken);
            var status = await ReadAnswerAsync(socket, buffer, cancellationToken);
            answers.Add((status, (watch.Elapsed - due).TotalMilliseconds));
        }

        return answers;
    }

    private static async Task<int> ReadAnswerAsync(Socket socket, byte[] buffer, CancellationToken cancellationToken)
    {
        var length = 0;
        while (true)
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
            if (read == 0)
            {
                throw new IOException("The server closed the connection.");
            }

            length += read;
            if (IsWhole(buffer.AsSpan(0, length)))
            {
                return ((buffer[9] - '0') * 100) + ((buffer[10] - '0') * 10) + (buffer[11] - '0');
            }
        }
    }

    private static bool IsWhole(ReadOnlySpan<byte> answer)
    {
        var head = answer.IndexOf("\r\n\r\n"u8);
        if (head < 0)
        {
            return false;
        }

        var lengthAt = answer[..head].IndexOf("Content-Length: "u8);
        if (lengthAt < 0)
        {
            return answer.EndsWith("0\r\n\r\n"u8);
        }

        var digits = answer[(lengthAt + 16)..];
        return System.Buffers.Text.Utf8Parser.TryParse(digits, out int length, out _) && answer.Length >= head + 4 + length;
    }
}
