using System.Diagnostics.Metrics;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Relay.Application.Auditing;
using Relay.Application.Completions;
using Relay.Application.Configuration;
using Relay.Application.Dashboard;
using Relay.Application.Fetching;
using Relay.Application.Health;
using Relay.Application.Idempotency;
using Relay.Application.Keys;
using Relay.Application.Models;
using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Application.Serving;
using Relay.Application.Telemetry;

namespace Relay.Application;

/// <summary>Registers the use cases, their pipeline and their options.</summary>
public static class DependencyInjection
{
    /// <summary>Registers everything of this project. The infrastructure registers the ports.</summary>
    public static IServiceCollection AddRelayApplication(this IServiceCollection services) =>
        services.AddRelayOptions().AddTelemetry().AddUseCases().AddPipeline();

    /// <summary>Shows the metrics that exist before anything happens, to the collectors that listen by now.</summary>
    public static void ShowMetrics(this IServiceProvider services)
    {
        services.GetRequiredService<RelayGauges>();
        services.GetRequiredService<RelayMetrics>().ShowZeros();
    }

    private static IServiceCollection AddRelayOptions(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<IValidateOptions<ServerOptions>, ServerOptionsValidator>();
        services.AddSingleton<IValidateOptions<FetchOptions>, FetchOptionsValidator>();
        services.AddSingleton<IValidateOptions<CompletionOptions>, ModelOptionsValidator>();
        services.AddSingleton<IValidateOptions<TelemetryOptions>, TelemetryOptionsValidator>();
        return services
            .AddSettings<ServerOptions>()
            .AddSettings<CompletionOptions>()
            .AddSettings<QuotaOptions>()
            .AddSettings<FetchOptions>()
            .AddSettings<IdempotencyOptions>()
            .AddSettings<TelemetryOptions>();
    }

    private static IServiceCollection AddTelemetry(this IServiceCollection services) =>
        services
            .AddMetrics()
            .AddSingleton(provider => new RelayMetrics(
                provider.GetRequiredService<IMeterFactory>(),
                provider.GetRequiredService<ModelCatalog>()
            ))
            // A factory is not checked when the container is built: relayctl has no engine for the gauges.
            .AddSingleton(provider => ActivatorUtilities.CreateInstance<RelayGauges>(provider));

    private static IServiceCollection AddUseCases(this IServiceCollection services)
    {
        services
            .AddSingleton<ModelCatalog>()
            .AddSingleton<IModelNames>(provider => provider.GetRequiredService<ModelCatalog>())
            .AddSingleton<KeyEditor>()
            .AddSingleton<KeyLister>()
            .AddSingleton<ReadinessProbe>();
        services.AddSingleton<RecentRequests>().AddSingleton<IRequestObserver>(provider => provider.GetRequiredService<RecentRequests>());
        services
            .AddSingleton<FairQueues>()
            .AddSingleton<FailureLimit>()
            .AddSingleton<UpstreamLimits>()
            .AddSingleton<Admission>()
            .AddSingleton<IAdmission>(provider => provider.GetRequiredService<Admission>())
            .AddSingleton<AccountMeter>()
            .AddSingleton<IAccountMeter>(provider => provider.GetRequiredService<AccountMeter>());
        services.AddSingleton(provider =>
            FetchPolicyReader
                .Read(
                    provider.GetRequiredService<IOptions<FetchOptions>>().Value,
                    provider.GetRequiredService<IOptions<ServerOptions>>().Value
                )
                .Policy
        );
        services.AddValidatorsFromAssemblyContaining<CompleteValidator>(ServiceLifetime.Singleton, includeInternalTypes: true);

        // MediatR 5 leaves the registration to its host. A newer one would change these lines only.
        services.AddSingleton<ServiceFactory>(provider => provider.GetService!);
        services.AddSingleton<IMediator, Mediator>();
        var handlers =
            from type in typeof(DependencyInjection).Assembly.GetTypes()
            from port in type.GetInterfaces()
            where port.IsGenericType && port.GetGenericTypeDefinition() == typeof(IRequestHandler<,>)
            select (port, type);
        foreach (var (port, type) in handlers)
        {
            services.AddSingleton(port, type);
        }

        return services;
    }

    /// <summary>
    /// Adds the steps in the order of work: the outermost turns failures into data, then comes validation, then admission.
    /// </summary>
    private static IServiceCollection AddPipeline(this IServiceCollection services) =>
        services
            .AddSingleton(typeof(IPipelineBehavior<,>), typeof(FailureBehavior<,>))
            .AddSingleton(typeof(IPipelineBehavior<,>), typeof(ValidationBehavior<,>))
            .AddSingleton(typeof(IPipelineBehavior<,>), typeof(AdmissionBehavior<,>));
}
