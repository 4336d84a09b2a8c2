namespace Relay.Infrastructure.HttpFetching;

/// <summary>Why a fetch failed. For the operator's logs only: to callers they are all the same.</summary>
internal enum FetchFault
{
    /// <summary>The name has no address.</summary>
    DnsFailure,

    /// <summary>At least one of the name's addresses is none that the relay may connect to.</summary>
    TargetForbidden,

    /// <summary>No address took the connection in time.</summary>
    UpstreamConnect,

    /// <summary>The connection is not secure: certificate, name, or no TLS at all.</summary>
    TlsError,

    /// <summary>What came is not HTTP, or breaks its rules or the relay's bounds.</summary>
    UpstreamProtocol,

    /// <summary>The page did not come in time.</summary>
    UpstreamTimeout,

    /// <summary>The body is compressed in a way that was not asked for.</summary>
    UnsupportedEncoding,

    /// <summary>A redirect leads to what is no URL.</summary>
    BadRedirect,

    /// <summary>A redirect leads from https to http.</summary>
    RedirectDowngrade,

    /// <summary>One redirect more than are followed.</summary>
    TooManyRedirects,

    /// <summary>The host failed so often lately that it is left alone for a while.</summary>
    HostBroken,

    /// <summary>The proxy refuses to pass the request on, or the relay at all.</summary>
    ProxyRefused,

    /// <summary>Too many pages of the host are being fetched.</summary>
    HostBusy,
}

/// <summary>Carries a fault out of the framework's callbacks.</summary>
internal sealed class FetchFaultException(FetchFault fault, Exception? inner = null) : Exception(fault.ToString(), inner)
{
    /// <summary>What happened.</summary>
    public FetchFault Fault { get; } = fault;
}
