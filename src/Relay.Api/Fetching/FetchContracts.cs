using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Relay.Api.OpenApi;
using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.Api.Fetching;

/// <summary>A page to fetch.</summary>
/// <param name="Url">
/// The page: http or https, a public host, ports 80 and 443 unless the operator allows others (<c>FETCH_PORTS</c>). A URL whose text alone
/// is forbidden gets 400 <c>url_rejected</c>.
/// </param>
/// <param name="MaxBytes">Most content of one reply, in UTF-8 bytes.</param>
/// <param name="Strip">Whether the relay removes scripts, styles, SVG, templates and comments from HTML. JSON-LD stays.</param>
/// <param name="Format"><c>html</c>, or the readable part as <c>text</c> or <c>markdown</c> with absolute links, tables and code.</param>
/// <param name="Offset">Begin of the reply, in Unicode characters: the <c>next_offset</c> of the reply before.</param>
/// <param name="AcceptLanguage">The languages to ask the site for, as in the header of that name. When missing: English.</param>
[RequestContract]
internal sealed record FetchBody(
    [property: Required, MaxLength(8192)] string? Url,
    [property: Range(1, 2_000_000), DefaultValue(500_000L)] long? MaxBytes,
    [property: DefaultValue(true)] bool? Strip,
    [property: Values("html", "text", "markdown"), DefaultValue("html")] string? Format,
    [property: Keywords("""{"minimum":0}"""), DefaultValue(0L)] long? Offset,
    [property: StringLength(200, MinimumLength = 1), RegularExpression("^[A-Za-z0-9,;=.* -]*[A-Za-z0-9,;=.*-][A-Za-z0-9,;=.* -]*$")]
        string? AcceptLanguage
)
{
    public Result<FetchRequest> Parse() => FetchRequest.Create(Url, MaxBytes, Strip, Format, Offset, AcceptLanguage);
}
