using System.CommandLine;
using MediatR;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Relay.Application;
using Relay.Application.Diagnostics;
using Relay.Domain;
using Relay.Infrastructure;
using Relay.Infrastructure.Home;
using Relay.Redis;

namespace Relay.Cli;

/// <summary>What a command needs of the relay's home.</summary>
internal enum HomeUse
{
    /// <summary>It must be there, and is left as it is: a mistyped <c>--home</c> must not become one, nor lose its mode.</summary>
    Existing,

    /// <summary>It is made if it is missing, and left as it is if it is there, even open to others: to be able to tell of it.</summary>
    AsItIs,

    /// <summary>It is made if it is missing, and closed to others.</summary>
    Made,
}

/// <summary>One command at work: the relay's home, its use cases, and where to write.</summary>
internal sealed class Operation : IAsyncDisposable
{
    /// <summary>For all commands.</summary>
    public static Option<string?> HomeOption { get; } =
        new("--home")
        {
            Description = "The relay's home directory; RELAY_HOME, or ~/.local/share/claude-relay, when left out.",
            Recursive = true,
        };

    /// <summary>Time for the audit log to get its lines to the disk.</summary>
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(2);

    private readonly ServiceProvider _services;
    private readonly List<IHostedService> _started = [];

    private Operation(ParseResult parsed, RelayHome home, IConfiguration file, IConfiguration environment)
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

    /// <summary>What was asked for.</summary>
    public ParseResult Parsed { get; }

    /// <summary>Where the relay's files are.</summary>
    public RelayHome Home { get; }

    /// <summary>What <c>config.env</c> says, without the environment.</summary>
    public IConfiguration FileSettings { get; }

    /// <summary>What the environment says, which overrides it.</summary>
    public IConfiguration EnvironmentSettings { get; }

    /// <summary>What counts in the end.</summary>
    public IConfiguration Settings { get; }

    /// <summary>For results, and nothing else.</summary>
    public TextWriter Output => Parsed.InvocationConfiguration.Output;

    /// <summary>For everything else.</summary>
    public TextWriter Error => Parsed.InvocationConfiguration.Error;

    /// <summary>The use cases.</summary>
    public IMediator Mediator => Get<IMediator>();

    /// <summary>A part of the application.</summary>
    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    /// <summary>All parts of a kind.</summary>
    public IEnumerable<T> GetAll<T>() => _services.GetServices<T>();

    /// <summary>The value of an option.</summary>
    public T? Value<T>(Option<T> option) => Parsed.GetValue(option);

    /// <summary>The value of an argument that must be there.</summary>
    public T Value<T>(Argument<T> argument) => Parsed.GetRequiredValue(argument);

    /// <summary>Opens the home.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="use">What the command needs of the home.</param>
    /// <param name="needsSettings">Whether a <c>config.env</c> that can't be read is in the way. A key can be revoked without it.</param>
    public static Operation Open(ParseResult parsed, HomeUse use, bool needsSettings)
    {
        var environment = new ConfigurationBuilder().AddEnvironmentVariables().Build();
        var path = parsed.GetValue(HomeOption) ?? environment["RELAY_HOME"];
        var home = RelayHome.Find(path);
        var exists = Directory.Exists(home.Path);
        if (use == HomeUse.Existing && !exists)
        {
            throw new IOException(
                $"There is no relay's home at {home.Path}. Name another with --home or RELAY_HOME, or make one: "
                    + $"'relayctl keys add LABEL'."
            );
        }

        if (use == HomeUse.Made || !exists)
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

        return new Operation(parsed, home, file, environment);
    }

    /// <summary>Starts what runs beside a command: the audit log's writer.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var service in GetAll<IHostedService>())
        {
            await service.StartAsync(cancellationToken);
            _started.Add(service);
        }
    }

    /// <summary>Says on stderr why something is refused.</summary>
    /// <returns>The exit code.</returns>
    public int Refuse(RelayError error)
    {
        Error.WriteLine(Printable.Text(error.Message));
        return ExitCode.Of(error);
    }

    /// <summary>Writes what the audit log still holds; says on stderr when that fails.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var service in _started)
        {
            using var limit = new CancellationTokenSource(FlushTimeout, Get<TimeProvider>());
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            await service.StopAsync(either.Token);
            if (service is BackgroundService { ExecuteTask.Exception: { } failure })
            {
                await Error.WriteLineAsync(Printable.Text($"The audit log could not be written: {Sentences.Of(failure)}"));
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
