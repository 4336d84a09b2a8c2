using System.Text;
using Relay.Domain.Fetching;
using Relay.Infrastructure.HttpFetching;

namespace Relay.UnitTests.Infrastructure.HttpFetching;

public sealed class ContentKindsTests
{
    [Theory]
    [InlineData("text/html", DocumentKind.Html)]
    [InlineData("application/xhtml+xml", DocumentKind.Html)]
    [InlineData("text/markdown", DocumentKind.Text)]
    [InlineData("application/ld+json", DocumentKind.Data)]
    [InlineData("application/rss+xml", DocumentKind.Data)]
    [InlineData("image/svg+xml", null)]
    [InlineData("text/event-stream", null)]
    [InlineData("application/pdf", null)]
    [InlineData("", null)]
    public void A_type_is_text_or_it_is_not(string type, DocumentKind? kind) => ContentKinds.Of(type).Should().Be(kind);

    [Theory]
    [InlineData("TEXT/HTML;CHARSET=UTF-8", "text/html", "UTF-8")]
    [InlineData("text/html; x=y; charset=\"koi8-r\"", "text/html", "koi8-r")]
    [InlineData(" text/plain ", "text/plain", null)]
    [InlineData("text/html; charset=", "text/html", null)]
    public void A_header_is_read_as_sites_write_it(string header, string type, string? charset) =>
        ContentKinds.Read(header).Should().Be((type, charset));

    [Theory]
    [InlineData("  <!doctype html>", DocumentKind.Html)]
    [InlineData("plain words", DocumentKind.Text)]
    [InlineData("", DocumentKind.Text)]
    [InlineData("a\u0000b", null)]
    [InlineData("%PDF-1.7", null)]
    public void A_body_without_a_type_is_read_by_its_bytes(string body, DocumentKind? kind) =>
        ContentKinds.Sniff(Encoding.UTF8.GetBytes(body)).Should().Be(kind);
}
