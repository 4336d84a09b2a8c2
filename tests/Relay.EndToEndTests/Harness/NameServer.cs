using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Relay.EndToEndTests.Harness;

/// <summary>
/// A name server for a test's Internet: answers what a test says, another thing at every look-up where it is told to, and
/// notes who was asked for. UDP, and TCP for what is too long for that.
/// </summary>
internal sealed class NameServer : IDisposable
{
    private const int MaxUdp = 512;
    private const ushort A = 1,
        Aaaa = 28;

    private readonly Socket _udp;
    private readonly Socket _tcp;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<string, IReadOnlyList<string>[]> _names = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<(string Name, ushort Type), int> _asked = new();

    /// <param name="udp">Bound.</param>
    /// <param name="tcp">Listens.</param>
    public NameServer(Socket udp, Socket tcp)
    {
        (_udp, _tcp) = (udp, tcp);
        _ = ServeUdpAsync();
        _ = ServeTcpAsync();
    }

    /// <summary>The address of names that nobody set; null for none.</summary>
    public string? Everybody { get; set; }

    /// <summary>Names that were asked for so far, a line for every query; without the one by which relays find NAT64.</summary>
    public ConcurrentQueue<string> Queries { get; } = new();

    /// <summary>
    /// Sets a name's addresses: those of the first look-up, of the second, and so on; the last stay. <c>CNAME name</c> is an alias.
    /// Look-ups are counted from here on.
    /// </summary>
    public void Set(string name, params IReadOnlyList<string>[] answers)
    {
        _names[name] = answers;
        _asked.TryRemove((name, A), out _);
        _asked.TryRemove((name, Aaaa), out _);
    }

    /// <summary>The number of look-ups of a name.</summary>
    public int LookUpsOf(string name) => Math.Max(_asked.GetValueOrDefault((name, A)), _asked.GetValueOrDefault((name, Aaaa)));

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping.Cancel();
        _udp.Dispose();
        _tcp.Dispose();
    }

    private async Task ServeUdpAsync()
    {
        var buffer = new byte[4096];
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                var received = await _udp.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), _stopping.Token);
                var answer = Answer(buffer.AsSpan(0, received.ReceivedBytes), MaxUdp);
                await _udp.SendToAsync(answer, received.RemoteEndPoint, _stopping.Token);
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // The end, or a client that is gone.
            }
        }
    }

    private async Task ServeTcpAsync()
    {
        try
        {
            while (true)
            {
                using var client = await _tcp.AcceptAsync(_stopping.Token);
                await using var stream = new NetworkStream(client);
                // One client may ask several times over one connection.
                var length = new byte[2];
                while (await stream.ReadAtLeastAsync(length, 2, throwOnEndOfStream: false, _stopping.Token) == 2)
                {
                    var query = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
                    await stream.ReadExactlyAsync(query, _stopping.Token);
                    var answer = Answer(query, ushort.MaxValue);
                    BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)answer.Length);
                    await stream.WriteAsync((byte[])[.. length, .. answer], _stopping.Token);
                }
            }
        }
        catch (Exception exception)
            when (exception is OperationCanceledException or SocketException or ObjectDisposedException or IOException)
        {
            // The end.
        }
    }

    /// <summary>RFC 1035, as far as a resolver's two questions need it.</summary>
    private byte[] Answer(ReadOnlySpan<byte> query, int maxLength)
    {
        var position = 12;
        var labels = new List<string>();
        while (query[position] != 0)
        {
            labels.Add(Encoding.ASCII.GetString(query.Slice(position + 1, query[position])));
            position += query[position] + 1;
        }

        var question = query[12..(position + 5)];
        var type = BinaryPrimitives.ReadUInt16BigEndian(query[(position + 1)..]);
        var name = string.Join('.', labels);
        var records = Find(name, type);
        var answer = new List<byte>();
        answer.AddRange(query[..2]);
        answer.AddRange([
            0x81,
            (byte)(records is null ? 0x83 : 0x80),
            0,
            1,
            (byte)((records?.Count ?? 0) >> 8),
            (byte)(records?.Count ?? 0),
            0,
            0,
            0,
            0,
        ]);
        answer.AddRange(question);
        foreach (var (kind, data) in records ?? [])
        {
            answer.AddRange([0xC0, 12, (byte)(kind >> 8), (byte)kind, 0, 1, 0, 0, 0, 0, (byte)(data.Length >> 8), (byte)data.Length]);
            answer.AddRange(data);
        }

        if (answer.Count <= maxLength)
        {
            return [.. answer];
        }

        // Truncated: ask again by TCP.
        return [.. query[..2], 0x83, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, .. question];
    }

    private List<(ushort Kind, byte[] Data)>? Find(string name, ushort type)
    {
        if (!name.EndsWith("ipv4only.arpa", StringComparison.OrdinalIgnoreCase))
        {
            Queries.Enqueue(name);
        }

        var times = _asked.AddOrUpdate((name, type), 1, (_, before) => before + 1);
        IReadOnlyList<string>? answers =
            _names.TryGetValue(name, out var known) ? known[Math.Min(times, known.Length) - 1]
            : Everybody is { } everybody && !name.EndsWith(".arpa", StringComparison.Ordinal) ? [everybody]
            : null;
        if (answers is null or { Count: 0 })
        {
            return null;
        }

        var records = new List<(ushort, byte[])>();
        foreach (var answer in answers)
        {
            // The alias' own address follows under the alias' name; a resolver that asked for the first takes both.
            if (!answer.StartsWith("CNAME ", StringComparison.Ordinal))
            {
                var address = IPAddress.Parse(answer);
                if (type == (address.AddressFamily == AddressFamily.InterNetwork ? A : Aaaa))
                {
                    records.Add((type, address.GetAddressBytes()));
                }
            }
        }

        return records;
    }
}
