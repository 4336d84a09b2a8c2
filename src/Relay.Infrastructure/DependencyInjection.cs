using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Relay.Application.Auditing;
using Relay.Application.Completions;
using Relay.Application.Configuration;
using Relay.Application.Diagnostics;
using Relay.Application.Fetching;
using Relay.Application.Fleet;
using Relay.Application.Health;
using Relay.Application.Idempotency;
using Relay.Application.Keys;
using Relay.Application.Quotas;
using Relay.Application.Usage;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.Auditing;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Diagnostics;
using Relay.Infrastructure.Home;
using Relay.Infrastructure.Html;
using Relay.Infrastructure.HttpFetching;
using Relay.Infrastructure.JsonSchemas;
using Relay.Infrastructure.KeyFile;
using Relay.Infrastructure.Pdf;
using Relay.Infrastructure.Processes;
using Relay.Infrastructure.Sqlite;

namespace Relay.Infrastructure;

/// <summary>Registers the adapters of the application's ports.</summary>
public static class DependencyInjection
{
    /// <summary>Registers the services of a running relay. They stop in the reverse of this order, so the audit log is last.</summary>
    public static IServiceCollection AddRelayInfrastructure(this IServiceCollection services, RelayHome home) =>
        services
            .AddSingleton(home)
            .AddHosted<HomeLock>()
            .AddAuditing()
            .AddHosted<AuditRetention>()
            .AddHosted<ConfigFileWatcher>()
            .AddState()
            .AddProcesses()
            .AddClaudeCode()
            .AddSingleton<IAnswerChecker, AnswerChecker>()
            .AddPages()
            .AddSingleton<IRunningRelay, RelayProbe>();

    /// <summary>Registers the services of the operator's commands: the files, without a relay that follows and writes them.</summary>
    public static IServiceCollection AddRelayOperations(this IServiceCollection services, RelayHome home)
    {
        var isShared = services.IsShared();
        services.AddSingleton(home).AddAuditing().AddSingleton<RelayDatabase>();
        if (!isShared)
        {
            services
                .AddSingleton<IKeyRepository, KeyFileRepository>()
                .AddSingleton<IUsageReader, UsageReader>()
                .AddSingleton<IFleet, NoFleet>();
        }

        return services.AddSingleton<IAuditReader, AuditReader>().AddProcesses().AddClaudeLaunch().AddPages().AddDiagnostics(isShared);
    }

    /// <summary>Registers the files of this relay, unless a shared state is registered already.</summary>
    private static IServiceCollection AddState(this IServiceCollection services) =>
        services.IsShared() ? services : services.AddKeyFile().AddSqlite().AddSingleton<IFleet, NoFleet>();

    private static bool IsShared(this IServiceCollection services) =>
        services.Any(service => service.ServiceType == typeof(IKeyRepository));

    private static IServiceCollection AddAuditing(this IServiceCollection services) =>
        services
            .AddHosted<AuditFile>()
            .AddSettings<AuditOptions>()
            .AddSingleton<IAuditLog>(provider => provider.GetRequiredService<AuditFile>())
            .AddSingleton<IHealthCheck>(provider => provider.GetRequiredService<AuditFile>());

    private static IServiceCollection AddKeyFile(this IServiceCollection services) =>
        services
            .AddSingleton<IKeyRepository, KeyFileRepository>()
            .AddHosted<KeyDirectory>()
            .AddSingleton<IKeyDirectory>(provider => provider.GetRequiredService<KeyDirectory>())
            .AddSingleton<IHealthCheck>(provider => provider.GetRequiredService<KeyDirectory>());

    private static IServiceCollection AddSqlite(this IServiceCollection services) =>
        services
            .AddSingleton<RelayDatabase>()
            .AddHosted<QuotaStore>()
            .AddHosted<DatabaseHealth>()
            .AddSingleton<IHealthCheck>(provider => provider.GetRequiredService<DatabaseHealth>())
            .AddHosted<IdempotencyStore>()
            .AddSingleton<IIdempotencyStore>(provider => provider.GetRequiredService<IdempotencyStore>())
            .AddSingleton<IQuotaStore>(provider => provider.GetRequiredService<QuotaStore>())
            .AddSingleton<IUsageReader>(provider => provider.GetRequiredService<QuotaStore>())
            .AddSingleton<IHealthCheck>(provider => provider.GetRequiredService<QuotaStore>());

    private static IServiceCollection AddProcesses(this IServiceCollection services) =>
        services
            .AddSingleton<OrphanGuard>()
            .AddSingleton<ProcessStarter>()
            .AddSingleton<IProcessStarter>(provider => provider.GetRequiredService<ProcessStarter>());

    private static IServiceCollection AddClaudeCode(this IServiceCollection services) =>
        services
            .AddClaudeLaunch()
            .AddHostedService(provider => provider.GetRequiredService<GateListener>())
            .AddSingleton<EngineState>()
            .AddSingleton<IEngineHealth>(provider => provider.GetRequiredService<EngineState>())
            .AddHosted<ClaudeProcesses>()
            .AddHosted<WarmPool>()
            .AddSingleton<IEngineLoad>(provider => provider.GetRequiredService<WarmPool>())
            .AddHosted<EngineSupervisor>()
            .AddSingleton<TurnPreparation>()
            .AddSingleton<ICompletionEngine, ClaudeEngine>();

    /// <summary>Registers the launch of a locked-down Claude Code, for the relay and for the commands that check it.</summary>
    private static IServiceCollection AddClaudeLaunch(this IServiceCollection services) =>
        services
            .AddSettings<ClaudeCodeOptions>()
            .AddSingleton<IValidateOptions<ClaudeCodeOptions>, ClaudeCodeOptionsValidator>()
            .AddSingleton<ClaudeLocator>()
            .AddSingleton<ClaudeEnvironment>()
            .AddSingleton<ClaudeSandbox>()
            .AddSingleton<LoginFile>()
            .AddSingleton<LoginHealth>()
            .AddSingleton<LoginStatusReader>()
            .AddApiGate()
            .AddSingleton<LockdownSelfTest>();

    private static IServiceCollection AddApiGate(this IServiceCollection services) =>
        services
            .AddHttpForwarder()
            .AddSingleton<LoginRenewal>()
            .AddSingleton<ApiCredentials>()
            .AddSingleton<ApiForwarder>()
            .AddSingleton<HostTraces>()
            .AddSingleton<AcceptedShapes>()
            .AddSingleton<GateListener>();

    /// <summary>Registers the checks in the order of their findings.</summary>
    private static IServiceCollection AddDiagnostics(this IServiceCollection services, bool isShared)
    {
        services.AddDiagnosticsOfClaude().AddSingleton<IDiagnosticCheck, KeyFileCheck>();
        if (!isShared)
        {
            services.AddSingleton<IDiagnosticCheck, DatabaseCheck>();
        }

        return services
            .AddSingleton<IDiagnosticCheck, PortCheck>()
            .AddSingleton<IDiagnosticCheck, ClockCheck>()
            .AddSingleton<IDiagnosticCheck, NetworkCheck>();
    }

    private static IServiceCollection AddDiagnosticsOfClaude(this IServiceCollection services) =>
        services
            .AddSingleton<TrialCompletion>()
            .AddSingleton<IClaudeLogin, ClaudeLogin>()
            .AddSingleton<IRunningRelay, RelayProbe>()
            .AddSingleton<IDiagnosticCheck, ConfigurationCheck>()
            .AddSingleton<IDiagnosticCheck, JailCheck>()
            .AddSingleton<IDiagnosticCheck, ClaudeCodeCheck>()
            .AddSingleton<IDiagnosticCheck, HomeCheck>();

    private static IServiceCollection AddPages(this IServiceCollection services) =>
        services
            .AddHttpFetching()
            .AddSingleton<IPageReader, PageReader>()
            .AddSingleton(_ => PdfExecutable.OfThisProcess())
            .AddSingleton(provider => new PdfCommand(
                provider.GetRequiredService<PdfExecutable>(),
                provider.GetRequiredService<IOptions<ClaudeCodeOptions>>(),
                () => provider.GetRequiredService<ClaudeSandbox>().IsJailed
            ))
            .AddSingleton<PdfReader>()
            .AddSingleton<IPdfReader>(provider => provider.GetRequiredService<PdfReader>());

    internal static IServiceCollection AddHosted<TService>(this IServiceCollection services)
        where TService : class, IHostedService =>
        services.AddSingleton<TService>().AddHostedService(provider => provider.GetRequiredService<TService>());
}
