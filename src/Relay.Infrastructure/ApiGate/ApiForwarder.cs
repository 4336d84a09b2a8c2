using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Application.Quotas;
using Relay.Domain.Quotas;
using Relay.Infrastructure.ClaudeCode;
using Yarp.ReverseProxy.Forwarder;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// Sends proven requests to the Messages API over one pool of connections: HTTP/2 where the API speaks it, TLS, and the proxy and
/// certificates that <c>CLAUDE_PASS_ENV</c> names.
/// </summary>
internal sealed partial class ApiForwarder : IDisposable
{
    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,80}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex RequestId();

    /// <summary>Longest error body that is read for its words.</summary>
    private const int MaxErrorBytes = 64 * 1024;

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LongestBelievedWait = TimeSpan.FromDays(8);

    private readonly IHttpForwarder _forwarder;
    private readonly Lazy<Connection> _api;
    private readonly ApiCredentials _credentials;
    private readonly IAccountMeter _account;
    private readonly TimeProvider _clock;

    public ApiForwarder(
        IHttpForwarder forwarder,
        ApiCredentials credentials,
        IOptions<ClaudeCodeOptions> options,
        IOptions<CompletionOptions> completions,
        IConfiguration configuration,
        IAccountMeter account,
        TimeProvider clock
    )
    {
        (_forwarder, _credentials, _account, _clock) = (forwarder, credentials, account, clock);
        // Later, on first use: relayctl makes a gate with invalid settings, too, to report them.
        _api = new Lazy<Connection>(() =>
            new Connection(
                new HttpMessageInvoker(CreateHandler(options.Value, configuration)),
                options.Value.BaseUrl?.AbsoluteUri.TrimEnd('/') ?? "https://api.anthropic.com",
                new ForwarderRequestConfig
                {
                    Version = HttpVersion.Version20,
                    VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
                    // The engine ends a silent turn itself; this is the last bound.
                    ActivityTimeout = completions.Value.IdleTimeout + TimeSpan.FromSeconds(10),
                    AllowResponseBuffering = false,
                }
            )
        );
    }

    /// <summary>Forwards a request, whose body is set already, and tells the turn the answer.</summary>
    public async Task ForwardAsync(HttpContext context, GateTurn turn, CancellationToken cancellationToken)
    {
        var claudeCode = context.Response.Body;
        if (await _credentials.GetHeaderAsync(cancellationToken) is not { } credential)
        {
            turn.Fail(StatusCodes.Status401Unauthorized);
            await turn.TellAsync(
                new TurnSignal.ApiFailed(new ApiFailure(StatusCodes.Status401Unauthorized, null, null, null), MayRepeat: false),
                cancellationToken
            );
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }

        await turn.ForwardAsync(cancellationToken);
        var api = _api.Value;
        var exchange = new Exchange(credential, turn, _account, _clock);
        var tap = new AnswerTap(claudeCode, turn);
        var errors = new ErrorBody(claudeCode, MaxErrorBytes);
        exchange.BodyOf = status => context.Response.Body = status == StatusCodes.Status200OK ? tap : errors;
        var outcome = await _forwarder.SendAsync(context, api.Destination, api.Client, api.Config, exchange, cancellationToken);
        context.Response.Body = claudeCode;
        // Not the request's token: an answer that breaks off aborts the request, and the turn has to hear of it.
        if (exchange.Status is { } status and not StatusCodes.Status200OK)
        {
            await turn.TellAsync(
                new TurnSignal.ApiFailed(errors.ToFailure(status, exchange.RetryAfter) with { Limit = exchange.Limit }, exchange.MayRepeat),
                turn.Ended
            );
        }
        else if (exchange.Status is null)
        {
            await turn.TellAsync(new TurnSignal.ApiFailed(new ApiFailure(null, null, null, null), turn.Fail(status: null)), turn.Ended);
        }
        else if (!tap.IsComplete)
        {
            turn.Break(tap.HasBegun);
            await turn.TellAsync(
                tap.HasBegun
                    ? new TurnSignal.AnswerBroke()
                    : new TurnSignal.ApiFailed(new ApiFailure(null, null, null, null), MayRepeat: true),
                turn.Ended
            );
        }

        if (outcome != ForwarderError.None && context.Response.HasStarted)
        {
            // Half an answer must not look like a whole one.
            context.Abort();
        }
    }

    public void Dispose()
    {
        if (_api.IsValueCreated)
        {
            _api.Value.Client.Dispose();
        }
    }

    private static SocketsHttpHandler CreateHandler(ClaudeCodeOptions options, IConfiguration configuration)
    {
        string? Passed(string name) =>
            options.PassEnv.Contains(name, StringComparer.OrdinalIgnoreCase) && configuration[name] is { Length: > 0 } value ? value : null;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = ConnectTimeout,
            PooledConnectionLifetime = ConnectionLifetime,
            // No trace headers of the relay in a request that was proven.
            ActivityHeadersPropagator = null,
            UseProxy = false,
        };
        if ((Passed("HTTPS_PROXY") ?? Passed("HTTP_PROXY")) is { } proxy)
        {
            handler.UseProxy = true;
            handler.Proxy = new WebProxy(proxy)
            {
                BypassProxyOnLocal = true,
                BypassList =
                [
                    .. (Passed("NO_PROXY") ?? string.Empty)
                        .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                        .Select(host => Regex.Escape(host.TrimStart('.')) + "(:[0-9]+)?/?$"),
                ],
            };
        }

        if ((Passed("NODE_EXTRA_CA_CERTS") ?? Passed("SSL_CERT_FILE")) is { } file && File.Exists(file))
        {
            var roots = new X509Certificate2Collection();
            roots.ImportFromPemFile(file);
            handler.SslOptions = new SslClientAuthenticationOptions
            {
                RemoteCertificateValidationCallback = (_, certificate, chain, errors) => IsTrusted(certificate, chain, errors, roots),
            };
        }

        return handler;
    }

    /// <summary>Whether the certificate is trusted: by the system's roots, or by those of the operator's file.</summary>
    private static bool IsTrusted(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors, X509Certificate2Collection roots)
    {
        if (errors == SslPolicyErrors.None)
        {
            return true;
        }

        if (errors != SslPolicyErrors.RemoteCertificateChainErrors || certificate is not X509Certificate2 leaf)
        {
            return false;
        }

        using var custom = new X509Chain();
        custom.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        custom.ChainPolicy.CustomTrustStore.AddRange(roots);
        custom.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        foreach (var element in chain?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
        {
            custom.ChainPolicy.ExtraStore.Add(element.Certificate);
        }

        return custom.Build(leaf);
    }

    private sealed record Connection(HttpMessageInvoker Client, string Destination, ForwarderRequestConfig Config);

    /// <summary>Composes the headers of the request and of the answer from lists, and notes the answer's status.</summary>
    private sealed class Exchange(KeyValuePair<string, string> credential, GateTurn turn, IAccountMeter account, TimeProvider clock)
        : HttpTransformer
    {
        public Action<int>? BodyOf { get; set; }

        public int? Status { get; private set; }

        public TimeSpan? RetryAfter { get; private set; }

        public UpstreamLimit? Limit { get; private set; }

        /// <summary>Whether the same request may come again after an error.</summary>
        public bool MayRepeat { get; private set; }

        public override ValueTask TransformRequestAsync(
            HttpContext httpContext,
            HttpRequestMessage proxyRequest,
            string destinationPrefix,
            CancellationToken cancellationToken
        )
        {
            // Not the path as it came: it holds the ticket.
            proxyRequest.RequestUri = new Uri($"{destinationPrefix}/v1/messages?beta=true");
            foreach (var (name, value) in RequestHeaders.Outgoing(httpContext.Request.Headers))
            {
                proxyRequest.Headers.TryAddWithoutValidation(name, value);
            }

            proxyRequest.Content!.Headers.TryAddWithoutValidation("Content-Type", "application/json");
            proxyRequest.Content.Headers.ContentLength = httpContext.Request.Body.Length;
            proxyRequest.Headers.TryAddWithoutValidation(credential.Key, credential.Value);
            return ValueTask.CompletedTask;
        }

        public override async ValueTask<bool> TransformResponseAsync(
            HttpContext httpContext,
            HttpResponseMessage? proxyResponse,
            CancellationToken cancellationToken
        )
        {
            if (proxyResponse is null)
            {
                return true;
            }

            Status = (int)proxyResponse.StatusCode;
            RetryAfter = ReadRetryAfter(proxyResponse);
            Limit = AccountLimitHeaders.ReadRejection(proxyResponse.Headers);
            account.Report(AccountLimitHeaders.ReadUses(proxyResponse.Headers, turn.Expectation.Family));
            if (Status != StatusCodes.Status200OK)
            {
                // Now, before Claude Code reads the error: its next request may come at once.
                MayRepeat = turn.Fail(Status);
            }

            httpContext.Response.StatusCode = Status.Value;
            httpContext.Response.ContentType = proxyResponse.Content.Headers.ContentType?.ToString();
            foreach (var name in (string[])["request-id", "retry-after", "x-should-retry"])
            {
                if (proxyResponse.Headers.TryGetValues(name, out var values))
                {
                    httpContext.Response.Headers[name] = values.ToArray();
                }
            }

            var id = httpContext.Response.Headers["request-id"].ToString();
            await turn.TellAsync(new TurnSignal.Responded(RequestId().IsMatch(id) ? id : null), cancellationToken);
            BodyOf?.Invoke(Status.Value);
            return true;
        }

        private TimeSpan? ReadRetryAfter(HttpResponseMessage response)
        {
            var wait =
                response.Headers.RetryAfter?.Delta ?? (response.Headers.RetryAfter?.Date is { } date ? date - clock.GetUtcNow() : null);
            return wait is { } pause && pause > TimeSpan.Zero && pause < LongestBelievedWait ? pause : null;
        }
    }

    /// <summary>An error's body on its way to Claude Code. Its first bytes are kept for the error's message.</summary>
    private sealed class ErrorBody(Stream claudeCode, int maxBytes) : ObservedStream(claudeCode)
    {
        private readonly MemoryStream _kept = new();

        public ApiFailure ToFailure(int status, TimeSpan? retryAfter)
        {
            try
            {
                using var document = JsonDocument.Parse(_kept.ToArray());
                var error = document.RootElement.Member("error");
                return new ApiFailure(status, error?.Text("type"), error?.Text("message"), retryAfter);
            }
            catch (JsonException)
            {
                return new ApiFailure(status, null, null, retryAfter);
            }
        }

        protected override ValueTask ObserveAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
        {
            _kept.Write(buffer.Span[..(int)Math.Min(buffer.Length, maxBytes - _kept.Length)]);
            return ValueTask.CompletedTask;
        }
    }
}
