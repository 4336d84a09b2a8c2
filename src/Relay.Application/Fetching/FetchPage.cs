using System.Diagnostics;
using MediatR;
using Microsoft.Extensions.Options;
using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Application.Telemetry;
using Relay.Application.Timing;
using Relay.Domain;
using Relay.Domain.Fetching;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Application.Fetching;

/// <summary>A page of the public web, in the form that was asked for. Takes from the key's own limits of pages.</summary>
public sealed record FetchPageCommand(RequestContext Context, FetchRequest Request) : IRequest<Result<FetchedPage>>, IAdmissible
{
    public QuotaBucket Bucket => QuotaBucket.Fetches;
}

public sealed record FetchedPage(FetchReply Reply, Page Page);

/// <summary>Judges the URL's text behind admission: a refused URL is charged, so that trying out the rules is not free.</summary>
internal sealed class FetchPageHandler(
    IPageFetcher fetcher,
    IPageReader reader,
    IPdfReader pdfs,
    FetchPolicy policy,
    IOptions<FetchOptions> options,
    RelayMetrics metrics,
    TimeProvider clock
) : IRequestHandler<FetchPageCommand, Result<FetchedPage>>
{
    /// <summary>
    /// Failures are answered only at whole multiples of this time. A private address, an unknown name and a refused connection take
    /// different times, which would tell them apart. The time counts from the last hop, because a site may redirect just before the next
    /// multiple. It includes the wait for a place at that host, because that wait depends on requests before it.
    /// </summary>
    private static readonly TimeSpan FailureStep = TimeSpan.FromSeconds(1);

    public async Task<Result<FetchedPage>> Handle(FetchPageCommand command, CancellationToken cancellationToken)
    {
        var started = clock.GetTimestamp();
        var (context, request) = (command.Context, command.Request);
        var trace = context.Fetch = new FetchTrace();
        var result = await MeasureAsync(context.Caller, request, trace, cancellationToken);
        if (result.Error?.Code == ErrorCode.FetchFailed)
        {
            var elapsed = clock.GetElapsedTime(trace.HopBeganAt ?? started);
            await Task.Delay(FailureStep - TimeSpan.FromTicks(elapsed.Ticks % FailureStep.Ticks), clock, cancellationToken);
        }

        return result;
    }

    private async Task<Result<FetchedPage>> MeasureAsync(
        ApiKey caller,
        FetchRequest request,
        FetchTrace trace,
        CancellationToken cancellationToken
    )
    {
        var started = clock.GetTimestamp();
        using var span = RelayTracing.Source.StartActivity("fetch", ActivityKind.Client);
        string? outcome = null;
        try
        {
            var result = await FetchAsync(caller, request, trace, span, started, cancellationToken);
            outcome = trace.Failure ?? result.Error?.WireName;
            return result;
        }
        catch (Exception exception)
        {
            outcome = ErrorName.Of(exception, cancellationToken);
            throw;
        }
        finally
        {
            span?.SetTag("server.address", trace.Host);
            span.SetError(outcome);
            metrics.PageFetched(outcome, clock.GetElapsedTime(started));
        }
    }

    private async Task<Result<FetchedPage>> FetchAsync(
        ApiKey caller,
        FetchRequest request,
        FetchTrace trace,
        Activity? span,
        long started,
        CancellationToken cancellationToken
    )
    {
        if (FetchUrl.Parse(request.Url, policy.Rules, out var refusal) is not { } url)
        {
            trace.Failure = refusal.WireName();
            return refusal.ToError(policy.Rules);
        }

        if (
            !(await fetcher.FetchAsync(url, request.Format, request.AcceptLanguage, caller.Id, trace, cancellationToken)).TryGet(
                out var reply,
                out var error
            )
        )
        {
            return error;
        }

        span?.SetTag("http.response.status_code", reply.Status);
        span?.SetTag("relay.fetch.redirects", reply.Redirects.Count);
        return await ReadAsync(reply, request, caller, trace, started, cancellationToken);
    }

    /// <summary>Reads the page in the rest of <c>FETCH_TIMEOUT</c>.</summary>
    private async Task<Result<FetchedPage>> ReadAsync(
        FetchReply reply,
        FetchRequest request,
        ApiKey caller,
        FetchTrace trace,
        long started,
        CancellationToken cancellationToken
    )
    {
        var left = options.Value.Timeout - clock.GetElapsedTime(started);
        using var deadline = new Deadline(left > TimeSpan.Zero ? left : TimeSpan.Zero, clock, cancellationToken);
        try
        {
            if (reply.Document.Kind == DocumentKind.Pdf)
            {
                if (!(await ReadPdfAsync(reply.Document, caller, trace, deadline.Token)).TryGet(out var document, out var unread))
                {
                    return unread;
                }

                reply = reply with { Document = document };
            }

            return reader
                .Read(reply.Document, new PageView(request.Format, request.Strip, request.MaxBytes, request.Offset), deadline.Token)
                .TryGet(out var page, out var error)
                ? new FetchedPage(reply, page)
                : error;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            trace.Failure = "reading_timeout";
            return new RelayError(
                ErrorCode.Timeout,
                $"The page was not read within {options.Value.Timeout.TotalSeconds:0.###} s. Ask for it as HTML without 'strip'."
            );
        }
    }

    private async Task<Result<FetchedDocument>> ReadPdfAsync(
        FetchedDocument document,
        ApiKey caller,
        FetchTrace trace,
        CancellationToken cancellationToken
    )
    {
        if ((await pdfs.ReadAsync(document.Body, caller.Id, cancellationToken)).TryGet(out var text, out var error))
        {
            return document with { Pdf = text };
        }

        if (error.Code != ErrorCode.UnsupportedContentType)
        {
            return error;
        }

        trace.Failure = "pdf_unreadable";
        return document.IsWhole
            ? error
            : new RelayError(
                ErrorCode.TooLarge,
                $"The PDF is larger than {options.Value.MaxPageBytes} bytes, so only its beginning was read, and it can't be read without "
                    + "its end. The operator can raise FETCH_MAX_PAGE_BYTES."
            );
    }
}
