using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Relay.Application.Diagnostics;
using Relay.Application.Serving;

namespace Relay.Infrastructure.Diagnostics;

/// <summary>Whether the relay's port is free, or a relay serves there, and then whether that relay is ready.</summary>
internal sealed class PortCheck(IOptions<ServerOptions> options, TimeProvider clock) : IDiagnosticCheck
{
    private const int MaxAnswerBytes = 64 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <inheritdoc/>
    public DiagnosticArea Area => DiagnosticArea.Machine;

    /// <inheritdoc/>
    public string Name => "port";

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Finding>> RunAsync(DiagnoseQuery query, CancellationToken cancellationToken)
    {
        var server = options.Value;
        var address = IPAddress.Parse(server.Host);
        if (server.Port == 0)
        {
            return [Finding.Pass(Name, "PORT=0: the system chooses a free one.")];
        }

        if (TryListen(address, server.Port) is not { } obstacle)
        {
            return [Finding.Pass(Name, $"{server.Host}:{server.Port} is free; no relay runs there.")];
        }

        if (obstacle != SocketError.AddressAlreadyInUse)
        {
            return [Finding.Fail(Name, $"{server.Host}:{server.Port} can't be listened on ({obstacle}).", "Choose an address of this machine for HOST, and a PORT that this user may use.")];
        }

        using var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, UseCookies = false };
        using var client = new HttpMessageInvoker(handler, disposeHandler: false);
        if (await GetAsync(client, address, "/health", cancellationToken) is not { } alive || !IsOk(alive))
        {
            return [Finding.Fail(Name, $"Another program listens on {server.Host}:{server.Port}.", "Stop it, or choose another PORT.")];
        }

        return
        [
            Finding.Pass(Name, $"A relay serves on {server.Host}:{server.Port}."),
            .. OfReadiness(await GetAsync(client, address, "/health/ready", cancellationToken)),
        ];
    }

    /// <summary>What is in the way; null when nothing is.</summary>
    private static SocketError? TryListen(IPAddress address, int port)
    {
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
            return null;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode;
        }
    }

    /// <summary>The answer, if it is JSON.</summary>
    private async Task<JsonElement?> GetAsync(HttpMessageInvoker client, IPAddress address, string path, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            var reachable = address.Equals(IPAddress.Any) ? IPAddress.Loopback : address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : address;
            using var request = new HttpRequestMessage(HttpMethod.Get, new UriBuilder(Uri.UriSchemeHttp, reachable.ToString(), options.Value.Port, path).Uri);
            if (!reachable.Equals(address) && options.Value.AllowedHosts is [var name, ..])
            {
                // The relay answers to its own names only, and an address that stands for all is none.
                request.Headers.Host = name;
            }

            using var response = await client.SendAsync(request, either.Token);
            await response.Content.LoadIntoBufferAsync(MaxAnswerBytes, either.Token);
            return JsonElement.Parse(await response.Content.ReadAsByteArrayAsync(either.Token));
        }
        catch (Exception exception) when (exception is HttpRequestException or JsonException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    private static IEnumerable<Finding> OfReadiness(JsonElement? answer)
    {
        const string check = "relay";
        if (answer is not { } ready)
        {
            return [Finding.Warn(check, "The running relay does not say whether it is ready.")];
        }

        return IsOk(ready)
            ? [Finding.Pass(check, "The running relay is ready.")]
            : [Finding.Warn(check, $"The running relay is not ready: {string.Join(" ", Problems(ready))}", "Its log says more.")];
    }

    private static bool IsOk(JsonElement answer) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("ok", out var ok) && ok.ValueKind == JsonValueKind.True;

    private static IEnumerable<string> Problems(JsonElement answer) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("problems", out var problems) && problems.ValueKind == JsonValueKind.Array
            ? problems.EnumerateArray().Select(problem => problem.ValueKind == JsonValueKind.Object && problem.TryGetProperty("message", out var message) ? message.ToString() : string.Empty)
            : [];
}
