using System.Net;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Infrastructure;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Options;
using Relay.Api.Authentication;
using Relay.Api.Completions;
using Relay.Api.Dashboard;
using Relay.Api.Idempotency;
using Relay.Api.OpenApi;
using Relay.Api.Quotas;
using Relay.Api.Telemetry;
using Relay.Application;
using Relay.Application.Auditing;
using Relay.Application.Configuration;
using Relay.Application.Serving;
using Relay.Application.Telemetry;
using Relay.Infrastructure;
using Relay.Infrastructure.Diagnostics;
using Relay.Infrastructure.Home;
using Relay.Infrastructure.Processes;
using Relay.Redis;
using Serilog;
using Serilog.Events;
using Serilog.Formatting.Compact;

namespace Relay.Api.Hosting;

/// <summary>Puts the relay together.</summary>
internal static class RelayHost
{
    /// <summary>Makes a relay that is ready to run. Settings in the arguments are <c>--name value</c> or <c>--name=value</c>.</summary>
    /// <exception cref="FormatException"><c>config.env</c> or the command line can't be read.</exception>
    public static WebApplication Build(string[] args)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        var home = AddSettings(builder, args);
        builder.AddRelayLogging();
        builder.AddRelayServer();
        builder.Services.AddRelayApplication().AddRelayRedis(builder.Configuration).AddRelayInfrastructure(home).AddRelayApi();
        builder.Services.AddSystemdService();
        builder.CheckSettings();
        builder.AddRelayTelemetry(); // Its exporters begin at the first use of the container, with settings that must be valid.
        var app = builder.Build();
        app.UseRelayPipeline();
        app.ReportSettings(home);
        return app;
    }

    /// <summary>
    /// Runs until asked to stop. A failed start is stopped, too. If it were only disposed of, services that had begun would report their
    /// end as a crash, and a self-test's process would be cut off instead of ended. Returns 0, or 1 when a service did not stop in its
    /// time.
    /// </summary>
    public static async Task<int> RunToEndAsync(this WebApplication app, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch
        {
            await app.StopsInOrderAsync(app.StopAsync(CancellationToken.None));
            throw;
        }

        return await app.StopsInOrderAsync(app.WaitForShutdownAsync(cancellationToken)) ? 0 : 1;
    }

    /// <summary>
    /// Stops every service. The host goes on when a service fails, and throws at the end. Unhandled, that exception would abort the
    /// process and leave the dump of a crash for a service that was slow.
    /// </summary>
    private static async Task<bool> StopsInOrderAsync(this WebApplication app, Task stop)
    {
        try
        {
            await stop;
            return true;
        }
        catch (Exception exception)
        {
            app.Services.GetRequiredService<ILoggerFactory>()
                .CreateLogger("Relay.Stop")
                .LogError(
                    exception,
                    "The relay has stopped, but some of its services failed to stop or took too long. All others have written what they "
                        + "hold"
                );
            return false;
        }
    }

    /// <summary>
    /// Tells an operator all problems at once. It uses a separate provider, because the application's own already reads the server's
    /// settings while it is built, and would stop at their problems.
    /// </summary>
    private static void CheckSettings(this WebApplicationBuilder builder)
    {
        // The configuration is registered as an instance: one that a provider has made ends with it, and would follow no change any more.
        IServiceCollection registrations = new ServiceCollection();
        registrations.Add(builder.Services).AddSingleton<IConfiguration>(builder.Configuration);
        using var services = registrations.BuildServiceProvider(); // Holds the validators only, and ends at once.
        services.GetRequiredService<IStartupValidator>().Validate();
    }

    /// <summary><c>config.env</c>, then the environment, then the command line; the later wins.</summary>
    private static RelayHome AddSettings(WebApplicationBuilder builder, string[] args)
    {
        var configuration = builder.Configuration;
        configuration.AddEnvironmentVariables();
        configuration.AddCommandLine(SettingNames(args));
        var home = RelayHome.Find(configuration["RELAY_HOME"]);
        configuration.Sources.Clear();
        try
        {
            RelayHome.CreatePrivateDirectory(home.Path);
            configuration.AddConfigEnv(home.ConfigFile);
        }
        catch (IOException exception)
        {
            throw new StartupException($"{exception.Message} RELAY_HOME must be a directory that this user may write.");
        }

        configuration.AddEnvironmentVariables();
        configuration.AddCommandLine(SettingNames(args));
        return home;
    }

    /// <summary><c>--warm-processes</c> on the command line is <c>WARM_PROCESSES</c>.</summary>
    private static string[] SettingNames(string[] args) =>
        [
            .. args.Select(arg =>
            {
                if (!arg.StartsWith("--", StringComparison.Ordinal))
                {
                    return arg;
                }

                var parts = arg.Split('=', 2);
                return string.Join('=', ["--" + parts[0][2..].Replace('-', '_').ToUpperInvariant(), .. parts[1..]]);
            }),
        ];

    private static void AddRelayLogging(this WebApplicationBuilder builder)
    {
        void Configure(IServiceProvider services, LoggerConfiguration logging)
        {
            var options = services.GetRequiredService<IOptions<ServerOptions>>().Value;
            logging
                .MinimumLevel.Is((LogEventLevel)options.LogLevel)
                .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
                .MinimumLevel.Override("System", LogEventLevel.Warning)
                .MinimumLevel.Override("Yarp", LogEventLevel.Warning)
                // "Hosting failed to start" has a stack trace. Program reports problems that an operator can mend, and a bug ends the
                // process.
                .MinimumLevel.Override("Microsoft.Extensions.Hosting.Internal.Host", LogEventLevel.Fatal)
                // It writes nothing here, and would begin a second span around each request, with the caller's baggage in it.
                .MinimumLevel.Override("Microsoft.AspNetCore.Hosting.Diagnostics", LevelAlias.Off);
            logging.Enrich.With<OnlyWhatIsSaid>();
            if (options.LogFormat == LogFormat.Json)
            {
                logging.WriteTo.Console(new CompactJsonFormatter());
            }
            else
            {
                logging.WriteTo.Console(new PrintableLines("{Timestamp:yyyy-MM-dd HH:mm:ss.fff} {Level:u3} "));
            }
        }

        // With a collector, OpenTelemetry's provider gets the same lines.
        builder.Services.AddSerilog(Configure, writeToProviders: OpenTelemetrySetup.HasCollector(builder.Configuration));
    }

    private static void AddRelayServer(this WebApplicationBuilder builder)
    {
        builder.WebHost.UseKestrelCore();
        builder
            .Services.AddOptions<KestrelServerOptions>()
            .Configure<IOptions<ServerOptions>, IOptions<TelemetryOptions>, SilentConnections>(
                (kestrel, server, telemetry, silence) =>
                {
                    kestrel.AddServerHeader = false;
                    // RequestBody enforces MAX_BODY_BYTES itself: Kestrel's limit would cut the connection before the caller has read the
                    // 413.
                    kestrel.Limits.MaxRequestBodySize = null;
                    kestrel.Limits.MaxConcurrentConnections = server.Value.MaxConnections;
                    kestrel.Limits.RequestHeadersTimeout = server.Value.HeaderTimeout;
                    kestrel.Limits.MaxRequestLineSize = 8 * 1024;
                    kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
                    kestrel.Limits.MaxRequestHeaderCount = 64;
                    kestrel.Limits.KeepAliveTimeout = SilentConnections.KeepAlive;
                    // Clients send names and titles in Latin-1. The relay reads no header beyond ASCII.
                    // Kestrel alone would refuse such a request without a message.
                    kestrel.RequestHeaderEncodingSelector = static _ => Encoding.Latin1;
                    kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(server.Value.MinDataRate, TimeSpan.FromSeconds(5));
                    kestrel.Limits.MinResponseDataRate = new MinDataRate(server.Value.MinDataRate, TimeSpan.FromSeconds(5));
                    kestrel.Listen(
                        IPAddress.Parse(server.Value.Host),
                        server.Value.Port,
                        listener => listener.Use(next => connection => silence.WatchAsync(connection, next))
                    );
                    if (telemetry.Value.MetricsPort is { } metricsPort)
                    {
                        MetricsPort.Listen(kestrel, metricsPort, silence);
                    }
                }
            );
        builder
            .Services.AddOptions<HostOptions>()
            .Configure<IOptions<ServerOptions>>((host, server) => host.ShutdownTimeout = server.Value.DrainTimeout + Drain.Afterwards);
        builder
            .Services.AddSingleton<Drain>()
            .AddHostedService(services => services.GetRequiredService<Drain>())
            .AddSingleton<HostFilter>()
            .AddSingleton<RevocationWatch>()
            .AddSingleton<SilentConnections>();
    }

    private static void AddRelayApi(this IServiceCollection services)
    {
        services.AddRouting();
        services
            .AddMvcCore()
            .AddApplicationPart(typeof(RelayHost).Assembly) // Also when a test is the running program.
            .ConfigureApplicationPartManager(parts => parts.FeatureProviders.Add(new InternalControllers()))
            .AddJsonOptions(json => JsonContract.Configure(json.JsonSerializerOptions))
            .AddRelayDescription();
        services
            .AddSingleton<ApiKeyAuthentication>()
            .AddSingleton<DashboardSessions>()
            .AddSingleton<RateLimitHeaders>()
            .AddSingleton<FailureGate>()
            .AddSingleton<QuotaGate>()
            .AddSingleton<IdempotencyGate>()
            .AddSingleton<BodyBudget>()
            .AddSingleton<AnswerBudget>();
        // Lives as long as a request, like the mediator in it: a mediator of the whole host would keep what it makes until the stop.
        services.AddScoped<CompletionServices>();
        services.AddSingleton<IActionResultExecutor<JsonResult>, JsonAnswers>();
    }

    /// <summary>Tells systemd when the relay has started and is stopping (<c>Type=notify</c>). Does nothing elsewhere.</summary>
    private static void AddSystemdService(this IServiceCollection services)
    {
        if (SystemdHelpers.IsSystemdService())
        {
            services.AddSystemd().AddHostedService<SystemdNotices>();
        }
    }

    private static void UseRelayPipeline(this WebApplication app)
    {
        app.Use(SilentConnections.InvokeAsync);
        MetricsPort.Use(app);
        app.UseMiddleware<RequestLog>();
        app.Use(app.Services.GetRequiredService<HostFilter>().InvokeAsync);
        app.UseMiddleware<Drain>();
        app.UseStatusCodePages(context => ErrorResponse.WriteForStatusAsync(context.HttpContext));
        app.UseRouting();
        app.Use(DashboardGuard.InvokeAsync);
        app.Use(app.Services.GetRequiredService<ApiKeyAuthentication>().InvokeAsync);
        app.Use(app.Services.GetRequiredService<RevocationWatch>().InvokeAsync);
        app.Use(app.Services.GetRequiredService<FailureGate>().InvokeAsync);
        app.Use(app.Services.GetRequiredService<IdempotencyGate>().InvokeAsync);
        app.Use(app.Services.GetRequiredService<QuotaGate>().InvokeAsync);
        app.MapControllers().WithMetadata(KeyRequired.Instance);
        app.MapMetrics();
    }

    /// <summary>Makes a first <c>config.env</c>, and warns of unknown names in it.</summary>
    private static void ReportSettings(this WebApplication app, RelayHome home)
    {
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Relay.Settings");
        var known = app.Services.GetServices<SettingDescription>().ToList();
        if (home.WriteDefaultConfig(known))
        {
            logger.LogInformation("Wrote {File}: every setting with its default", home.ConfigFile);
        }

        foreach (var name in UnknownNames((IConfigurationRoot)app.Configuration, known))
        {
            if (UnknownSettings.FindReason(name) is { } reason)
            {
                logger.LogWarning("{Name} is no longer a setting: {Reason}. Remove it from config.env or the command line", name, reason);
                continue;
            }

            logger.LogWarning("{Name} in config.env or on the command line is not a setting of this relay", UnknownSettings.Shown(name));
        }

        if (ProcessHardening.HasDiagnosticsPort)
        {
            logger.LogWarning(
                "The .NET diagnostics port is open: other programs of this user can read the relay's memory. Start it with ./run.sh, or "
                    + "with DOTNET_EnableDiagnostics=0"
            );
        }

        var auditLog = app.Services.GetRequiredService<IAuditLog>();
        app.Lifetime.ApplicationStarted.Register(() =>
            auditLog.Write(new AuditEntry("relay_started") { Detail = typeof(RelayHost).Assembly.GetName().Version?.ToString(3) })
        );
        app.Lifetime.ApplicationStopping.Register(() => auditLog.Write(new AuditEntry("relay_stopping")));
        app.Lifetime.ApplicationStarted.Register(() =>
            logger.LogInformation("claude-relay listens on {Urls}; its home is {Home}", app.Urls.Take(1), home.Path)
        );
        app.Lifetime.ApplicationStarted.Register(() =>
        {
            foreach (var url in app.Urls.Skip(1))
            {
                logger.LogInformation("Prometheus finds the metrics at {Url}", url + MetricsPort.Path);
            }
        });
        app.Lifetime.ApplicationStopping.Register(() => logger.LogInformation("Stopping: running requests may finish"));
    }

    /// <summary>Names from the file and the command line. The environment also holds variables of other programs.</summary>
    private static IEnumerable<string> UnknownNames(IConfigurationRoot configuration, IEnumerable<SettingDescription> known) =>
        UnknownSettings.Find(
            configuration
                .Providers.Where(provider =>
                    provider is not Microsoft.Extensions.Configuration.EnvironmentVariables.EnvironmentVariablesConfigurationProvider
                )
                .SelectMany(provider => provider.GetChildKeys([], null)),
            known,
            configuration
        );
}
