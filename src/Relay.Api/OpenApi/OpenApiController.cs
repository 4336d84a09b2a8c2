using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;

namespace Relay.Api.OpenApi;

[AllowAnonymous]
[Speaks(ApiSurface.Native)]
[Tags("Documentation")]
internal sealed class OpenApiController(ServedDescription description, DocsFiles files) : ControllerBase
{
    /// <summary>
    /// The page runs Scalar from inside the program. It asks only the relay: for the description, and for requests that its reader tries.
    /// Scalar writes styles into the page, so styles may be inline; scripts may not.
    /// </summary>
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'";

    /// <summary>This description, for programs</summary>
    /// <remarks>OpenAPI 3.1. Needs no key.</remarks>
    [HttpGet("openapi/v1.json", Name = "openApi")]
    [Sends("ETag", "Cache-Control.no-cache", "X-Content-Type-Options")]
    [Answers(200, "The document.", typeof(DescriptionContract))]
    [Answers(304, "Your copy is current.")]
    public async Task<IActionResult> JsonAsync(CancellationToken cancellationToken) => await description.ReadAsync(cancellationToken);

    /// <summary>This description, for people</summary>
    /// <remarks>A page that loads nothing from other servers. Needs no key.</remarks>
    [HttpGet("docs", Name = "docs")]
    [Sends("ETag", "Cache-Control.no-cache", "X-Content-Type-Options", "Content-Security-Policy.docs", "Referrer-Policy")]
    [Answers(200, "The page.", typeof(string), "text/html")]
    [Answers(304, "Your copy is current.")]
    public IActionResult Page()
    {
        Response.Headers.ContentSecurityPolicy = Policy;
        Response.Headers["Referrer-Policy"] = "no-referrer";
        return files.Page;
    }

    /// <summary>Script that starts the page</summary>
    /// <remarks>Needs no key.</remarks>
    [HttpGet("docs/start.js", Name = "docsStart")]
    [Sends("ETag", "Cache-Control.no-cache", "X-Content-Type-Options")]
    [Answers(200, "The script.", typeof(string), "text/javascript")]
    [Answers(304, "Your copy is current.")]
    public IActionResult Start() => files.Start;

    /// <summary>Script that draws the page: Scalar, from inside the program</summary>
    /// <remarks>Needs no key.</remarks>
    [HttpGet("docs/scalar.js", Name = "docsScalar")]
    [Sends("ETag", "Cache-Control.no-cache", "X-Content-Type-Options", "Vary", Sometimes = ["Content-Encoding"])]
    [Answers(200, "The script.", typeof(string), "text/javascript")]
    [Answers(304, "Your copy is current.")]
    public IActionResult Scalar() => files.Scalar;
}

/// <summary>An OpenAPI document.</summary>
[Keywords("""{"type":"object","required":["openapi","info","paths"]}""", Alone = true)]
internal sealed record DescriptionContract;
