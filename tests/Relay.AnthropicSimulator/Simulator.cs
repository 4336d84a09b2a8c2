using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Relay.AnthropicSimulator;

/// <summary>
/// Anthropic's Messages API as the Claude Code CLI uses it, on a real Kestrel on 127.0.0.1. It answers as <see cref="Default"/> and
/// <see cref="When"/> say, checks that some credential is there (never which), and records every request. Thread-safe.
/// </summary>
public sealed class Simulator : IAsyncDisposable
{
    private readonly RequestLog _log = new();
    private readonly BehaviorRules _rules = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly TimeProvider _time;
    private readonly MessagesEndpoint _messages;
    private readonly ControlEndpoints _control;
    private readonly WebApplication _app;
    private int _connections;
    private int _disposed;

    private Simulator(int port, TimeProvider time)
    {
        _time = time;
        _messages = new MessagesEndpoint(_rules, time);
        _control = new ControlEndpoints(this);
        _app = Build(port);
        _app.Run(ServeAsync);
    }

    /// <summary>The address that it listens on, for <c>ANTHROPIC_BASE_URL</c>: http://127.0.0.1:PORT/.</summary>
    public Uri BaseAddress => new(_app.Urls.First());

    /// <summary>A snapshot of what was received, in arrival order.</summary>
    public IReadOnlyList<RecordedRequest> Requests => _log.Snapshot();

    /// <summary>The number of TCP connections that were accepted, those to the control endpoints included.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>The behaviour for a request that no <see cref="When"/> claims.</summary>
    public Behavior Default
    {
        get => _rules.Default;
        set => _rules.Default = value;
    }

    internal int RequestCount => _log.Count;

    /// <summary>Starts on <paramref name="port"/>, or on a free one when it is 0.</summary>
    /// <exception cref="IOException">The port is taken.</exception>
    public static Task<Simulator> StartAsync(int port = 0, CancellationToken ct = default) => StartAsync(port, TimeProvider.System, ct);

    /// <summary>Starts with a clock of your own, which every delay and timestamp then follows.</summary>
    /// <exception cref="IOException">The port is taken.</exception>
    public static async Task<Simulator> StartAsync(int port, TimeProvider time, CancellationToken ct)
    {
        var simulator = new Simulator(port, time);
        try
        {
            await simulator._app.StartAsync(ct);
            return simulator;
        }
        catch
        {
            await simulator.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Gives requests whose <see cref="RecordedRequest.LastUserText"/> contains the text (ordinal) this behaviour; the first match wins.
    /// </summary>
    public void When(string userTextContains, Behavior behavior) => _rules.Add(userTextContains, behavior);

    /// <summary>Forgets the recorded requests.</summary>
    public void Clear() => _log.Clear();

    /// <summary>Forgets the recorded requests, every <see cref="When"/> and the <see cref="Default"/>.</summary>
    public void Reset()
    {
        _rules.Reset();
        _log.Clear();
    }

    /// <summary>The first recorded request that fits, now or as soon as it comes.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled first.</exception>
    public Task<RecordedRequest> WaitForRequestAsync(Func<RecordedRequest, bool> predicate, CancellationToken ct) =>
        _log.WaitAsync(predicate, ct);

    /// <summary>Ends stalled answers at once, then the server.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _stopping.CancelAsync();
        await _app.DisposeAsync();
        _stopping.Dispose();
    }

    private WebApplication Build(int port)
    {
        // Empty: reads no environment variables or settings files and logs nothing.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton<IHostLifetime, HostedLifetime>();
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(2));
        builder
            .WebHost.UseKestrelCore()
            .ConfigureKestrel(kestrel =>
            {
                kestrel.AddServerHeader = false;
                kestrel.Limits.MaxRequestBodySize = null;
                kestrel.Limits.MinRequestBodyDataRate = null;
                kestrel.Limits.MinResponseDataRate = null;
                kestrel.Listen(
                    IPAddress.Loopback,
                    port,
                    listen =>
                    {
                        listen.Protocols = HttpProtocols.Http1;
                        listen.Use(next =>
                            connection =>
                            {
                                Interlocked.Increment(ref _connections);
                                return next(connection);
                            }
                        );
                    }
                );
            });
        return builder.Build();
    }

    private async Task ServeAsync(HttpContext http)
    {
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, _stopping.Token);
        try
        {
            if (http.Request.Path.StartsWithSegments(ControlEndpoints.Prefix, StringComparison.Ordinal))
            {
                await _control.ServeAsync(http, gone.Token);
            }
            else
            {
                await RecordAndAnswerAsync(http, gone.Token);
            }
        }
        catch (OperationCanceledException) when (gone.IsCancellationRequested)
        {
            http.Abort(); // Nobody is there to answer, or the simulator stops: a half answer must not look whole.
        }
    }

    private async Task RecordAndAnswerAsync(HttpContext http, CancellationToken ct)
    {
        var request = await http.RecordAsync(_time, ct);
        _log.Add(request);
        await using var watch = http.RequestAborted.UnsafeRegister(static state => ((RecordedRequest)state!).MarkClientGone(), request);
        try
        {
            http.Response.Headers["request-id"] = $"req_sim{request.Index:D8}";
            await AnswerAsync(http, request, ct);
        }
        finally
        {
            request.MarkEnded();
        }
    }

    private Task AnswerAsync(HttpContext http, RecordedRequest request, CancellationToken ct)
    {
        var path = http.Request.Path;
        if (path.StartsWithSegments("/v1", StringComparison.Ordinal) && !HasCredentials(http.Request))
        {
            return ErrorAnswer.NoCredentials.WriteAsync(http, ct);
        }

        return (request.Method, path.Value) switch
        {
            ("POST", "/v1/messages") => _messages.AnswerAsync(http, request, ct),
            ("POST", "/v1/messages/count_tokens") => _messages.CountTokensAsync(http, request, ct),
            ("HEAD" or "GET", "/") => Task.CompletedTask,
            _ => ErrorAnswer.NotFound.WriteAsync(http, ct),
        };
    }

    private static bool HasCredentials(HttpRequest request) =>
        !string.IsNullOrEmpty(request.Headers["x-api-key"]) || !string.IsNullOrEmpty(request.Headers.Authorization);

    /// <summary>In place of the console lifetime, which would take SIGINT and SIGTERM away from the test process.</summary>
    private sealed class HostedLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
