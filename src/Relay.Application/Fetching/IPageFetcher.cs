using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.Application.Fetching;

/// <summary>A redirect, or a refresh of a page by itself, that was followed.</summary>
/// <param name="Url">The page that answered it.</param>
/// <param name="Status">Its HTTP status.</param>
public sealed record FollowedRedirect(Uri Url, int Status);

/// <summary>What a site answered.</summary>
/// <param name="Status">The HTTP status, of an error page, too.</param>
/// <param name="ContentType">The <c>Content-Type</c> header, as sent; null for none.</param>
/// <param name="Redirects">In the order in which they were followed.</param>
/// <param name="Document">The document.</param>
public sealed record FetchReply(int Status, string? ContentType, IReadOnlyList<FollowedRedirect> Redirects, FetchedDocument Document)
{
    /// <summary>
    /// Where the page says that a browser is to go on by itself, and the relay did not: later, or once too often. Null for none.
    /// </summary>
    public Uri? RefreshUrl { get; init; }
}

/// <summary>One step of a fetch.</summary>
/// <param name="Name">The step, as one word.</param>
/// <param name="IsGood">Whether the fetch can go on.</param>
/// <param name="Detail">One sentence, for the operator.</param>
public sealed record FetchStep(string Name, bool IsGood, string Detail);

/// <summary>What the operator is told of a fetch, and the caller is not.</summary>
public sealed class FetchTrace
{
    /// <summary>The host that was asked last.</summary>
    public string? Host { get; set; }

    /// <summary>
    /// The clock's timestamp of when that host's turn came, before a place at it was waited for; null for a URL that was refused.
    /// </summary>
    public long? HopBeganAt { get; set; }

    /// <summary>Why it failed, as one word.</summary>
    public string? Failure { get; set; }

    /// <summary>Called with each step; null where nobody watches.</summary>
    public Action<FetchStep>? Watch { get; init; }

    /// <summary>Tells a step to whoever watches.</summary>
    /// <param name="name">The step, as one word.</param>
    /// <param name="isGood">Whether the fetch can go on.</param>
    /// <param name="detail">One sentence. It may tell what is inside the relay's network: it is for the operator.</param>
    public void Tell(string name, bool isGood, FormattableString detail) =>
        Watch?.Invoke(new FetchStep(name, isGood, FormattableString.Invariant(detail)));
}

/// <summary>Fetches pages of the public web.</summary>
public interface IPageFetcher
{
    /// <summary>One page, with its redirects.</summary>
    /// <param name="url">Where to begin.</param>
    /// <param name="format">The form that is wanted: a site that has it is asked for it.</param>
    /// <param name="acceptLanguage">The languages wanted; null for the relay's default.</param>
    /// <param name="caller">The id of the key that asks.</param>
    /// <param name="trace">Filled on the way.</param>
    /// <param name="cancellationToken">The caller has left: the connection is closed at once.</param>
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
