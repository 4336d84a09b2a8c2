using MediatR;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Relay.Application;
using Relay.Application.Auditing;
using Relay.Application.Diagnostics;
using Relay.Application.Timing;
using Relay.Domain;
using Relay.Infrastructure;
using Relay.Infrastructure.Home;
using Relay.Redis;

namespace Relay.Cli;

/// <summary>One command at work: the relay's home, its use cases, and its output.</summary>
internal sealed class CommandSession : IAsyncDisposable
{
    /// <summary>The option of all commands.</summary>
    public static Option<string?> HomeOption { get; } =
        new("--home")
        {
            Description = "Use this home of the relay. When left out, RELAY_HOME or ~/.local/share/claude-relay.",
            Recursive = true,
        };

    /// <summary>Time for the audit log to get its lines to the disk.</summary>
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(2);

    private readonly ServiceProvider _services;
    private readonly List<IHostedService> _started = [];

    private CommandSession(ParseResult parsed, RelayHome home, IConfiguration file, IConfiguration environment)
    {
        var configuration = new ConfigurationBuilder().AddConfiguration(file).AddConfiguration(environment).Build();
        (Parsed, Home, FileSettings, EnvironmentSettings, Settings) = (parsed, home, file, environment, configuration);
        _services = new ServiceCollection()
            .AddSingleton<IConfiguration>(configuration)
            .AddLogging(logging => logging.SetMinimumLevel(LogLevel.Warning).AddProvider(new SentenceLoggerProvider(Error)))
            .AddRelayApplication()
            .AddRelayRedisOperations(configuration)
            .AddRelayOperations(home)
            .BuildServiceProvider();
    }

    public ParseResult Parsed { get; }

    public RelayHome Home { get; }

    /// <summary>The settings of <c>config.env</c>, without the environment.</summary>
    public IConfiguration FileSettings { get; }

    /// <summary>The settings of the environment, which override <c>config.env</c>.</summary>
    public IConfiguration EnvironmentSettings { get; }

    public IConfiguration Settings { get; }

    /// <summary>The writer for results, and for nothing else.</summary>
    public TextWriter Output => Parsed.InvocationConfiguration.Output;

    /// <summary>The writer for everything else.</summary>
    public TextWriter Error => Parsed.InvocationConfiguration.Error;

    public IMediator Mediator => Get<IMediator>();

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public IEnumerable<T> GetAll<T>() => _services.GetServices<T>();

    public T? Value<T>(Option<T> option) => Parsed.GetValue(option);

    public T Value<T>(Argument<T> argument) => Parsed.GetRequiredValue(argument);

    /// <summary>Opens the home. Some commands need no settings: a key can be revoked without a readable <c>config.env</c>.</summary>
    public static CommandSession Open(ParseResult parsed, HomeUse use, bool needsSettings)
    {
        var environment = new ConfigurationBuilder().AddEnvironmentVariables().Build();
        var path = parsed.GetValue(HomeOption) ?? environment["RELAY_HOME"];
        var home = RelayHome.Find(path);
        var exists = Directory.Exists(home.Path);
        if (use == HomeUse.MustExist && !exists)
        {
            throw new IOException(
                $"There is no home of a relay at {home.Path}. Name another with --home or RELAY_HOME, or make one: "
                    + $"'relayctl keys add LABEL'."
            );
        }

        if (use == HomeUse.CreateAndClose || !exists)
        {
            home = RelayHome.Open(path);
        }

        var file = new ConfigurationBuilder().Build();
        try
        {
            file = new ConfigurationBuilder().AddConfigEnv(home.ConfigFile).Build();
        }
        catch (Exception exception) when (!needsSettings && exception is (FormatException or IOException or UnauthorizedAccessException))
        {
            parsed.InvocationConfiguration.Error.WriteLine(Printable.Text($"{exception.Message} Settings from this file are ignored."));
        }

        return new CommandSession(parsed, home, file, environment);
    }

    /// <summary>Starts the services beside a command: the writer of the audit log, and the connection to a Redis.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var service in GetAll<IHostedService>())
        {
            await service.StartAsync(cancellationToken);
            _started.Add(service);
        }
    }

    /// <summary>Writes the reason of a refusal to stderr, and returns the exit code.</summary>
    public int Refuse(RelayError error)
    {
        Error.WriteLine(Printable.Text(error.Message));
        return ExitCode.Of(error);
    }

    /// <summary>Stops them. Reports on stderr when the audit log could not be written.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var service in _started)
        {
            using var deadline = new Deadline(FlushTimeout, Get<TimeProvider>(), cancellationToken);
            await service.StopAsync(deadline.Token);
            if (service is IAuditLog and BackgroundService { ExecuteTask.Exception: { } failure })
            {
                await Error.WriteLineAsync(Printable.Text($"The audit log could not be written: {Sentences.Of(failure)}"));
            }
        }
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
