using System.Buffers;
using System.Text;
using Relay.Application.Fetching;
using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.Infrastructure.Html;

/// <summary>Decodes a document, reads what it says about itself, brings it into the form that was asked for, and cuts a piece of that.</summary>
internal sealed class PageReader : IPageReader
{
    /// <inheritdoc/>
    public Result<Page> Read(FetchedDocument document, PageView view, CancellationToken cancellationToken)
    {
        var decoded = PageDecoder.Decode(document.Body, document.Charset, document.Kind, document.IsWhole);
        var head = document.Kind == DocumentKind.Html ? PageMetadataReader.Read(decoded.Utf8.Span, document.Url, cancellationToken) : new PageHead(PageMetadata.None, document.Url);
        var (content, isRenderedWhole) = document.Kind == DocumentKind.Html ? Render(decoded.Utf8, view, head, cancellationToken) : (decoded.Utf8, true);
        var isWhole = document.IsWhole && isRenderedWhole;
        if (document.Kind == DocumentKind.Data && (view.Offset > 0 || content.Length > view.MaxBytes))
        {
            return new RelayError(
                ErrorCode.TooLarge, $"The document has {content.Length} bytes, and JSON and XML are not cut. Ask for it whole, with 'max_bytes' of up to {FetchRequest.MaxMaxBytes}.", "max_bytes");
        }

        var isMarkup = document.Kind == DocumentKind.Html && view.Format == PageFormat.Html;
        if (ContentCutter.Cut(content.Span, isMarkup, view.Offset, view.MaxBytes, out var problem) is not { } piece)
        {
            return problem == CutProblem.OffsetBehindEnd
                ? RelayError.Invalid("offset", "'offset' is behind the end of the page.")
                : new RelayError(ErrorCode.TooLarge, $"What begins at this offset can't be cut to {view.MaxBytes} bytes: a tag is larger. Raise 'max_bytes'.", "max_bytes");
        }

        var need = document.Kind == DocumentKind.Html ? ShellDetector.Find(decoded.Utf8.Span, cancellationToken) : null;
        return new Page(
            content[piece.Start..piece.End],
            isWhole ? piece.TotalChars : null,
            piece.NextOffset,
            piece.NextOffset is not null || !isWhole,
            decoded.Charset,
            head.Metadata)
        {
            NeedsScripts = need,
            Data = need is null ? Page.NoData : ShellDetector.ReadData(decoded.Utf8.Span, cancellationToken),
        };
    }

    private static (ReadOnlyMemory<byte> Content, bool IsWhole) Render(ReadOnlyMemory<byte> html, PageView view, PageHead head, CancellationToken cancellationToken)
    {
        if (view is { Format: PageFormat.Html, Strip: false })
        {
            return (html, true);
        }

        var stripped = new ArrayBufferWriter<byte>(Math.Max(256, html.Length));
        HtmlStripper.Strip(html.Span, stripped, cancellationToken);
        if (view.Format == PageFormat.Html)
        {
            return (stripped.WrittenMemory, true);
        }

        var readable = (ReadablePart.Find(stripped.WrittenSpan, head.Metadata.Title, cancellationToken) ?? stripped.WrittenMemory).Span;
        var rendering = view.Format == PageFormat.Markdown
            ? PageRenderer.ToMarkdown(readable, head.BaseUrl, cancellationToken)
            : PageRenderer.ToText(readable, head.BaseUrl, cancellationToken);
        return (Encoding.UTF8.GetBytes(rendering.Text), rendering.IsWhole);
    }
}
