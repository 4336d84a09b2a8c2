using System.Globalization;
using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Relay.Application.Diagnostics;
using Relay.Application.Serving;
using Relay.Application.Timing;
using Relay.Domain.Fetching;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.Diagnostics;

/// <summary>Asks the relay that listens at <c>HOST</c> and <c>PORT</c> for its state, under a name that it answers to.</summary>
internal sealed class RelayProbe(IOptions<ServerOptions> options, TimeProvider clock) : IRunningRelay
{
    private const int MaxAnswerBytes = 64 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public async Task<RunningRelay> AskAsync(CancellationToken cancellationToken)
    {
        var address = IPAddress.Parse(options.Value.Host);
        var reachable =
            address.Equals(IPAddress.Any) ? IPAddress.Loopback
            : address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback
            : address;
        var url = new UriBuilder(Uri.UriSchemeHttp, reachable.ToString(), options.Value.Port).Uri;
        // The relay answers to its own names only. An address that stands for all addresses is not a name.
        var name = !reachable.Equals(address) && options.Value.AllowedHosts is [var first, ..] ? HostName.Read(first) ?? first : null;
        using var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
        };
        using var client = new HttpMessageInvoker(handler, disposeHandler: false);
        if (await GetAsync(client, new Uri(url, "/health"), name, cancellationToken) is not { } alive || !IsOk(alive))
        {
            return new RunningRelay(url, Answers: false, IsReady: false, []);
        }

        return await GetAsync(client, new Uri(url, "/health/ready"), name, cancellationToken) is { } ready
            ? new RunningRelay(url, Answers: true, IsOk(ready), [.. Problems(ready)])
            {
                ClaudeVersion = ready.Text("claude_version"),
                VerifiedAt = DateTimeOffset.TryParse(ready.Text("lockdown_verified_at"), CultureInfo.InvariantCulture, out var at)
                    ? at
                    : null,
            }
            : new RunningRelay(url, Answers: true, IsReady: false, []);
    }

    /// <summary>The answer, if it is JSON.</summary>
    private async Task<JsonElement?> GetAsync(HttpMessageInvoker client, Uri url, string? name, CancellationToken cancellationToken)
    {
        using var deadline = new Deadline(Patience, clock, cancellationToken);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.Host = name;
            using var response = await client.SendAsync(request, deadline.Token);
            await response.Content.LoadIntoBufferAsync(MaxAnswerBytes, deadline.Token);
            return JsonElement.Parse(await response.Content.ReadAsByteArrayAsync(deadline.Token));
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

    private static bool IsOk(JsonElement answer) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("ok", out var ok) && ok.ValueKind == JsonValueKind.True;

    private static IEnumerable<RunningRelayProblem> Problems(JsonElement answer) =>
        answer.ValueKind == JsonValueKind.Object
        && answer.TryGetProperty("problems", out var problems)
        && problems.ValueKind == JsonValueKind.Array
            ? problems
                .EnumerateArray()
                .Where(problem => problem.ValueKind == JsonValueKind.Object)
                .Select(problem => new RunningRelayProblem(Text(problem, "code"), Text(problem, "message")))
            : [];

    private static string Text(JsonElement problem, string name) =>
        problem.TryGetProperty(name, out var text) ? text.ToString() : string.Empty;
}
