using System.Buffers;
using System.Text;
using Relay.Application.Fetching;
using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.Infrastructure.Html;

/// <summary>Decodes a document, reads its metadata, brings it into the form that was asked for, and cuts a piece of that form.</summary>
internal sealed class PageReader : IPageReader
{
    public Result<Page> Read(FetchedDocument document, PageView view, CancellationToken cancellationToken)
    {
        if (document.Kind == DocumentKind.Pdf)
        {
            return ReadPdf(document, view, cancellationToken);
        }

        var decoded = PageDecoder.Decode(document.Body, document.Charset, document.Kind, document.IsWhole);
        var head =
            document.Kind == DocumentKind.Html
                ? PageMetadataReader.Read(decoded.Utf8.Span, document.Url, cancellationToken)
                : new PageHead(PageMetadata.None, document.Url);
        var (content, isRenderedWhole) =
            document.Kind == DocumentKind.Html ? Render(decoded.Utf8, view, head, cancellationToken) : (decoded.Utf8, true);
        var isWhole = document.IsWhole && isRenderedWhole;
        if (document.Kind == DocumentKind.Data && (view.Offset > 0 || content.Length > view.MaxBytes))
        {
            return new RelayError(
                ErrorCode.TooLarge,
                $"The document has {content.Length} bytes, and JSON and XML are not cut. Ask for it whole, with 'max_bytes' of up to "
                    + $"{FetchRequest.MaxMaxBytes}.",
                "max_bytes"
            );
        }

        if (
            !Cut(content, isWhole, document.Kind == DocumentKind.Html, view, decoded.Charset, head.Metadata)
                .TryGet(out var page, out var error)
        )
        {
            return error;
        }

        var need = document.Kind == DocumentKind.Html ? ShellDetector.Find(decoded.Utf8.Span, cancellationToken) : null;
        return page with
        {
            NeedsScripts = need,
            Data = need is null ? Page.NoData : ShellDetector.ReadData(decoded.Utf8.Span, cancellationToken),
        };
    }

    /// <summary>Reads the page of a PDF, whose extracted text becomes markup, so that the rules of every form apply.</summary>
    private static Result<Page> ReadPdf(FetchedDocument document, PageView view, CancellationToken cancellationToken)
    {
        var text = document.Pdf ?? throw new InvalidOperationException("The text of the PDF was not read.");
        ReadOnlyMemory<byte> content = PdfMarkup.Write(text);
        var isWhole = document.IsWhole && text.IsWhole;
        if (view.Format != PageFormat.Html)
        {
            var rendering = Render(content.Span, view.Format, document.Url, cancellationToken);
            (content, isWhole) = (Encoding.UTF8.GetBytes(rendering.Text), isWhole && rendering.IsWhole);
        }

        return Cut(content, isWhole, isHtml: true, view, charset: null, PageMetadata.None with { Title = text.Title })
            .TryGet(out var page, out var error)
            ? page with
            {
                Pages = text.PageCount,
            }
            : error;
    }

    private static Result<Page> Cut(
        ReadOnlyMemory<byte> content,
        bool isWhole,
        bool isHtml,
        PageView view,
        string? charset,
        PageMetadata metadata
    )
    {
        if (
            ContentCutter.Cut(content.Span, isHtml && view.Format == PageFormat.Html, view.Offset, view.MaxBytes, out var problem)
            is not { } piece
        )
        {
            return problem == CutProblem.OffsetBehindEnd
                ? RelayError.Invalid("offset", "'offset' is beyond the end of the page. Send the 'next_offset' of the reply before.")
                : new RelayError(
                    ErrorCode.TooLarge,
                    $"The content at this offset can't be cut to {view.MaxBytes} bytes: a tag is larger. Raise 'max_bytes'.",
                    "max_bytes"
                );
        }

        return new Page(
            content[piece.Start..piece.End],
            isWhole ? piece.TotalChars : null,
            piece.NextOffset,
            piece.NextOffset is not null || !isWhole,
            charset,
            metadata
        );
    }

    private static (ReadOnlyMemory<byte> Content, bool IsWhole) Render(
        ReadOnlyMemory<byte> html,
        PageView view,
        PageHead head,
        CancellationToken cancellationToken
    )
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
        var rendering = Render(readable, view.Format, head.BaseUrl, cancellationToken);
        return (Encoding.UTF8.GetBytes(rendering.Text), rendering.IsWhole);
    }

    private static Rendering Render(ReadOnlySpan<byte> html, PageFormat format, Uri baseUrl, CancellationToken cancellationToken) =>
        format == PageFormat.Markdown
            ? PageRenderer.ToMarkdown(html, baseUrl, cancellationToken)
            : PageRenderer.ToText(html, baseUrl, cancellationToken);
}
