using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Polly;
using Polly.CircuitBreaker;
using Relay.Application.Health;
using Relay.Domain;
using Relay.Infrastructure;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>
/// The one connection to the shared state, and the treatment of its failures. Every command has a time limit. When several commands of a
/// few seconds have failed, none is sent for a moment, so that no request waits for a state that is gone. One late answer does not count
/// as a failure: a busy machine has some. The client reconnects later and later, with jitter. Its error texts are never passed on,
/// because they may name hosts and users.
/// </summary>
internal sealed class RedisLink : IHostedService, IHealthCheck, IDisposable
{
    /// <summary>Failures in a row after which the state counts as away, also when too few commands are sent for the breaker.</summary>
    private const int SeveralFailures = 3;

    private const string Unreached = "The state that the relays share can't be reached at the moment. Try again shortly.";

    private static readonly TimeSpan ShortestBreak = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestBreak = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Sampling = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestReconnect = TimeSpan.FromSeconds(3);

    private readonly StateOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger<RedisLink> _logger;
    private readonly CircuitBreakerStateProvider _state = new();
    private readonly ResiliencePipeline _breaker;
    private volatile ConnectionMultiplexer? _connection;
    private volatile bool _reached;
    private int _failuresInARow;
    private volatile string? _reason = "it has not answered yet";

    public RedisLink(IOptions<StateOptions> options, TimeProvider clock, ILogger<RedisLink> logger)
    {
        (_options, _clock, _logger) = (options.Value, clock, logger);
        Names = new RedisNames(_options.Namespace);
        _breaker = new ResiliencePipelineBuilder { TimeProvider = clock }
            .AddCircuitBreaker(
                new CircuitBreakerStrategyOptions
                {
                    ShouldHandle = args => ValueTask.FromResult(IsFailure(args.Outcome.Exception)),
                    // Three of five at the least.
                    FailureRatio = 0.5,
                    MinimumThroughput = 5,
                    SamplingDuration = Sampling,
                    BreakDurationGenerator = args => ValueTask.FromResult(BreakOf(args.FailureCount)),
                    StateProvider = _state,
                    OnOpened = args =>
                    {
                        _logger.LogError(
                            "The shared state fails: {Reason}. No command is sent to it for {Milliseconds:0} ms",
                            _reason,
                            args.BreakDuration.TotalMilliseconds
                        );
                        return ValueTask.CompletedTask;
                    },
                    OnClosed = _ =>
                    {
                        _logger.LogInformation("The shared state answers again");
                        return ValueTask.CompletedTask;
                    },
                }
            )
            .Build();
    }

    /// <summary>Raised with the news of other relays; see <see cref="RedisNames.Channel"/>.</summary>
    public event Action<string>? Told;

    /// <summary>The names in the state.</summary>
    public RedisNames Names { get; }

    /// <summary>Gives the scripts another clock than their server's, in microseconds since 1970. For tests of time only.</summary>
    internal Func<long>? ClockOfTest { get; init; }

    /// <summary>The first argument of scripts that need the time: empty for their server's own.</summary>
    public RedisValue Clock => ClockOfTest?.Invoke() ?? RedisValue.EmptyString;

    /// <summary>Whether the state answered lately.</summary>
    public bool IsUp =>
        _reached
        && Volatile.Read(ref _failuresInARow) < SeveralFailures
        && _state.CircuitState == CircuitState.Closed
        && _connection is { IsConnected: true };

    public string Part => "state";

    public string? Problem =>
        !IsUp
            ? "The state that the relays share can't be reached; the relay's log says why. Requests that spend are refused until then."
            : null;

    /// <summary>The error of each request that needs the state while it is away.</summary>
    public static RelayError Unavailable { get; } = new(ErrorCode.StateUnavailable, Unreached, RetryAfter: TimeSpan.FromSeconds(1));

    /// <summary>Sends a command, within the time limit.</summary>
    /// <exception cref="RelayErrorException">
    /// <see cref="ErrorCode.StateUnavailable"/>. The command may have been executed all the same.
    /// </exception>
    public Task<T> AskAsync<T>(Func<IDatabase, Task<T>> ask, CancellationToken cancellationToken) =>
        AskAsync(ask, _options.Timeout, cancellationToken);

    /// <summary>Runs a script.</summary>
    /// <exception cref="RelayErrorException">As in <see cref="AskAsync{T}(Func{IDatabase, Task{T}}, CancellationToken)"/>.</exception>
    public Task<RedisResult> RunAsync(string script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken) =>
        AskAsync(database => database.ScriptEvaluateAsync(script, keys, arguments), cancellationToken);

    /// <summary>Runs a script, and once more when no answer came. Running it twice must have the effect of running it once.</summary>
    /// <exception cref="RelayErrorException">As in <see cref="AskAsync{T}(Func{IDatabase, Task{T}}, CancellationToken)"/>.</exception>
    public async Task<RedisResult> RunAgainAsync(
        string script,
        RedisKey[] keys,
        RedisValue[] arguments,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await RunAsync(script, keys, arguments, cancellationToken);
        }
        catch (RelayErrorException exception) when (MayHaveArrived(exception) && exception.InnerException is not RedisServerException)
        {
            try
            {
                return await RunAsync(script, keys, arguments, cancellationToken);
            }
            catch (RelayErrorException second) when (!MayHaveArrived(second))
            {
                // The breaker opened meanwhile. The first command may have arrived all the same, and the caller must know.
                throw exception;
            }
        }
    }

    /// <summary>
    /// Runs a script also while other commands are held back. So the relay finds out that the state answers again, and no caller has to
    /// wait for that.
    /// </summary>
    /// <exception cref="RelayErrorException">As in <see cref="AskAsync{T}(Func{IDatabase, Task{T}}, CancellationToken)"/>.</exception>
    public Task<RedisResult> ProbeAsync(string script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken) =>
        SendAsync(database => database.ScriptEvaluateAsync(script, keys, arguments), _options.Timeout, cancellationToken);

    /// <summary>Sends a command that takes longer, such as reading all keys.</summary>
    /// <exception cref="RelayErrorException">As in <see cref="AskAsync{T}(Func{IDatabase, Task{T}}, CancellationToken)"/>.</exception>
    public Task<T> AskAsync<T>(Func<IDatabase, Task<T>> ask, TimeSpan timeout, CancellationToken cancellationToken) =>
        _state.CircuitState == CircuitState.Closed
            ? SendAsync(ask, timeout, cancellationToken)
            : throw new RelayErrorException(Unavailable, new BrokenCircuitException());

    private async Task<T> SendAsync<T>(Func<IDatabase, Task<T>> ask, TimeSpan timeout, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await _breaker.ExecuteAsync(
                static async (call, token) =>
                {
                    var (link, ask, timeout) = call;
                    var connection = link._connection ?? throw new TimeoutException();
                    return await ask(connection.GetDatabase()).WaitAsync(timeout, link._clock, token);
                },
                (this, ask, timeout),
                cancellationToken
            );
            if (!_reached)
            {
                _reached = true;
                _logger.LogInformation("The shared state answers");
            }

            _reason = null;
            Volatile.Write(ref _failuresInARow, 0);
            return answer;
        }
        catch (BrokenCircuitException exception)
        {
            throw new RelayErrorException(Unavailable, exception);
        }
        catch (Exception exception) when (IsFailure(exception))
        {
            Interlocked.Increment(ref _failuresInARow);
            if (IsMistake(exception))
            {
                // A mistake in one of the relay's scripts. The text holds no caller's words, because no script has any.
                _logger.LogError("The shared state answered with an error: {Message}", exception.Message);
            }

            throw new RelayErrorException(Unavailable, exception);
        }
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var options =
            RedisConfiguration.Parse(_options.State).Options ?? throw new StartupException("STATE is not the configuration of a Redis.");
        var hosts = RedisConfiguration.HostsOf(options);
        options.AbortOnConnectFail = false;
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.ConnectTimeout = (int)ConnectTimeout.TotalMilliseconds;
        options.ReconnectRetryPolicy = new ExponentialRetry(
            (int)ShortestBreak.TotalMilliseconds / 2,
            (int)LongestReconnect.TotalMilliseconds
        );
        options.KeepAlive = 5;
        options.ConfigCheckSeconds = 5;
        options.ClientName = "claude-relay";
        options.IncludeDetailInExceptions = false;
        if (_options.CaFile is { Length: > 0 } file)
        {
            options.SslClientAuthenticationOptions = host => new System.Net.Security.SslClientAuthenticationOptions
            {
                TargetHost = host,
                CertificateChainPolicy = TrustOnly(file),
            };
        }

        _logger.LogInformation("Keys, limits and usage are shared, at {Hosts}", hosts);
        var connecting = ConnectAsync(options);
        try
        {
            await connecting.WaitAsync(2 * ConnectTimeout, _clock, cancellationToken);
        }
        catch (TimeoutException) when (!connecting.IsCompleted)
        {
            _logger.LogWarning("The shared state does not answer; the relay starts anyway, and keeps trying");
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            throw new StartupException($"The shared state at {hosts} can't be used: {Describe(exception)}.");
        }
    }

    private async Task ConnectAsync(ConfigurationOptions options)
    {
        var connection = await ConnectionMultiplexer.ConnectAsync(options);
        _connection = connection;
        await connection
            .GetSubscriber()
            .SubscribeAsync(
                RedisChannel.Literal(Names.Channel),
                (_, message) => Told?.Invoke(message.ToString()),
                CommandFlags.FireAndForget
            );
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _connection?.Dispose();

    /// <summary>Describes a failure in words without an address, a user or a password.</summary>
    public static string Describe(Exception exception) =>
        exception switch
        {
            RelayErrorException { InnerException: { } cause } => Describe(cause),
            BrokenCircuitException => "it failed just now",
            TimeoutException => "it did not answer in time",
            RedisServerException server => DescribeServer(server.Message),
            RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure } => "it refused the user or the password",
            RedisConnectionException { InnerException: RedisServerException server } => DescribeServer(server.Message),
            RedisConnectionException => "there is no connection to it",
            RedisCommandException => "none of its servers takes this command now",
            _ => exception.GetType().Name,
        };

    private static string DescribeServer(string message)
    {
        var code = message.AsSpan(0, Math.Max(0, message.AsSpan().IndexOf(' ')));
        return code switch
        {
            "NOAUTH" or "WRONGPASS" => "it refused the user or the password",
            "NOPERM" => "its user may not do that",
            "READONLY" => "it is a replica, which can't be written to",
            "MISCONF" => "it can't write to its disk",
            "OOM" => "it has no memory left",
            "LOADING" => "it is starting",
            "CLUSTERDOWN" or "MASTERDOWN" or "NOREPLICAS" => "its cluster is not whole",
            _ => "it answered with an error",
        };
    }

    /// <summary>
    /// Whether the failed command may have been executed, or may still be. A command that was never sent needs no taking back. Otherwise
    /// each refused request would leave a command to send while the state is away, and the state would come back to a flood of them.
    /// </summary>
    public static bool MayHaveArrived(RelayErrorException exception) =>
        exception.InnerException
            is not (
                BrokenCircuitException
                or RedisConnectionException { CommandStatus: CommandStatus.WaitingToBeSent or CommandStatus.WaitingInBacklog }
            );

    /// <summary>Whether the command itself was wrong, so that sending it again can't help.</summary>
    public static bool IsMistake(Exception? exception) =>
        exception is RedisServerException && exception.Message.StartsWith("ERR", StringComparison.Ordinal);

    private bool IsFailure(Exception? exception)
    {
        if (exception is not (RedisException or RedisCommandException or TimeoutException or ObjectDisposedException))
        {
            return false;
        }

        _reason = Describe(exception);
        return true;
    }

    /// <summary>The pause: longer after each failure, and different for each relay.</summary>
    private static TimeSpan BreakOf(int failures)
    {
        var most = Math.Min(LongestBreak.TotalMilliseconds, ShortestBreak.TotalMilliseconds * Math.Pow(2, Math.Min(failures, 8) / 2.0));
#pragma warning disable CA5394 // Jitter, not a secret.
        return TimeSpan.FromMilliseconds(
            ShortestBreak.TotalMilliseconds / 2 + Random.Shared.NextDouble() * (most - ShortestBreak.TotalMilliseconds / 2)
        );
#pragma warning restore CA5394
    }

    private static X509ChainPolicy TrustOnly(string file)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(file);
        return policy;
    }
}
