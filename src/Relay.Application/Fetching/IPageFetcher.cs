using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.Application.Fetching;

/// <summary>A redirect, or a page's own refresh, that was followed.</summary>
/// <param name="Url">The page that answered it.</param>
/// <param name="Status">Its HTTP status.</param>
public sealed record FollowedRedirect(Uri Url, int Status);

/// <summary>The answer of a site.</summary>
/// <param name="Status">The HTTP status, also of an error page.</param>
/// <param name="ContentType">The <c>Content-Type</c> header, as sent; null for none.</param>
/// <param name="Redirects">The redirects in the order in which they were followed.</param>
/// <param name="Document">The document.</param>
public sealed record FetchReply(int Status, string? ContentType, IReadOnlyList<FollowedRedirect> Redirects, FetchedDocument Document)
{
    /// <summary>
    /// The target of the page's own refresh that the relay did not follow, because it comes later or is one too many. Null for none.
    /// </summary>
    public Uri? RefreshUrl { get; init; }
}

/// <summary>One step of a fetch.</summary>
/// <param name="Name">The step, as one word.</param>
/// <param name="IsGood">Whether the fetch can go on.</param>
/// <param name="Detail">One sentence, for the operator.</param>
public sealed record FetchStep(string Name, bool IsGood, string Detail);

/// <summary>Fetches pages of the public web.</summary>
public interface IPageFetcher
{
    /// <summary>Fetches one page, and follows its redirects.</summary>
    /// <param name="url">The URL to begin with.</param>
    /// <param name="format">The form that is wanted. The fetcher asks the site for it.</param>
    /// <param name="acceptLanguage">The languages wanted; null for the relay's default.</param>
    /// <param name="caller">The id of the key that asks.</param>
    /// <param name="trace">Gets the details of the fetch.</param>
    /// <param name="cancellationToken">Cancelled when the caller leaves: the connection is closed at once.</param>
    /// <returns>
    /// The answer, or <see cref="ErrorCode.FetchFailed"/>, <see cref="ErrorCode.Timeout"/>, <see cref="ErrorCode.TooLarge"/>,
    /// <see cref="ErrorCode.UnsupportedContentType"/> or <see cref="ErrorCode.Overloaded"/>.
    /// </returns>
    /// <exception cref="OperationCanceledException">The caller left.</exception>
    Task<Result<FetchReply>> FetchAsync(
        FetchUrl url,
        PageFormat format,
        string? acceptLanguage,
        string caller,
        FetchTrace trace,
        CancellationToken cancellationToken
    );
}
