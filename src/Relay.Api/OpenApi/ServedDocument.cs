using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;

namespace Relay.Api.OpenApi;

/// <summary>A file that is served from memory. A client that has the same version gets 304.</summary>
internal sealed class ServedDocument(string contentType, byte[] bytes, bool isCompressed = false) : IActionResult
{
    private readonly EntityTagHeaderValue _tag = new($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 16))}\"");

    public async Task ExecuteResultAsync(ActionContext context)
    {
        var (request, response) = (context.HttpContext.Request, context.HttpContext.Response);
        response.Headers.ETag = _tag.ToString();
        response.Headers.CacheControl = "no-cache"; // Kept, and checked each time: the next version of the relay may have another.
        response.Headers.XContentTypeOptions = "nosniff";
        if (isCompressed)
        {
            response.Headers.Vary = HeaderNames.AcceptEncoding;
        }

        if (
            request
                .GetTypedHeaders()
                .IfNoneMatch.Any(known => known.Equals(EntityTagHeaderValue.Any) || known.Compare(_tag, useStrongComparison: false))
        )
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        response.ContentType = contentType;
        if (
            isCompressed && !request.GetTypedHeaders().AcceptEncoding.Any(encoding => encoding.Value == "gzip" && encoding.Quality is not 0)
        )
        {
            await using var plain = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
            await plain.CopyToAsync(response.Body, context.HttpContext.RequestAborted);
            return;
        }

        if (isCompressed)
        {
            response.Headers.ContentEncoding = "gzip";
        }

        response.ContentLength = bytes.Length;
        await response.Body.WriteAsync(bytes, context.HttpContext.RequestAborted);
    }
}
