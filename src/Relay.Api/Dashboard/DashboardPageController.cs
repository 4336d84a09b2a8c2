using System.Collections.Frozen;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;
using Relay.Api.OpenApi;

namespace Relay.Api.Dashboard;

/// <summary>The page: files inside the program, the same for everybody and without any data.</summary>
[AllowAnonymous]
[DashboardRoute]
[Speaks(ApiSurface.Native)]
[Tags("Dashboard")]
[Route("dashboard")]
internal sealed class DashboardPageController : ControllerBase
{
    private const string Page = "index.html";

    private static readonly FrozenDictionary<string, PageFile> Files = ReadFiles();

    /// <summary>The dashboard, for browsers: the page and its files</summary>
    /// <remarks>
    /// The page loads nothing from other servers. It is the same for everybody and has no data: it asks the routes above for its data.
    /// Needs no key.
    /// </remarks>
    [HttpGet("", Name = "dashboard")]
    [HttpGet("app.js", Name = "dashboardAppScript")]
    [HttpGet("dom.js", Name = "dashboardDomScript")]
    [HttpGet("overview.js", Name = "dashboardOverviewScript")]
    [HttpGet("usage.js", Name = "dashboardUsageScript")]
    [HttpGet("keys.js", Name = "dashboardKeysScript")]
    [HttpGet("dialogs.js", Name = "dashboardDialogsScript")]
    [HttpGet("style.css", Name = "dashboardStyle")]
    [HttpGet("icon.svg", Name = "dashboardIcon")]
    [Sends("ETag", "Cache-Control.no-cache")]
    [Answers(200, "The file.", typeof(string), "text/html")]
    [Answers(200, "The file.", typeof(string), "text/javascript")]
    [Answers(200, "The file.", typeof(string), "text/css")]
    [Answers(200, "The file.", typeof(string), "image/svg+xml")]
    [Answers(304, "Your copy is current.")]
    [Answers(412, "`If-Match` of the request names another version of the file.")]
    public IActionResult Get()
    {
        var name = ((RouteEndpoint)HttpContext.GetEndpoint()!).RoutePattern.RawText!["dashboard".Length..].TrimStart('/');
        var file = Files[name.Length == 0 ? Page : name];
        // Checked each time, and mostly answered with 304: the page of another version never meets this version's data.
        Response.Headers.CacheControl = "no-cache";
        return File(file.Bytes, file.ContentType, lastModified: null, file.Tag);
    }

    private static FrozenDictionary<string, PageFile> ReadFiles()
    {
        const string Prefix = "dashboard/";
        var assembly = typeof(DashboardPageController).Assembly;
        return assembly
            .GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .ToFrozenDictionary(
                name => name[Prefix.Length..],
                name =>
                {
                    using var stream = assembly.GetManifestResourceStream(name)!;
                    var bytes = new byte[stream.Length];
                    stream.ReadExactly(bytes);
                    return new PageFile(
                        bytes,
                        ContentTypeOf(name),
                        new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes)[..8])}\"")
                    );
                },
                StringComparer.Ordinal
            );
    }

    public static string ContentTypeOf(string name) =>
        Path.GetExtension(name) switch
        {
            ".html" => "text/html; charset=utf-8",
            ".js" => "text/javascript; charset=utf-8",
            ".css" => "text/css; charset=utf-8",
            ".svg" => "image/svg+xml",
            var other => throw new InvalidOperationException($"A file of the dashboard has the kind {other}, which has no content type."),
        };

    private sealed record PageFile(byte[] Bytes, string ContentType, EntityTagHeaderValue Tag);
}
