using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Telemetry;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// The only way from Claude Code to the Messages API: a listener on a Unix socket below <c>RELAY_HOME</c> (on macOS and Windows on a port
/// of the loopback address). It forwards a request when its ticket is known, a turn runs, and the request holds exactly the input of that
/// turn's caller.
/// </summary>
internal sealed class GateListener(
    RelayHome home,
    ApiForwarder forwarder,
    IOptions<ClaudeCodeOptions> options,
    RelayMetrics metrics,
    TimeProvider clock,
    ILogger<GateListener> logger
) : IHostedService, IAsyncDisposable
{
    /// <summary>Largest request, in bytes: more than the largest body that a caller may send (<c>MAX_BODY_BYTES</c>).</summary>
    private const long MaxBodyBytes = 128 * 1024 * 1024;

    /// <summary>A process has one connection, two while it repeats. One that opens a thousand must not keep others out.</summary>
    private const int MaxConnections = 10_000;

    /// <summary>Claude Code sends a request at once.</summary>
    private static readonly TimeSpan HeaderTimeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LockdownPatience = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, GateTicket> _tickets = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _starting = new(1, 1);
    private WebApplication? _listener;

    /// <summary>Whether requests of this relay's Claude Code go through the gate.</summary>
    public bool IsInForce => options.Value.UsesGate;

    /// <summary>The socket; null over TCP and while nothing listens.</summary>
    public string? SocketPath { get; private set; }

    /// <summary>The host in a base URL. Over a socket it has no meaning.</summary>
    public string Authority { get; private set; } = "gate";

    /// <summary>
    /// Finds the reason why a request must not be forwarded; null for the gate's own proof. Tests set another one, to show that the
    /// differences that they play would leave without the proof.
    /// </summary>
    internal Func<
        HttpRequest,
        ReadOnlyMemory<byte>,
        GateTicket,
        GateTurn,
        CancellationToken,
        Task<(GateRefusal? Refusal, string Detail)>
    >? ComparedBy { get; init; }

    public GateTicket Issue()
    {
        var ticket = new GateTicket(this);
        _tickets[ticket.Value] = ticket;
        return ticket;
    }

    public void Forget(GateTicket ticket) => _tickets.TryRemove(ticket.Value, out _);

    /// <exception cref="StartupException">The socket can't be bound.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!IsInForce || _listener is not null)
        {
            return;
        }

        await _starting.WaitAsync(cancellationToken);
        try
        {
            if (_listener is null)
            {
                await ListenAsync(OperatingSystem.IsLinux() ? GateSocket.Prepare(home) : null, cancellationToken);
            }
        }
        finally
        {
            _starting.Release();
        }
    }

    private async Task ListenAsync(string? path, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder
            .WebHost.UseKestrelCore()
            .ConfigureKestrel(kestrel =>
            {
                kestrel.AddServerHeader = false;
                kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
                kestrel.Limits.MaxConcurrentConnections = MaxConnections;
                kestrel.Limits.RequestHeadersTimeout = HeaderTimeout;
                // The limit on a slow sender is the turn's own; a process that answers late under load is not an attacker.
                kestrel.Limits.MinRequestBodyDataRate = null;
                kestrel.Limits.MinResponseDataRate = null;
                if (path is null)
                {
                    kestrel.Listen(IPAddress.Loopback, 0);
                }
                else
                {
                    kestrel.ListenUnixSocket(path);
                }
            });
        var listener = builder.Build();
        listener.Run(HandleAsync);
        try
        {
            await listener.StartAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            await listener.DisposeAsync();
            throw new StartupException(
                $"The gate can't listen at {path ?? "127.0.0.1"} ({exception.Message}). Set RELAY_HOME to a directory on a local disk."
            );
        }

        if (path is not null && !OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        if (path is null)
        {
            Authority = new Uri(
                listener.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()
            ).Authority;
        }

        (_listener, SocketPath) = (listener, path);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var ticket in _tickets.Values)
        {
            ticket.Dispose();
        }

        if (_listener is not null)
        {
            await _listener.StopAsync(cancellationToken);
            await _listener.DisposeAsync();
            _listener = null;
            if (SocketPath is { } path)
            {
                GateSocket.Remove(home, path);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        _starting.Dispose();
    }

    /// <summary>Whether a path and query are those of the Messages API below a ticket.</summary>
    private static bool IsMessages(HttpRequest request, string rest) =>
        HttpMethods.IsPost(request.Method) && rest == "/v1/messages" && request.QueryString.Value is "" or "?beta=true";

    private async Task HandleAsync(HttpContext context)
    {
        var path = context.Request.Path.Value ?? string.Empty;
        var end = path.Length > 1 ? path.IndexOf('/', startIndex: 1) : -1;
        if (end < 0 || !_tickets.TryGetValue(path[1..end], out var ticket))
        {
            await RefuseAsync(context, null, null, GateRefusal.UnknownTicket, "an unknown ticket");
            return;
        }

        var turn = ticket.Turn;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(turn?.Ended ?? CancellationToken.None, context.RequestAborted);
        try
        {
            if (!IsMessages(context.Request, path[end..]))
            {
                await RefuseAsync(context, ticket, turn, GateRefusal.OtherCall, "another call than of the Messages API");
            }
            else if (turn is null)
            {
                await RefuseAsync(context, ticket, null, GateRefusal.NoTurn, "a call without a turn");
            }
            else if (turn.Enter() is { } refusal)
            {
                await RefuseAsync(context, ticket, turn, refusal, "a call after the turn's own");
            }
            else
            {
                await RunAsync(context, ticket, turn, ended.Token);
            }
        }
        catch (OperationCanceledException)
        {
            context.Abort();
        }
    }

    private async Task RunAsync(HttpContext context, GateTicket ticket, GateTurn turn, CancellationToken cancellationToken)
    {
        try
        {
            if (await ReadBodyAsync(context.Request, cancellationToken) is not { } body)
            {
                await RefuseAsync(context, ticket, turn, GateRefusal.Body, "a body that is compressed or too long");
                return;
            }

            if (await (ComparedBy ?? FindRefusalAsync)(context.Request, body, ticket, turn, cancellationToken) is ({ } refusal, var detail))
            {
                await RefuseAsync(context, ticket, turn, refusal, detail);
                return;
            }

            await AnswerAsync(context, turn, body, cancellationToken);
        }
        catch (IOException)
        {
            // The process ended in the middle of its request.
            context.Abort();
        }
        finally
        {
            turn.Leave();
        }
    }

    private async Task<(GateRefusal? Refusal, string Detail)> FindRefusalAsync(
        HttpRequest request,
        ReadOnlyMemory<byte> body,
        GateTicket ticket,
        GateTurn turn,
        CancellationToken cancellationToken
    )
    {
        var headers = RequestHeaders.Read(request.Headers, out var unknown);
        if (turn.IsRepeat && (unknown is not null || !turn.IsSame(body.Span)))
        {
            return (GateRefusal.ChangedRepeat, "a repeat that is not the same request");
        }

        if (unknown is not null)
        {
            return (GateRefusal.Header, "a header");
        }

        if (!await IsLockedDownAsync(turn, cancellationToken))
        {
            return (GateRefusal.NotLockedDown, "the init frame did not pass in time");
        }

        if (turn is { IsRehearsal: false, Expectation.Shape: null })
        {
            return (GateRefusal.NotLockedDown, "nothing was rehearsed");
        }

        var proof = RequestProof.Prove(
            body,
            headers,
            turn.Expectation,
            turn.HandedIn,
            DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime)
        );
        if (proof.Refusal is { } refusal)
        {
            return (turn.IsRepeat ? GateRefusal.ChangedRepeat : refusal, proof.Detail ?? string.Empty);
        }

        if (!ticket.IsOfProcess(proof.UserId!, request.Headers[RequestHeaders.SessionId].ToString()))
        {
            return (GateRefusal.Shape, "another device or session than before");
        }

        if (turn.IsRehearsal)
        {
            turn.Rehearse(proof.Shape!);
        }

        return (null, string.Empty);
    }

    private async Task AnswerAsync(HttpContext context, GateTurn turn, byte[] body, CancellationToken cancellationToken)
    {
        if (turn.Rehearsed is { } shape)
        {
            await RehearsalAnswer.WriteAsync(context.Response, turn, shape.Model, cancellationToken);
            return;
        }

        turn.Pass(body);
        context.Request.Body = new MemoryStream(body, writable: false);
        await forwarder.ForwardAsync(context, turn, cancellationToken);
    }

    private async Task<bool> IsLockedDownAsync(GateTurn turn, CancellationToken cancellationToken)
    {
        try
        {
            await turn.LockedDown.WaitAsync(LockdownPatience, clock, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private static async Task<byte[]?> ReadBodyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (
            request.Headers.ContentEncoding.Count > 0
            || request.ContentType?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) != true
        )
        {
            return null;
        }

        try
        {
            while (true)
            {
                var read = await request.BodyReader.ReadAsync(cancellationToken);
                if (read.IsCompleted)
                {
                    var body = read.Buffer.ToArray();
                    request.BodyReader.AdvanceTo(read.Buffer.End);
                    return body;
                }

                request.BodyReader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            }
        }
        catch (BadHttpRequestException)
        {
            return null;
        }
    }

    /// <summary>Answers 503, after which Claude Code makes the fewest further calls (measured on 2.1.330).</summary>
    private async Task RefuseAsync(HttpContext context, GateTicket? ticket, GateTurn? turn, GateRefusal refusal, string detail)
    {
        metrics.GateRefused(refusal.ToString());
        logger.LogDebug("The gate refused a request ({Refusal}): {Detail}", refusal, detail);
        if (ticket is not null && refusal.Effect() != RefusalEffect.None)
        {
            ticket.Spoil();
            if (turn is not null && (refusal.Effect() is RefusalEffect.FailsTurn or RefusalEffect.Recheck))
            {
                turn.Refuse(refusal, detail);
                await turn.TellAsync(new TurnSignal.Refused(refusal, detail), turn.Ended);
            }
        }

        context.Response.StatusCode =
            refusal == GateRefusal.UnknownTicket ? StatusCodes.Status404NotFound : StatusCodes.Status503ServiceUnavailable;
        context.Response.Headers["x-should-retry"] = "false";
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(RefusalBody, context.RequestAborted);
    }

    private static readonly byte[] RefusalBody = Encoding.UTF8.GetBytes(
        """{"type":"error","error":{"type":"api_error","message":"refused"}}"""
    );
}
