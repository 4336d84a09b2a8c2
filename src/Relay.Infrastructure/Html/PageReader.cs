using Relay.Application.Fetching;
using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.Infrastructure.Html;

internal sealed class PageReader : IPageReader
{
    public Result<Page> Read(FetchedDocument document, PageView view) => new Page(document.Body, document.Body.Length, null, !document.IsWhole, "utf-8", PageMetadata.None);
}
