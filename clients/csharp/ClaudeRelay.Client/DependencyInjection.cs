using ClaudeRelay.Client;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the client.</summary>
public static class ClaudeRelayServices
{
    /// <summary>
    /// A <see cref="ClaudeRelayClient"/> over a typed <see cref="HttpClient"/>, set up from <c>CLAUDE_RELAY_URL</c> and
    /// <c>CLAUDE_RELAY_KEY</c>.
    /// </summary>
    /// <param name="services">Where to.</param>
    /// <param name="configure">Changes the options.</param>
    /// <returns>To add handlers of one's own to.</returns>
    public static IHttpClientBuilder AddClaudeRelay(this IServiceCollection services, Action<ClaudeRelayOptions>? configure = null)
    {
        var options = new ClaudeRelayOptions();
        configure?.Invoke(options);
        return services
            .AddHttpClient(nameof(ClaudeRelayClient), http => http.Timeout = Timeout.InfiniteTimeSpan) // The options' own limit counts.
            .AddTypedClient((http, provider) => new ClaudeRelayClient(http, options, provider.GetService<TimeProvider>()));
    }
}
