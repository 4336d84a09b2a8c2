using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Relay.UnitTests.Support;

/// <summary>A line to a server on loopback on which every byte takes a while, either way. It delays, and holds nothing else up.</summary>
internal sealed class LongLine : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _port;

    /// <param name="port">The server's.</param>
    /// <param name="delay">One way.</param>
    public LongLine(int port, TimeSpan delay)
    {
        (_port, Delay) = (port, delay);
        _listener.Start();
        _ = AcceptAsync();
    }

    /// <summary>The port at which it begins.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>The time that a byte takes one way; for bytes that set out from now on.</summary>
    public TimeSpan Delay { get; set; }

    public void Dispose()
    {
        _stopping.Cancel();
        _listener.Stop();
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        var stopping = _stopping.Token;
        try
        {
            while (true)
            {
                var near = await _listener.AcceptTcpClientAsync(stopping);
                _ = ConnectAsync(near, stopping);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException)
        {
            // It is cut.
        }
    }

    private async Task ConnectAsync(TcpClient near, CancellationToken cancellationToken)
    {
        using var far = new TcpClient { NoDelay = true };
        using (near)
        {
            near.NoDelay = true;
            try
            {
                await far.ConnectAsync(IPAddress.Loopback, _port, cancellationToken);
                await Task.WhenAny(
                    CarryAsync(near.GetStream(), far.GetStream(), cancellationToken),
                    CarryAsync(far.GetStream(), near.GetStream(), cancellationToken)
                );
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException)
            {
                // Cut, or nobody listens.
            }
        }
    }

    private async Task CarryAsync(NetworkStream from, NetworkStream to, CancellationToken cancellationToken)
    {
        var onTheWay = Channel.CreateUnbounded<(DateTimeOffset Due, byte[] Bytes)>();
        var arriving = ArriveAsync(onTheWay.Reader, to, cancellationToken);
        var buffer = new byte[65_536];
        try
        {
            while (await from.ReadAsync(buffer, cancellationToken) is > 0 and var read)
            {
                onTheWay.Writer.TryWrite((TimeProvider.System.GetUtcNow() + Delay, buffer[..read]));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            // One end hung up.
        }

        onTheWay.Writer.Complete();
        await arriving;
    }

    private static async Task ArriveAsync(
        ChannelReader<(DateTimeOffset Due, byte[] Bytes)> onTheWay,
        NetworkStream to,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await foreach (var (due, bytes) in onTheWay.ReadAllAsync(cancellationToken))
            {
                if (due - TimeProvider.System.GetUtcNow() is var wait && wait > TimeSpan.Zero)
                {
                    await Task.Delay(wait, TimeProvider.System, cancellationToken);
                }

                await to.WriteAsync(bytes, cancellationToken);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            // The other end hung up.
        }
    }
}
