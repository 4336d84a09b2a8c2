using ClaudeRelay.Client;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the client.</summary>
public static class ClaudeRelayServices
{
    /// <summary>
    /// Registers a <see cref="ClaudeRelayClient"/> over a typed <see cref="HttpClient"/>, with the settings of <c>CLAUDE_RELAY_URL</c>
    /// and <c>CLAUDE_RELAY_KEY</c>.
    /// </summary>
    /// <param name="services">The services to add it to.</param>
    /// <param name="configure">Changes the options.</param>
    /// <returns>The builder, to add handlers to.</returns>
    public static IHttpClientBuilder AddClaudeRelay(this IServiceCollection services, Action<ClaudeRelayOptions>? configure = null)
    {
        var options = new ClaudeRelayOptions();
        configure?.Invoke(options);
        return services
            .AddHttpClient(nameof(ClaudeRelayClient), http => http.Timeout = Timeout.InfiniteTimeSpan) // The options' own limit counts.
            .AddTypedClient((http, provider) => new ClaudeRelayClient(http, options, provider.GetService<TimeProvider>()));
    }
}
