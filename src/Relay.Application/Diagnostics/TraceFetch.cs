using FluentValidation;
using MediatR;
using Relay.Application.Fetching;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.Application.Diagnostics;

/// <summary>
/// Fetches one page as the relay would, and reports each step. It is for the operator only, because it tells facts that <c>/v1/fetch</c>
/// keeps from callers. Counts against no key.
/// </summary>
public sealed record TraceFetchQuery(string Url) : IRequest<Result<Diagnosis>>;

internal sealed class TraceFetchValidator : AbstractValidator<TraceFetchQuery>
{
    public TraceFetchValidator() =>
        RuleFor(query => query.Url).NotEmpty().WithRelayError(ErrorCode.InvalidRequest, "url", "The URL is missing: the page to fetch.");
}

internal sealed class TraceFetchHandler(IPageFetcher fetcher, IPageReader reader, IPdfReader pdfs, FetchPolicy policy, TimeProvider clock)
    : IRequestHandler<TraceFetchQuery, Result<Diagnosis>>
{
    private const string Caller = "relayctl";

    public async Task<Result<Diagnosis>> Handle(TraceFetchQuery query, CancellationToken cancellationToken)
    {
        var started = clock.GetTimestamp();
        var findings = new List<Finding>();
        void Note(FetchStep step) =>
            findings.Add(
                new Finding(
                    step.Name,
                    step.IsGood ? FindingStatus.Pass : FindingStatus.Fail,
                    FormattableString.Invariant($"{step.Detail} ({clock.GetElapsedTime(started).TotalMilliseconds:0} ms)")
                )
            );

        var trace = new FetchTrace { Watch = Note };
        if (FetchUrl.Parse(query.Url, policy.Rules, out var refusal) is not { } url)
        {
            trace.Tell(
                "url",
                isGood: false,
                $"Refused by its text, before any look-up: {refusal.WireName()}. {refusal.ToError(policy.Rules).Message}"
            );
            return new Diagnosis(findings);
        }

        trace.Tell("url", isGood: true, $"Its text is allowed: host {url.Host}, port {url.Port}.");
        if (
            (await fetcher.FetchAsync(url, PageFormat.Markdown, acceptLanguage: null, Caller, trace, cancellationToken)).TryGet(
                out var reply,
                out var error
            )
        )
        {
            error = await ReadAsync(reply, trace, cancellationToken);
        }

        if (error is not null)
        {
            trace.Tell("answer_to_callers", isGood: false, $"{error.WireName}: {error.Message}");
        }

        return new Diagnosis(findings);
    }

    /// <returns>The reason why there is no page; null when there is one.</returns>
    private async Task<RelayError?> ReadAsync(FetchReply reply, FetchTrace trace, CancellationToken cancellationToken)
    {
        var document = reply.Document;
        if (document.Kind == DocumentKind.Pdf)
        {
            if (!(await pdfs.ReadAsync(document.Body, Caller, cancellationToken)).TryGet(out var text, out var unread))
            {
                return unread;
            }

            trace.Tell("pdf", isGood: true, $"{text.Pages.Count} of {text.PageCount} pages were read.");
            document = document with { Pdf = text };
        }

        if (
            !reader
                .Read(document, new PageView(PageFormat.Markdown, Strip: true, FetchRequest.MaxMaxBytes, 0), cancellationToken)
                .TryGet(out var page, out var error)
        )
        {
            return error;
        }

        var title = page.Metadata.Title is { } known ? $"'{known}'" : "missing";
        var end = page.IsTruncated ? ", and there is more" : string.Empty;
        trace.Tell(
            "render",
            isGood: true,
            $"Markdown of {page.Content.Length:N0} bytes, charset {page.Charset ?? "unknown"}, title {title}{end}."
        );
        if (page.NeedsScripts is { } need)
        {
            trace.Tell("scripts", isGood: true, $"The page seems to need its scripts: {need}.");
        }

        return null;
    }
}
