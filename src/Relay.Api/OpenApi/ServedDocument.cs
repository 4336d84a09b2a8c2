using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;
using Relay.Api.Http;

namespace Relay.Api.OpenApi;

/// <summary>What is served from memory: made once, and asked for again only when it has changed.</summary>
internal sealed class ServedDocument(string contentType, byte[] bytes) : IActionResult
{
    private readonly EntityTagHeaderValue _tag = new($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 16))}\"");

    /// <summary>Its bytes.</summary>
    public ReadOnlyMemory<byte> Bytes => bytes;

    /// <inheritdoc/>
    public async Task ExecuteResultAsync(ActionContext context)
    {
        var (request, response) = (context.HttpContext.Request, context.HttpContext.Response);
        response.Headers.ETag = _tag.ToString();
        response.Headers.CacheControl = "no-cache"; // Kept, and asked for each time: what is described is this relay as it is now.
        response.Headers.XContentTypeOptions = "nosniff";
        if (request.GetTypedHeaders().IfNoneMatch.Any(known => known.Equals(EntityTagHeaderValue.Any) || known.Compare(_tag, useStrongComparison: false)))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        response.ContentType = contentType;
        response.ContentLength = bytes.Length;
        await response.Body.WriteAsync(bytes, context.HttpContext.RequestAborted);
    }
}

/// <summary>The description in its forms, made when they are first asked for.</summary>
internal sealed class ServedDocuments(OpenApiDocument document)
{
    private readonly Lazy<ServedDocument> _json = new(() => new ServedDocument("application/json; charset=utf-8", JsonSerializer.SerializeToUtf8Bytes(document.Root, JsonContract.Options)));

    private readonly Lazy<ServedDocument> _page = new(() => new ServedDocument("text/html; charset=utf-8", Encoding.UTF8.GetBytes(new DocsPage(document).Render())));

    private readonly Lazy<ServedDocument> _style = new(() => new ServedDocument("text/css; charset=utf-8", OpenApiDocument.Resource("style.css")));

    /// <summary>For programs.</summary>
    public ServedDocument Json => _json.Value;

    /// <summary>For people.</summary>
    public ServedDocument Page => _page.Value;

    /// <summary>The page's stylesheet.</summary>
    public ServedDocument Style => _style.Value;
}
