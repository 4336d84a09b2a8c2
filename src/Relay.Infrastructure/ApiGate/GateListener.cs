using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Telemetry;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// The only way from Claude Code to the Messages API: a listener on a Unix socket below <c>RELAY_HOME</c>. It forwards a request when its
/// ticket is known, a turn runs, and the request holds exactly what that turn's caller asked for.
/// </summary>
internal sealed class GateListener(
    RelayHome home,
    ApiForwarder forwarder,
    IOptions<ClaudeCodeOptions> options,
    RelayMetrics metrics,
    TimeProvider clock,
    ILogger<GateListener> logger) : IHostedService
{
    /// <summary>Largest request, in bytes: twenty pictures of 5 MB are less in base64 than the body that a caller may send.</summary>
    private const long MaxBodyBytes = 64 * 1024 * 1024;

    /// <summary>A process has one connection, and a second while it repeats a request.</summary>
    private const int MaxConnections = 512;

    private static readonly TimeSpan LockdownPatience = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, GateTicket> _tickets = new(StringComparer.Ordinal);
    private WebApplication? _listener;

    /// <summary>Whether requests of this relay's Claude Code go through the gate. The clouds' own requests are signed by Claude Code.</summary>
    public bool IsInForce => options.Value.Auth is not (ClaudeAuth.Bedrock or ClaudeAuth.Vertex);

    /// <summary>The socket; null while nothing listens.</summary>
    public string? SocketPath { get; private set; }

    /// <summary>Issues a ticket for a process that is about to start.</summary>
    public GateTicket Issue()
    {
        var ticket = new GateTicket(this);
        _tickets[ticket.Value] = ticket;
        return ticket;
    }

    /// <summary>A ticket has ended.</summary>
    public void Forget(GateTicket ticket) => _tickets.TryRemove(ticket.Value, out _);

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!IsInForce)
        {
            return;
        }

        var path = GateSocket.Prepare(home);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
            kestrel.Limits.MaxConcurrentConnections = MaxConnections;
            // The limit on a slow sender is the turn's own; a process that answers late under load is not an attacker.
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.ListenUnixSocket(path);
        });
        _listener = builder.Build();
        _listener.Run(HandleAsync);
        try
        {
            await _listener.StartAsync(cancellationToken);
        }
        catch (IOException exception)
        {
            throw new StartupException($"The gate's socket {path} can't be bound ({exception.Message}). Set RELAY_HOME to a directory on a local disk.");
        }

        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        SocketPath = path;
    }

    /// <inheritdoc/>
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
            File.Delete(SocketPath!);
        }
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
            await RefuseAsync(context, null, GateRefusal.UnknownTicket, "an unknown ticket");
            return;
        }

        var turn = ticket.Turn;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(turn?.Ended ?? CancellationToken.None, context.RequestAborted);
        try
        {
            if (!IsMessages(context.Request, path[end..]))
            {
                await RefuseAsync(context, ticket, GateRefusal.OtherCall, "another call than of the Messages API");
            }
            else if (turn is null)
            {
                await RefuseAsync(context, ticket, GateRefusal.NoTurn, "a call without a turn");
            }
            else if (turn.Enter() is { } refusal)
            {
                await RefuseAsync(context, ticket, refusal, "a call after the turn's own");
            }
            else
            {
                await ProveAndForwardAsync(context, ticket, turn, ended.Token);
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            context.Abort();
        }
    }

    private async Task ProveAndForwardAsync(HttpContext context, GateTicket ticket, GateTurn turn, CancellationToken cancellationToken)
    {
        if (await ReadBodyAsync(context.Request, cancellationToken) is not { } body)
        {
            await RefuseAsync(context, ticket, GateRefusal.Body, "a body that is compressed, too long or cut off");
            return;
        }

        var headers = RequestHeaders.Read(context.Request.Headers, out var unknown);
        if (unknown is not null)
        {
            await RefuseAsync(context, ticket, GateRefusal.Header, "a header");
            return;
        }

        if (turn.IsRepeat && !turn.IsSame(body.Span))
        {
            await RefuseAsync(context, ticket, GateRefusal.ChangedRepeat, "a repeat that is not the same request");
            return;
        }

        if (!await IsLockedDownAsync(turn, cancellationToken))
        {
            await RefuseAsync(context, ticket, GateRefusal.NotLockedDown, "the init frame did not pass in time");
            return;
        }

        var proof = RequestProof.Prove(body, headers, turn.Expectation, turn.HandedIn, DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime));
        if (proof.Refusal is { } refusal)
        {
            await RefuseAsync(context, ticket, refusal, proof.Detail ?? string.Empty);
            return;
        }

        if (turn.IsRehearsal)
        {
            turn.Rehearse(proof.Shape!);
            await RehearsalAnswer.WriteAsync(context.Response, turn, proof.Shape!.Model, cancellationToken);
            return;
        }

        await turn.ForwardAsync(body.Span, cancellationToken);
        context.Request.Body = new MemoryStream(body.ToArray(), writable: false);
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

    private static async Task<ReadOnlyMemory<byte>?> ReadBodyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.Headers.ContentEncoding.Count > 0 || request.ContentType?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) != true)
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
        catch (Exception exception) when (exception is BadHttpRequestException or IOException)
        {
            return null;
        }
    }

    /// <summary>Answers 503, after which Claude Code makes the fewest further calls (measured on 2.1.330).</summary>
    private async Task RefuseAsync(HttpContext context, GateTicket? ticket, GateRefusal refusal, string detail)
    {
        metrics.GateRefused(refusal.ToString());
        logger.LogDebug("The gate refused a request ({Refusal}): {Detail}", refusal, detail);
        if (ticket is not null && refusal.Effect() != RefusalEffect.None)
        {
            ticket.Spoil();
            if (ticket.Turn is { } turn && (refusal.Effect() is RefusalEffect.FailsTurn or RefusalEffect.Doubt))
            {
                turn.Refuse();
                await turn.TellAsync(new TurnSignal.Refused(refusal, detail), turn.Ended);
            }
        }

        context.Response.StatusCode = refusal == GateRefusal.UnknownTicket ? StatusCodes.Status404NotFound : StatusCodes.Status503ServiceUnavailable;
        context.Response.Headers["x-should-retry"] = "false";
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(RefusalBody, context.RequestAborted);
    }

    private static readonly byte[] RefusalBody = Encoding.UTF8.GetBytes("""{"type":"error","error":{"type":"api_error","message":"refused"}}""");
}
