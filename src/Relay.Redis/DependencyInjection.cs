using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Relay.Application.Configuration;
using Relay.Application.Diagnostics;
using Relay.Application.Fleet;
using Relay.Application.Health;
using Relay.Application.Idempotency;
using Relay.Application.Keys;
using Relay.Application.Quotas;
using Relay.Application.State;
using Relay.Application.Usage;
using Relay.Infrastructure;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Redis;

/// <summary>
/// Registers the state that several relays share. Call it before Relay.Infrastructure's, which otherwise adds the files of one relay.
/// </summary>
public static class DependencyInjection
{
    /// <summary>Registers the settings of the state and, where <c>STATE</c> names a Redis, the ports over it.</summary>
    /// <param name="services">The services of a relay.</param>
    /// <param name="configuration">Holds <c>STATE</c>.</param>
    public static IServiceCollection AddRelayRedis(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddStateSettings();
        return StateOptions.IsShared(configuration) ? services.AddRedis() : services;
    }

    /// <summary>Registers the same for the operator's commands, which also copy a state.</summary>
    /// <param name="services">The services of a command.</param>
    /// <param name="configuration">Holds <c>STATE</c>.</param>
    public static IServiceCollection AddRelayRedisOperations(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddStateSettings().AddSingleton<IStateCopier, StateCopier>();
        return StateOptions.IsShared(configuration)
            ? services
                .AddHosted<RedisLink>()
                .AddSingleton<IKeyRepository, RedisKeyRepository>()
                .AddSingleton<IUsageReader>(provider => new RedisUsageReader(
                    provider.GetRequiredService<RedisLink>(),
                    provider.GetRequiredService<TimeProvider>()
                ))
                .AddSingleton<IFleet, FleetView>()
                .AddSingleton<IDiagnosticCheck, StateCheck>()
            : services;
    }

    private static IServiceCollection AddStateSettings(this IServiceCollection services) =>
        services.AddSettings<StateOptions>().AddSingleton<IValidateOptions<StateOptions>, StateOptionsValidator>();

    /// <summary>
    /// Keeps this order: the outbox is emptied first, then the others hear of this relay's end, and the connection ends last.
    /// </summary>
    private static IServiceCollection AddRedis(this IServiceCollection services) =>
        services
            .AddHosted<RedisLink>()
            .AddSingleton<IHealthCheck>(provider => provider.GetRequiredService<RedisLink>())
            .AddSingleton<RelayInstance>()
            .AddSingleton<LoginFingerprint>()
            .AddSingleton<FleetView>()
            .AddSingleton<IFleet>(provider => provider.GetRequiredService<FleetView>())
            .AddSingleton<RedisKeyRepository>()
            .AddSingleton<IKeyRepository>(provider => provider.GetRequiredService<RedisKeyRepository>())
            .AddHosted<RedisKeyDirectory>()
            .AddSingleton<IKeyDirectory>(provider => provider.GetRequiredService<RedisKeyDirectory>())
            .AddSingleton<IHealthCheck>(provider => provider.GetRequiredService<RedisKeyDirectory>())
            .AddHosted<Pulse>()
            .AddHosted<Outbox>()
            .AddSingleton<IQuotaStore, RedisQuotaStore>()
            .AddSingleton<IUsageReader, RedisUsageReader>()
            .AddSingleton<IIdempotencyStore, RedisIdempotencyStore>()
            .AddSingleton<IUpstreamShare, RedisUpstreamShare>();
}
