using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.Application.Fetching;

/// <summary>What of a document is wanted.</summary>
/// <param name="Format">The content's form.</param>
/// <param name="Strip">Whether HTML goes without what only a browser needs.</param>
/// <param name="MaxBytes">Most UTF-8 bytes of content.</param>
/// <param name="Offset">Where to begin in the content, in Unicode code points.</param>
public sealed record PageView(PageFormat Format, bool Strip, int MaxBytes, long Offset);

/// <summary>Turns a document into a page: decodes, strips, renders and cuts it.</summary>
public interface IPageReader
{
    /// <summary>The page. The time that it takes grows with the document only, and ends soon after it is stopped.</summary>
    /// <param name="document">The document.</param>
    /// <param name="view">The part and the form that are wanted.</param>
    /// <param name="cancellationToken">The caller has left, or the page took too long.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    /// <returns>
    /// The page, or <see cref="ErrorCode.TooLarge"/> where a piece that fits would have to be cut inside a tag, or where the
    /// document is of a kind that is never cut; <see cref="ErrorCode.InvalidRequest"/> for an offset behind its end.
    /// </returns>
    Result<Page> Read(FetchedDocument document, PageView view, CancellationToken cancellationToken);
}
