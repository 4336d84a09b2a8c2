namespace Relay.Infrastructure.HttpFetching;

/// <summary>
/// The reason why a fetch failed, for the operator's logs. Callers can tell only <see cref="UpstreamTimeout"/> and <see cref="HostBusy"/>
/// from the rest: neither comes from an address that the relay may not connect to.
/// </summary>
internal enum FetchFault
{
    /// <summary>The name has no address.</summary>
    DnsFailure,

    /// <summary>The relay may not connect to at least one of the name's addresses.</summary>
    TargetForbidden,

    /// <summary>No address took the connection in time.</summary>
    UpstreamConnect,

    /// <summary>The connection is not secure: wrong certificate, wrong name, or no TLS at all.</summary>
    TlsError,

    /// <summary>The answer is not HTTP, or breaks its rules or the relay's bounds.</summary>
    UpstreamProtocol,
    UpstreamTimeout,

    /// <summary>The body is compressed in a way that was not asked for.</summary>
    UnsupportedEncoding,

    /// <summary>A redirect leads to an invalid URL.</summary>
    BadRedirect,
    RedirectDowngrade,
    TooManyRedirects,

    /// <summary>The host failed so often lately that it is left alone for a while.</summary>
    HostBroken,

    /// <summary>The proxy refuses to pass the request on, or refuses the relay itself.</summary>
    ProxyRefused,

    /// <summary>Too many pages of the host are being fetched.</summary>
    HostBusy,
}

/// <summary>Carries a fault out of the framework's callbacks.</summary>
internal sealed class FetchFaultException(FetchFault fault, Exception? inner = null) : Exception(fault.ToString(), inner)
{
    public FetchFault Fault { get; } = fault;
}
