using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;
using Relay.Application.Fetching;
using Relay.Application.Timing;
using Relay.Domain.Fetching;

namespace Relay.Infrastructure.HttpFetching;

/// <summary>
/// The only type of the relay that connects to targets of callers. It looks a name up once, and refuses the name unless every address is
/// allowed. It connects to exactly those addresses, and checks the connected address again. With a proxy, connections go to the proxy,
/// which looks names up by itself; the relay judges the same addresses before each request, as far as it can look the name up.
/// </summary>
internal sealed class GuardedConnector(
    FetchPolicy policy,
    HostNetworksReader networks,
    NameLookUps lookUps,
    IOptions<FetchOptions> options,
    TimeProvider clock
)
{
    /// <summary>The caller of the request: the id of a key.</summary>
    public static readonly HttpRequestOptionsKey<string> Caller = new("caller");

    public static readonly HttpRequestOptionsKey<FetchTrace> Trace = new("trace");

    /// <summary>Most addresses that are tried, however many a name has.</summary>
    private const int MaxTried = 8;

    /// <summary>A time limit for each address: one that swallows packets must not use up the time of the others.</summary>
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan LookUpTimeout = TimeSpan.FromSeconds(3);

    private Uri? Proxy => options.Value.Proxy;

    /// <summary>Connects, for <see cref="SocketsHttpHandler.ConnectCallback"/>.</summary>
    /// <exception cref="FetchFaultException">There is no connection.</exception>
    public async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var endpoint = context.DnsEndPoint;
        if (Proxy is { } proxy)
        {
            return IsOf(endpoint, proxy)
                ? await ConnectToProxyAsync(endpoint, TraceOf(context.InitialRequestMessage), cancellationToken)
                : throw new FetchFaultException(FetchFault.TargetForbidden);
        }

        var request = context.InitialRequestMessage;
        var asked = request.RequestUri;
        // A request did not ask for a connection to a proxy, or to another service that the host named.
        if (asked is null || !IsOf(endpoint, asked))
        {
            throw new FetchFaultException(FetchFault.TargetForbidden);
        }

        return await ConnectToAnyAsync(
            (await FindAllowedAsync(endpoint, request, cancellationToken)).Take(MaxTried),
            endpoint.Port,
            TraceOf(request),
            cancellationToken
        );
    }

    /// <summary>
    /// Judges the addresses of a host before the proxy passes a request on. A name that can't be looked up here goes to the proxy: a
    /// network without a way out often knows no names of the web.
    /// </summary>
    /// <exception cref="FetchFaultException">An address is not allowed.</exception>
    public async Task JudgeForProxyAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (Proxy is null)
        {
            return; // Without a proxy every connection is judged.
        }

        try
        {
            await FindAllowedAsync(new DnsEndPoint(request.RequestUri!.Host, request.RequestUri.Port), request, cancellationToken);
        }
        catch (FetchFaultException exception) when (exception.Fault == FetchFault.DnsFailure)
        {
            var host = request.RequestUri!.Host;
            TraceOf(request)?.Tell("guard", isGood: true, $"The addresses of {host} can't be judged here. The proxy alone judges them.");
        }
    }

    private static bool IsOf(DnsEndPoint endpoint, Uri url) =>
        string.Equals(endpoint.Host.Trim('[', ']'), url.Host.Trim('[', ']'), StringComparison.Ordinal) && endpoint.Port == url.Port;

    /// <summary>The addresses of a host: at least one, and all of them allowed.</summary>
    private async Task<IPAddress[]> FindAllowedAsync(DnsEndPoint endpoint, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var host = await networks.ReadAsync(cancellationToken);
        var addresses = IPAddress.TryParse(endpoint.Host, out var literal)
            ? [literal]
            : await LookUpAsync(endpoint, request, cancellationToken);
        if (addresses.Length == 0)
        {
            throw new FetchFaultException(FetchFault.DnsFailure);
        }

        var forbidden = Array.FindAll(addresses, address => !policy.Addresses.Allows(address, endpoint.Port, host));
        if (forbidden.Length > 0)
        {
            var refused = string.Join<IPAddress>(", ", forbidden);
            TraceOf(request)
                ?.Tell(
                    "guard",
                    isGood: false,
                    $"Refused: {refused} is not public, is of this machine or its network, or is denied. One such address is enough."
                );
            throw new FetchFaultException(FetchFault.TargetForbidden);
        }

        TraceOf(request)?.Tell("guard", isGood: true, $"Allowed: {string.Join<IPAddress>(", ", addresses)}.");
        return addresses;
    }

    private static FetchTrace? TraceOf(HttpRequestMessage request) => request.Options.TryGetValue(Trace, out var trace) ? trace : null;

    /// <summary>Connects to the proxy. The operator chose it, so its own address is not judged.</summary>
    private async Task<Stream> ConnectToProxyAsync(DnsEndPoint endpoint, FetchTrace? trace, CancellationToken cancellationToken)
    {
        try
        {
            return await ConnectToAnyAsync(
                (await Dns.GetHostAddressesAsync(endpoint.Host, cancellationToken)).Take(MaxTried),
                endpoint.Port,
                trace,
                cancellationToken
            );
        }
        catch (SocketException exception)
        {
            throw new FetchFaultException(FetchFault.UpstreamConnect, exception);
        }
    }

    private async Task<IPAddress[]> LookUpAsync(DnsEndPoint endpoint, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var deadline = new Deadline(LookUpTimeout, clock, cancellationToken);
        try
        {
            // The dot makes the name complete, so that no search domain is tried. A name that the operator listed may need a search
            // domain.
            var name = policy.Rules.Allows(endpoint.Host, endpoint.Port) ? endpoint.Host : endpoint.Host + ".";
            var addresses = await lookUps.FindAsync(
                name,
                request.Options.TryGetValue(Caller, out var caller) ? caller : string.Empty,
                deadline.Token
            );
            var found = addresses.Length == 0 ? "no address" : string.Join<IPAddress>(", ", addresses);
            TraceOf(request)?.Tell("dns", addresses.Length > 0, $"{name} has {found}.");
            return addresses;
        }
        catch (Exception exception)
            when (exception is SocketException or ArgumentException
                || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            )
        {
            TraceOf(request)?.Tell("dns", isGood: false, $"{endpoint.Host} was not found: {ReasonOf(exception)}.");
            throw new FetchFaultException(FetchFault.DnsFailure, exception);
        }
    }

    private async Task<Stream> ConnectToAnyAsync(
        IEnumerable<IPAddress> addresses,
        int port,
        FetchTrace? trace,
        CancellationToken cancellationToken
    )
    {
        Exception? last = null;
        foreach (var address in addresses)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                using var deadline = new Deadline(ConnectTimeout, clock, cancellationToken);
                await socket.ConnectAsync(new IPEndPoint(address, port), deadline.Token);
                if (socket.RemoteEndPoint is not IPEndPoint peer || !peer.Address.Equals(address) || peer.Port != port)
                {
                    throw new FetchFaultException(FetchFault.TargetForbidden);
                }

                trace?.Tell("connect", isGood: true, $"Connected to {peer}.");
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (Exception exception)
                when (exception is SocketException
                    || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested)
                )
            {
                trace?.Tell("connect", isGood: false, $"No connection to {address}, port {port}: {ReasonOf(exception)}.");
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

    private static string ReasonOf(Exception exception) =>
        exception is SocketException failure ? failure.SocketErrorCode.ToString() : "no answer in time";
}
