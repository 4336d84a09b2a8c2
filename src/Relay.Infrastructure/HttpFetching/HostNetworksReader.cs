using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Relay.Application.Timing;
using Relay.Domain.Fetching;

namespace Relay.Infrastructure.HttpFetching;

/// <summary>
/// The networks that this machine stands in. Its addresses and prefixes are read when they change and every half minute. The prefixes
/// under which its network translates to IPv4 (RFC 7050) are asked for once an hour, and after a minute when there was no answer.
/// </summary>
internal sealed class HostNetworksReader : IDisposable
{
    private const string Nat64Name = "ipv4only.arpa.";
    private static readonly TimeSpan InterfacesAge = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Nat64Age = TimeSpan.FromHours(1);
    private static readonly TimeSpan Nat64Retry = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Nat64Timeout = TimeSpan.FromSeconds(3);

    private readonly TimeProvider _clock;
    private readonly ILogger<HostNetworksReader> _logger;
    private readonly Func<CancellationToken, Task<IPAddress[]>> _resolve;
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stopped = new();

    private HostNetworks _networks = HostNetworks.None;
    private long? _interfacesReadAt;
    private long? _nat64ReadAt;
    private TimeSpan _nat64Age = Nat64Age;
    private volatile bool _changed;

    private Task? _lookUp;

    public HostNetworksReader(TimeProvider clock, ILogger<HostNetworksReader> logger)
        : this(clock, logger, cancellationToken => Dns.GetHostAddressesAsync(Nat64Name, AddressFamily.InterNetworkV6, cancellationToken))
    { }

    /// <summary>For tests, which answer in place of the resolver.</summary>
    internal HostNetworksReader(TimeProvider clock, ILogger<HostNetworksReader> logger, Func<CancellationToken, Task<IPAddress[]>> resolve)
    {
        (_clock, _logger, _resolve) = (clock, logger, resolve);
        NetworkChange.NetworkAddressChanged += OnChanged;
    }

    /// <summary>For tests: whether a look-up is under way.</summary>
    internal bool IsLookingUp => _lookUp is { IsCompleted: false };

    /// <summary>
    /// The networks as they are now. Only the first call waits for a look-up. Later ones use the known prefixes meanwhile, by which
    /// private addresses are refused.
    /// </summary>
    /// <exception cref="NetworkInformationException">The machine does not tell its networks: then nothing may be fetched.</exception>
    public async ValueTask<HostNetworks> ReadAsync(CancellationToken cancellationToken)
    {
        Task? first;
        lock (_lock)
        {
            if (_lookUp is null or { IsCompleted: true } && IsOlder(_nat64ReadAt, _nat64Age))
            {
                _lookUp = LookUpAsync();
            }

            first = _nat64ReadAt is null ? _lookUp : null;
        }

        if (first is not null)
        {
            await first.WaitAsync(cancellationToken);
        }

        lock (_lock)
        {
            if (_changed || IsOlder(_interfacesReadAt, InterfacesAge))
            {
                // Reset before the reading: a change in the middle of it counts as another one.
                _changed = false;
                _networks = ReadInterfaces(_networks.Nat64);
                _interfacesReadAt = _clock.GetTimestamp();
            }

            return _networks;
        }
    }

    public void Dispose()
    {
        NetworkChange.NetworkAddressChanged -= OnChanged;
        _stopped.Cancel();
        _stopped.Dispose();
    }

    private static HostNetworks ReadInterfaces(IReadOnlyList<Nat64Prefix> nat64)
    {
        var addresses = NetworkInterface.GetAllNetworkInterfaces().SelectMany(one => one.GetIPProperties().UnicastAddresses).ToList();
        return new HostNetworks(
            // Without the interface's number, which no address from a look-up has.
            [.. addresses.Select(one => new IPAddress(one.Address.GetAddressBytes()))],
            // A system that does not know the prefix says 0.
            [.. addresses.Where(one => one.PrefixLength > 0).Select(one => new AddressBlock(one.Address, one.PrefixLength))],
            nat64
        );
    }

    private bool IsOlder(long? readAt, TimeSpan age) => readAt is not { } at || _clock.GetElapsedTime(at) >= age;

    private async Task LookUpAsync()
    {
        var nat64 = await ReadNat64Async();
        lock (_lock)
        {
            // Without an answer the known prefixes stay.
            (_networks, _nat64Age) = nat64 is null ? (_networks, Nat64Retry) : (_networks with { Nat64 = nat64 }, Nat64Age);
            _nat64ReadAt = _clock.GetTimestamp();
        }
    }

    /// <summary>Reads the prefixes. An empty list is a network without translation; null is no answer.</summary>
    private async Task<IReadOnlyList<Nat64Prefix>?> ReadNat64Async()
    {
        try
        {
            using var deadline = new Deadline(Nat64Timeout, _clock, _stopped.Token);
            return Nat64Prefix.Discover(await _resolve(deadline.Token));
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            _logger.LogDebug("No translation to IPv4 was found in this network: {Reason}", exception.Message);
            return exception is SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData } ? [] : null;
        }
    }

    private void OnChanged(object? sender, EventArgs e) => _changed = true;
}
