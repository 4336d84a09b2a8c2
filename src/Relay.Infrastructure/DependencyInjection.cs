using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Relay.Application.Auditing;
using Relay.Application.Completions;
using Relay.Application.Configuration;
using Relay.Application.Diagnostics;
using Relay.Application.Fetching;
using Relay.Application.Health;
using Relay.Application.Idempotency;
using Relay.Application.Keys;
using Relay.Application.Quotas;
using Relay.Application.Usage;
using Relay.Infrastructure.Auditing;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Diagnostics;
using Relay.Infrastructure.Home;
using Relay.Infrastructure.Html;
using Relay.Infrastructure.HttpFetching;
using Relay.Infrastructure.KeyFile;
using Relay.Infrastructure.Processes;
using Relay.Infrastructure.Sqlite;

namespace Relay.Infrastructure;

/// <summary>Registers the adapters of the application's ports.</summary>
public static class DependencyInjection
{
    /// <summary>What a running relay needs. Hosted services stop in the reverse of this order, so the audit log is last.</summary>
    public static IServiceCollection AddRelayInfrastructure(this IServiceCollection services, RelayHome home) => services
        .AddSingleton(home)
        .AddHosted<HomeLock>()
        .AddAuditing()
        .AddHosted<AuditRetention>()
        .AddHosted<ConfigFileWatcher>()
        .AddKeyFile()
        .AddSqlite()
        .AddProcesses()
        .AddClaudeCode()
        .AddHttpFetching()
        .AddSingleton<IPageReader, PageReader>()
        .AddSingleton<IRunningRelay, RelayProbe>();

    /// <summary>What the operator's commands need: the files, without a relay that follows and writes them.</summary>
    public static IServiceCollection AddRelayOperations(this IServiceCollection services, RelayHome home) => services
        .AddSingleton(home)
        .AddAuditing()
        .AddSingleton<IKeyRepository, KeyFileRepository>()
        .AddSingleton<RelayDatabase>()
        .AddSingleton<IUsageReader, UsageReader>()
        .AddSingleton<IAuditReader, AuditReader>()
        .AddProcesses()
        .AddClaudeLaunch()
        .AddDiagnostics();

    private static IServiceCollection AddAuditing(this IServiceCollection services) => services
        .AddHosted<AuditFile>()
        .AddSettings<AuditOptions>()
        .AddSingleton<IAuditLog>(provider => provider.GetRequiredService<AuditFile>())
        .AddSingleton<IHealthCheck>(provider => provider.GetRequiredService<AuditFile>());

    private static IServiceCollection AddKeyFile(this IServiceCollection services) => services
        .AddSingleton<IKeyRepository, KeyFileRepository>()
        .AddHosted<KeyDirectory>()
        .AddSingleton<IKeyDirectory>(provider => provider.GetRequiredService<KeyDirectory>())
        .AddSingleton<IHealthCheck>(provider => provider.GetRequiredService<KeyDirectory>());

    private static IServiceCollection AddSqlite(this IServiceCollection services) => services
        .AddSingleton<RelayDatabase>()
        .AddHosted<QuotaStore>()
        .AddHosted<IdempotencyStore>()
        .AddSingleton<IIdempotencyStore>(provider => provider.GetRequiredService<IdempotencyStore>())
        .AddSingleton<IQuotaStore>(provider => provider.GetRequiredService<QuotaStore>())
        .AddSingleton<IUsageReader>(provider => provider.GetRequiredService<QuotaStore>())
        .AddSingleton<IHealthCheck>(provider => provider.GetRequiredService<QuotaStore>());

    private static IServiceCollection AddProcesses(this IServiceCollection services) => services
        .AddSingleton<OrphanGuard>()
        .AddSingleton<ProcessStarter>();

    private static IServiceCollection AddClaudeCode(this IServiceCollection services) => services
        .AddClaudeLaunch()
        .AddSingleton<EngineState>()
        .AddSingleton<IEngineHealth>(provider => provider.GetRequiredService<EngineState>())
        .AddHosted<ClaudeProcesses>()
        .AddHosted<WarmPool>()
        .AddSingleton<IEngineLoad>(provider => provider.GetRequiredService<WarmPool>())
        .AddHosted<EngineSupervisor>()
        .AddSingleton<ICompletionEngine, ClaudeEngine>();

    /// <summary>What starts a locked-down Claude Code, for the relay and for those who look at it.</summary>
    private static IServiceCollection AddClaudeLaunch(this IServiceCollection services) => services
        .AddSettings<ClaudeCodeOptions>()
        .AddSingleton<IValidateOptions<ClaudeCodeOptions>, ClaudeCodeOptionsValidator>()
        .AddSingleton<ClaudeLocator>()
        .AddSingleton<ClaudeEnvironment>()
        .AddSingleton<ClaudeSandbox>()
        .AddSingleton<LockdownSelfTest>();

    /// <summary>The order is the order of the findings.</summary>
    private static IServiceCollection AddDiagnostics(this IServiceCollection services) => services
        .AddSingleton<LoginStatusReader>()
        .AddSingleton<TrialCompletion>()
        .AddSingleton<IClaudeLogin, ClaudeLogin>()
        .AddSingleton<IRunningRelay, RelayProbe>()
        .AddSingleton<IDiagnosticCheck, ConfigurationCheck>()
        .AddSingleton<IDiagnosticCheck, JailCheck>()
        .AddSingleton<IDiagnosticCheck, ClaudeCodeCheck>()
        .AddSingleton<IDiagnosticCheck, HomeCheck>()
        .AddSingleton<IDiagnosticCheck, KeyFileCheck>()
        .AddSingleton<IDiagnosticCheck, DatabaseCheck>()
        .AddSingleton<IDiagnosticCheck, PortCheck>()
        .AddSingleton<IDiagnosticCheck, ClockCheck>();

    private static IServiceCollection AddHosted<TService>(this IServiceCollection services)
        where TService : class, IHostedService => services
        .AddSingleton<TService>()
        .AddHostedService(provider => provider.GetRequiredService<TService>());
}
