using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.Application.Fetching;

/// <summary>The part and the form of a document that are wanted.</summary>
/// <param name="Format">The content's form.</param>
/// <param name="Strip">Whether HTML is stripped of everything that only a browser needs.</param>
/// <param name="MaxBytes">Most UTF-8 bytes of content.</param>
/// <param name="Offset">The place in the content to begin at, in Unicode code points.</param>
public sealed record PageView(PageFormat Format, bool Strip, int MaxBytes, long Offset);

/// <summary>Turns a document into a page: decodes, strips, renders and cuts it.</summary>
public interface IPageReader
{
    /// <summary>Reads a page. The time grows with the document only, and the work ends soon after it is cancelled.</summary>
    /// <param name="document">The document.</param>
    /// <param name="view">The part and the form that are wanted.</param>
    /// <param name="cancellationToken">Cancelled when the caller leaves, or when the page takes too long.</param>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    /// <returns>
    /// The page, or <see cref="ErrorCode.TooLarge"/> where a piece that fits would have to be cut inside a tag, or where the
    /// document is of a kind that is never cut; <see cref="ErrorCode.InvalidRequest"/> for an offset behind its end.
    /// </returns>
    Result<Page> Read(FetchedDocument document, PageView view, CancellationToken cancellationToken);
}
