namespace Relay.Domain.Completions;

/// <summary>
/// A picture on the web, for the model: Anthropic fetches it, never the relay. Prints <c>***</c>.
/// </summary>
public sealed record ImageLink : ContentBlock
{
    /// <summary>Longest URL, in characters.</summary>
    public const int MaxLength = 2048;

    private readonly string _url;

    private ImageLink(string url) => _url = url;

    /// <summary>The URL, for the model. A method, so that no serialiser and no logger finds it.</summary>
    public string Reveal() => _url;

    /// <summary>Accepts a URL of https.</summary>
    /// <param name="field">The wire name used in the error.</param>
    /// <param name="url">As the caller wrote it.</param>
    public static Result<ImageLink> Create(string field, string? url) =>
        url?.Length <= MaxLength
        && Uri.TryCreate(url, UriKind.Absolute, out var parsed)
        && parsed.Scheme == Uri.UriSchemeHttps
        && parsed.UserInfo.Length == 0
            ? new ImageLink(parsed.AbsoluteUri)
            : RelayError.Invalid(
                field,
                $"'{field}' is not a picture. Send it as base64 data, or as a URL that begins with https:// and has at most {MaxLength} "
                    + $"characters."
            );

    public override string ToString() => "ImageLink { *** }";
}
