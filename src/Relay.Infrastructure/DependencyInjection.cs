using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Relay.Application.Auditing;
using Relay.Application.Completions;
using Relay.Application.Configuration;
using Relay.Application.Health;
using Relay.Application.Keys;
using Relay.Application.Quotas;
using Relay.Infrastructure.Auditing;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Home;
using Relay.Infrastructure.KeyFile;
using Relay.Infrastructure.Processes;
using Relay.Infrastructure.Quotas;

namespace Relay.Infrastructure;

/// <summary>Registers the adapters of the application's ports.</summary>
public static class DependencyInjection
{
    /// <summary>What a running relay needs. Hosted services stop in the reverse of this order, so the audit log is last.</summary>
    public static IServiceCollection AddRelayInfrastructure(this IServiceCollection services, RelayHome home) => services
        .AddSingleton(home)
        .AddHosted<HomeLock>()
        .AddAuditing()
        .AddKeyFile()
        .AddQuotas()
        .AddProcesses()
        .AddClaudeCode();

    /// <summary>What the operator's commands on keys need: the file, without following it.</summary>
    public static IServiceCollection AddRelayKeyFile(this IServiceCollection services, RelayHome home) => services
        .AddSingleton(home)
        .AddSingleton<IKeyRepository, KeyFileRepository>();

    private static IServiceCollection AddAuditing(this IServiceCollection services) => services
        .AddHosted<AuditFile>()
        .AddSingleton<IAuditLog>(provider => provider.GetRequiredService<AuditFile>());

    private static IServiceCollection AddKeyFile(this IServiceCollection services) => services
        .AddSingleton<IKeyRepository, KeyFileRepository>()
        .AddHosted<KeyDirectory>()
        .AddSingleton<IKeyDirectory>(provider => provider.GetRequiredService<KeyDirectory>());

    private static IServiceCollection AddQuotas(this IServiceCollection services) => services
        .AddSingleton<IAdmission, MemoryAdmission>();

    private static IServiceCollection AddProcesses(this IServiceCollection services) => services
        .AddSingleton<OrphanGuard>()
        .AddSingleton<ProcessStarter>();

    private static IServiceCollection AddClaudeCode(this IServiceCollection services) => services
        .AddSettings<ClaudeCodeOptions>()
        .AddSingleton<IValidateOptions<ClaudeCodeOptions>, ClaudeCodeOptionsValidator>()
        .AddSingleton<ClaudeLocator>()
        .AddSingleton<ClaudeEnvironment>()
        .AddSingleton<ClaudeSandbox>()
        .AddSingleton<LockdownSelfTest>()
        .AddSingleton<EngineState>()
        .AddSingleton<IEngineHealth>(provider => provider.GetRequiredService<EngineState>())
        .AddHosted<ClaudeProcesses>()
        .AddHosted<WarmPool>()
        .AddHosted<EngineSupervisor>()
        .AddSingleton<ICompletionEngine, ClaudeEngine>();

    private static IServiceCollection AddHosted<TService>(this IServiceCollection services)
        where TService : class, IHostedService => services
        .AddSingleton<TService>()
        .AddHostedService(provider => provider.GetRequiredService<TService>());
}
