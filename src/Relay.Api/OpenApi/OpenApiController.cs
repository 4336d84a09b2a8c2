using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Http;

namespace Relay.Api.OpenApi;

[AllowAnonymous]
[Speaks(ApiSurface.Native)]
internal sealed class OpenApiController(ServedDocuments documents) : ControllerBase
{
    /// <summary>Nothing but text and the stylesheet: there is nothing on the page that a script could be smuggled into.</summary>
    private const string OnlyText = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>The description of this API, for programs.</summary>
    [HttpGet("openapi/v1.json")]
    public IActionResult Json() => documents.Json;

    /// <summary>The same for people, on one page.</summary>
    [HttpGet("docs")]
    public IActionResult Page()
    {
        Response.Headers.ContentSecurityPolicy = OnlyText;
        Response.Headers["Referrer-Policy"] = "no-referrer";
        return documents.Page;
    }

    /// <summary>The page's stylesheet.</summary>
    [HttpGet("docs/style.css")]
    public IActionResult Style() => documents.Style;
}
