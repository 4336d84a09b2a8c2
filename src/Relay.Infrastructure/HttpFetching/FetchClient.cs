using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Relay.Application.Fetching;

namespace Relay.Infrastructure.HttpFetching;

/// <summary>Puts the named client together, and switches off actions of the framework that would break the rules.</summary>
internal static class FetchClient
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const int MaxHeaderKilobytes = 32;
    private static readonly TimeSpan MaxConnect = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ConnectionAge = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ConnectionIdle = TimeSpan.FromSeconds(15);

    public static IServiceCollection AddHttpFetching(this IServiceCollection services)
    {
        services
            .AddSingleton<HostNetworksReader>()
            .AddSingleton(_ => NameLookUps.OfTheSystem())
            .AddSingleton<GuardedConnector>()
            .AddSingleton<FetchResilience>()
            .AddTransient<ResilientRequests>()
            .AddTransient<JudgedRequests>();
        services.AddSingleton<IPageFetcher, PageFetcher>();
        services
            .AddHttpClient(PageFetcher.Client, client => client.Timeout = Timeout.InfiniteTimeSpan)
            .ConfigurePrimaryHttpMessageHandler(provider =>
                MakeHandler(provider.GetRequiredService<GuardedConnector>(), provider.GetRequiredService<IOptions<FetchOptions>>().Value)
            )
            .AddHttpMessageHandler<ResilientRequests>()
            .AddHttpMessageHandler<JudgedRequests>()
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            // The factory's own log lines would hold URLs.
            .RemoveAllLoggers();
        return services;
    }

    private static SocketsHttpHandler MakeHandler(GuardedConnector connector, FetchOptions options) =>
        new()
        {
            ConnectCallback = connector.ConnectAsync,
            AllowAutoRedirect = false,
            // The environment's proxy variables are ignored.
            UseProxy = options.Proxy is not null,
            Proxy = options.Proxy is { } proxy ? new FixedProxy(proxy) : null,
            UseCookies = false,
            Credentials = null,
            // The bound counts decompressed bytes, which only the reader of the body sees.
            AutomaticDecompression = System.Net.DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            MaxResponseHeadersLength = MaxHeaderKilobytes,
            // Look-up, connection and TLS.
            ConnectTimeout = options.Timeout / 2 < MaxConnect ? options.Timeout / 2 : MaxConnect,
            PooledConnectionLifetime = ConnectionAge,
            PooledConnectionIdleTimeout = ConnectionIdle,
            // Unwanted parts of an answer are not waited for.
            MaxResponseDrainSize = 0,
            ResponseDrainTimeout = TimeSpan.Zero,
            ResponseHeaderEncodingSelector = (_, _) => Encoding.UTF8,
            SslOptions = new SslClientAuthenticationOptions
            {
                // A certificate names addresses to load things from, and its maker chose them.
                CertificateChainPolicy = new X509ChainPolicy
                {
                    RevocationMode = X509RevocationMode.NoCheck,
                    DisableCertificateDownloads = true,
                    ApplicationPolicy = { new Oid(ServerAuthentication) },
                    // The time counts when a certificate is shown, not when this object was made.
                    VerificationTimeIgnored = true,
                },
            },
        };
}
