using System.Net;
using System.Net.NetworkInformation;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Polly.CircuitBreaker;
using Relay.Application.Fetching;
using Relay.Application.Timing;
using Relay.Domain;
using Relay.Domain.Fetching;
using Relay.Infrastructure.Html;

namespace Relay.Infrastructure.HttpFetching;

/// <summary>
/// Follows redirects itself, judging each target like the first URL, and reads the last answer. One deadline covers everything.
/// Failures to reach a page have one answer, because a difference would tell a caller what is inside the relay's network. The exceptions
/// tell nothing about an address inside: the deadline, a busy host (counted before the look-up), and a page that came but is not read.
/// </summary>
internal sealed class PageFetcher(
    IHttpClientFactory clients,
    FetchResilience resilience,
    FetchPolicy policy,
    IOptions<FetchOptions> options,
    TimeProvider clock,
    ILogger<PageFetcher> logger
) : IPageFetcher
{
    /// <summary>The named client, put together in <see cref="DependencyInjection"/>.</summary>
    public const string Client = "fetch";

    public const int MaxRedirects = 5;

    /// <summary>A page that refreshes itself within these seconds is a redirect.</summary>
    private const double MaxRefreshDelay = 1;

    private static readonly RelayError Failed = new(
        ErrorCode.FetchFailed,
        "The page could not be fetched. Check that the URL opens in a browser on the public internet; the relay does not say "
            + "whether the name, the address or the site failed."
    );

    public async Task<Result<FetchReply>> FetchAsync(
        FetchUrl url,
        PageFormat format,
        string? acceptLanguage,
        string caller,
        FetchTrace trace,
        CancellationToken cancellationToken
    )
    {
        using var deadline = new Deadline(options.Value.Timeout, clock, cancellationToken);
        try
        {
            return await FollowAsync(
                new Visit(
                    url,
                    format,
                    acceptLanguage,
                    caller,
                    trace,
                    new FetchCookies(),
                    clock.GetTimestamp() + (long)(options.Value.Timeout.TotalSeconds * clock.TimestampFrequency)
                ),
                deadline.Token
            );
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (OperationCanceledException) when (deadline.HasPassed)
        {
            trace.Failure = NameOf(FetchFault.UpstreamTimeout);
            trace.Tell("failure", isGood: false, $"{trace.Failure}: not within {options.Value.Timeout.TotalSeconds} s.");
            return new RelayError(ErrorCode.Timeout, $"The page did not come within {options.Value.Timeout.TotalSeconds:0.###} s.");
        }
        catch (Exception exception)
            when (exception
                    is HttpRequestException
                        or FetchFaultException
                        or BrokenCircuitException
                        or IOException
                        or InvalidDataException
                        or OperationCanceledException
                        or NetworkInformationException
            )
        {
            var fault = FaultOf(exception);
            trace.Failure = NameOf(fault);
            trace.Tell("failure", isGood: false, $"{trace.Failure}: {exception.GetBaseException().Message}");
            logger.LogDebug(
                "A page of {Host} was not fetched: {Failure}: {Reason}",
                trace.Host,
                trace.Failure,
                exception.GetBaseException().Message
            );
            return fault == FetchFault.HostBusy
                ? new RelayError(
                    ErrorCode.Overloaded,
                    "Too many pages of this host are being fetched already. Try again later.",
                    RetryAfter: resilience.Places.BusyFor(trace.Host!)
                )
                : Failed;
        }
    }

    private async Task<Result<FetchReply>> FollowAsync(Visit visit, CancellationToken cancellationToken)
    {
        var url = visit.Url;
        var redirects = new List<FollowedRedirect>();
        while (true)
        {
            (visit.Trace.Host, visit.Trace.HopBeganAt) = (url.Host, clock.GetTimestamp());
            visit.Trace.Tell("request", isGood: true, $"GET {url.Uri.AbsoluteUri}");
            using var place = await resilience.Places.EnterAsync(url.Host, visit.Caller, cancellationToken);
            using var request = MakeRequest(url, visit);
            using var response = await clients
                .CreateClient(Client)
                .SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (options.Value.Proxy is not null && response.StatusCode == HttpStatusCode.ProxyAuthenticationRequired)
            {
                throw new FetchFaultException(FetchFault.ProxyRefused);
            }

            visit.Trace.Tell("answer", isGood: true, $"Status {(int)response.StatusCode} {response.ReasonPhrase}.");
            visit.Cookies.Keep(url.Uri, response.Headers.NonValidated.TryGetValues("Set-Cookie", out var cookies) ? cookies : []);
            if (FindRedirect(response) is not { } location)
            {
                var result = await ReadAsync(url, response, redirects, visit.Trace, cancellationToken);
                if (
                    !result.TryGet(out var reply, out _)
                    || FindRefresh(response, reply) is not { } refresh
                    || url.Resolve(refresh.Link, policy.Rules, out _) is not { } refreshed
                )
                {
                    return result;
                }

                if (!MayFollow(refresh, url, refreshed, redirects))
                {
                    visit.Trace.Tell(
                        "refresh",
                        isGood: true,
                        $"The page refreshes itself to {refreshed.Uri.AbsoluteUri} after {refresh.Delay} s, which is not followed."
                    );
                    return refreshed.Uri == url.Uri ? result : reply with { RefreshUrl = refreshed.Uri };
                }

                visit.Trace.Tell("refresh", isGood: true, $"The page refreshes itself to {refreshed.Uri.AbsoluteUri}.");
                redirects.Add(new FollowedRedirect(url.Uri, (int)response.StatusCode));
                url = refreshed;
                continue;
            }

            if (redirects.Count == MaxRedirects)
            {
                throw new FetchFaultException(FetchFault.TooManyRedirects);
            }

            redirects.Add(new FollowedRedirect(url.Uri, (int)response.StatusCode));
            if (url.Resolve(location, policy.Rules, out var refusal) is not { } next)
            {
                visit.Trace.Tell(
                    "redirect",
                    isGood: false,
                    $"It leads to '{location}', which is refused by its text: {refusal.WireName()}."
                );
                visit.Trace.Failure = refusal == UrlRefusal.InvalidUrl ? NameOf(FetchFault.BadRedirect) : refusal.WireName();
                return Failed;
            }

            visit.Trace.Tell("redirect", isGood: true, $"It leads to {next.Uri.AbsoluteUri}.");
            if (url.Uri.Scheme == Uri.UriSchemeHttps && next.Uri.Scheme != Uri.UriSchemeHttps)
            {
                throw new FetchFaultException(FetchFault.RedirectDowngrade);
            }

            url = next;
        }
    }

    /// <summary>The target to which a page sends browsers by itself: from its header, or from an element of its head.</summary>
    private static PageRefresh? FindRefresh(HttpResponseMessage response, FetchReply reply) =>
        reply.Document.Kind != DocumentKind.Html ? null
        : FirstHeader(response.Headers.NonValidated, "Refresh") is { } header && PageRefresh.Read(header) is { } found ? found
        : PageRefresh.Find(reply.Document.Body.Span);

    /// <summary>Whether a refresh is followed like a redirect. The page counts as answered also when it is not followed.</summary>
    private static bool MayFollow(PageRefresh refresh, FetchUrl from, FetchUrl to, List<FollowedRedirect> redirects) =>
        refresh is { Delay: <= MaxRefreshDelay, IsWithoutScripts: false }
        && redirects.Count < MaxRedirects
        && to.Uri != from.Uri
        && (from.Uri.Scheme != Uri.UriSchemeHttps || to.Uri.Scheme == Uri.UriSchemeHttps);

    /// <summary>
    /// Makes a request. It holds no data of another host's answer, and only the languages of the caller. HTTP/1.1, because .NET's HTTP/2
    /// fails on servers that name their other hosts (ORIGIN frames, RFC 8336), and HTTP/3 does not ask the guard.
    /// </summary>
    private HttpRequestMessage MakeRequest(FetchUrl url, Visit visit)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, url.Uri)
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Options.Set(FetchResilience.Deadline, visit.Deadline);
        request.Options.Set(GuardedConnector.Caller, visit.Caller);
        request.Options.Set(GuardedConnector.Trace, visit.Trace);
        var headers = request.Headers;
        headers.TryAddWithoutValidation("User-Agent", options.Value.UserAgent);
        headers.TryAddWithoutValidation(
            "Accept",
            visit.Format == PageFormat.Markdown
                ? "text/markdown,text/html;q=0.9,application/xhtml+xml;q=0.9,application/xml;q=0.8,*/*;q=0.7"
                : "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        );
        headers.TryAddWithoutValidation("Accept-Language", visit.AcceptLanguage ?? "en-US,en;q=0.9,*;q=0.5");
        headers.TryAddWithoutValidation("Accept-Encoding", BodyReader.AcceptEncoding);
        if (visit.Cookies.HeaderFor(url.Uri) is { } cookies)
        {
            headers.TryAddWithoutValidation("Cookie", cookies);
        }

        return request;
    }

    /// <summary>The target of a redirect; null for a page: 300, 304 and 305 are pages.</summary>
    private static string? FindRedirect(HttpResponseMessage response) =>
        response.StatusCode
            is HttpStatusCode.MovedPermanently
                or HttpStatusCode.Found
                or HttpStatusCode.SeeOther
                or HttpStatusCode.TemporaryRedirect
                or HttpStatusCode.PermanentRedirect
            ? FirstHeader(response.Headers.NonValidated, "Location")
            : null;

    private async Task<Result<FetchReply>> ReadAsync(
        FetchUrl url,
        HttpResponseMessage response,
        List<FollowedRedirect> redirects,
        FetchTrace trace,
        CancellationToken cancellationToken
    )
    {
        var headers = response.Content.Headers.NonValidated;
        if (headers.TryGetValues("Content-Length", out var lengths) && lengths.Distinct(StringComparer.Ordinal).Skip(1).Any())
        {
            throw new FetchFaultException(FetchFault.UpstreamProtocol);
        }

        var type = ContentKinds.Find(headers.TryGetValues("Content-Type", out var types) ? types : []);
        var rule = type.Reading switch
        {
            ContentReading.ByType => $"it is read as {type.Kind}",
            ContentReading.Never => "it is no text",
            _ => "its first bytes decide",
        };
        trace.Tell("type", type.Reading != ContentReading.Never, $"Content-Type is {type.Header ?? "missing"}: {rule}.");
        if (type.Reading == ContentReading.Never)
        {
            return Unsupported(trace);
        }

        var body = await BodyReader.ReadAsync(response.Content, (int)options.Value.MaxPageBytes, cancellationToken);
        var kind = ContentKinds.IsPdf(body.Bytes, isNamedText: type.Reading == ContentReading.ByType)
            ? DocumentKind.Pdf
            : type.Kind ?? ContentKinds.Sniff(body.Bytes, mustBeClear: type.Reading == ContentReading.ByClearBytes);
        var end =
            body.IsWhole ? string.Empty
            : body.IsCutOff ? ", cut off by the site"
            : ", and there is more";
        var reading = kind is null ? "no text" : $"read as {kind}";
        trace.Tell("body", kind is not null, $"{body.Bytes.Length:N0} bytes, decompressed{end}. It is {reading}.");
        if (kind is not { } known)
        {
            return Unsupported(trace);
        }

        if (body.IsCutOff && known == DocumentKind.Data)
        {
            throw new FetchFaultException(FetchFault.UpstreamProtocol);
        }

        if (!body.IsWhole && !body.IsCutOff && (known == DocumentKind.Data || options.Value.Oversize == OversizePages.Refuse))
        {
            trace.Failure = "body_too_large";
            return new RelayError(
                ErrorCode.TooLarge,
                $"The page is larger than the {options.Value.MaxPageBytes} bytes this relay reads, and is not cut."
            );
        }

        return new FetchReply(
            (int)response.StatusCode,
            type.Header,
            redirects,
            new FetchedDocument(url.Uri, known, type.Charset, body.Bytes, body.IsWhole)
        );
    }

    private static RelayError Unsupported(FetchTrace trace)
    {
        trace.Failure = "unsupported_content_type";
        return new RelayError(
            ErrorCode.UnsupportedContentType,
            "The page is not text. This relay reads HTML, XHTML, text, JSON, XML and PDF."
        );
    }

    /// <summary>The first of several values: joined they would be a value that the site did not send.</summary>
    private static string? FirstHeader(System.Net.Http.Headers.HttpHeadersNonValidated headers, string name) =>
        headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;

    private static FetchFault FaultOf(Exception exception) =>
        FetchResilience.FaultOf(exception)
        ?? exception switch
        {
            HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } => FetchFault.TlsError,
            HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } or OperationCanceledException =>
                FetchFault.UpstreamConnect,
            HttpRequestException { HttpRequestError: HttpRequestError.ProxyTunnelError } => FetchFault.ProxyRefused,
            NetworkInformationException => FetchFault.TargetForbidden,
            _ => FetchFault.UpstreamProtocol,
        };

    private static string NameOf(FetchFault fault) =>
        string.Concat(
            fault
                .ToString()
                .Select(
                    (letter, index) =>
                        char.IsAsciiLetterUpper(letter)
                            ? (index > 0 ? "_" : string.Empty) + char.ToLowerInvariant(letter)
                            : letter.ToString()
                )
        );

    /// <summary>The data that stays the same over all redirects.</summary>
    private sealed record Visit(
        FetchUrl Url,
        PageFormat Format,
        string? AcceptLanguage,
        string Caller,
        FetchTrace Trace,
        FetchCookies Cookies,
        long Deadline
    );
}
