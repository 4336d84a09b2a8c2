using System.Net;
using System.Net.Sockets;
using Relay.Domain.Fetching;

namespace Relay.Infrastructure.HttpFetching;

/// <summary>
/// The only type of the relay that connects to where a caller chose. One look-up; every address it answers has to be
/// allowed, or none is used; the connection goes to exactly those addresses; and who answered is looked at once more.
/// </summary>
internal sealed class GuardedConnector(FetchPolicy policy, HostNetworksReader networks, TimeProvider clock)
{
    /// <summary>Whose request it is: the id of a key.</summary>
    public static readonly HttpRequestOptionsKey<string> Caller = new("caller");

    /// <summary>More than these are not tried, however many a name has.</summary>
    private const int MaxTried = 8;

    /// <summary>An address that swallows packets must not use up the time of the others.</summary>
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan LookUpTimeout = TimeSpan.FromSeconds(3);

    private readonly NameLookUps _lookUps = new(name => Dns.GetHostAddressesAsync(name, CancellationToken.None));

    /// <summary>For <see cref="SocketsHttpHandler.ConnectCallback"/>.</summary>
    /// <exception cref="FetchFaultException">There is no connection.</exception>
    public async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var endpoint = context.DnsEndPoint;
        var request = context.InitialRequestMessage;
        var asked = request.RequestUri;
        // Of a proxy, or of another service that the host named, nobody asked.
        if (asked is null || !string.Equals(endpoint.Host.Trim('[', ']'), asked.Host.Trim('[', ']'), StringComparison.Ordinal) || endpoint.Port != asked.Port)
        {
            throw new FetchFaultException(FetchFault.TargetForbidden);
        }

        var host = await networks.ReadAsync(cancellationToken);
        var addresses = IPAddress.TryParse(endpoint.Host, out var literal) ? [literal] : await LookUpAsync(endpoint, request, cancellationToken);
        if (addresses.Length == 0)
        {
            throw new FetchFaultException(FetchFault.DnsFailure);
        }

        if (!Array.TrueForAll(addresses, address => policy.Addresses.Allows(address, endpoint.Port, host)))
        {
            throw new FetchFaultException(FetchFault.TargetForbidden);
        }

        return await ConnectToAnyAsync(addresses.Take(MaxTried), endpoint.Port, cancellationToken);
    }

    private async Task<IPAddress[]> LookUpAsync(DnsEndPoint endpoint, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(LookUpTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            // Complete by the dot, so that no search domain is tried; a name that the operator listed may be of such a domain.
            var name = policy.Rules.Allows(endpoint.Host, endpoint.Port) ? endpoint.Host : endpoint.Host + ".";
            return await _lookUps.FindAsync(name, request.Options.TryGetValue(Caller, out var caller) ? caller : string.Empty, either.Token);
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new FetchFaultException(FetchFault.DnsFailure, exception);
        }
    }

    private async Task<Stream> ConnectToAnyAsync(IEnumerable<IPAddress> addresses, int port, CancellationToken cancellationToken)
    {
        Exception? last = null;
        foreach (var address in addresses)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                using var timeout = new CancellationTokenSource(ConnectTimeout, clock);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
                await socket.ConnectAsync(new IPEndPoint(address, port), either.Token);
                if (socket.RemoteEndPoint is not IPEndPoint peer || !peer.Address.Equals(address) || peer.Port != port)
                {
                    throw new FetchFaultException(FetchFault.TargetForbidden);
                }

                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (Exception exception) when (exception is SocketException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                socket.Dispose();
                last = exception;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        throw new FetchFaultException(FetchFault.UpstreamConnect, last);
    }
}
