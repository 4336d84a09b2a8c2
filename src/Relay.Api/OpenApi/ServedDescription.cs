using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Relay.Api.OpenApi;

/// <summary>The description as it is served. It is made at the first request, and then kept.</summary>
internal sealed class ServedDescription([FromKeyedServices(DescriptionSetup.Name)] IOpenApiDocumentProvider documents)
{
    private readonly Lock _starting = new();
    private Task<ServedDocument>? _served;

    public static async Task<JsonNode> WriteAsync(IOpenApiDocumentProvider documents, CancellationToken cancellationToken)
    {
        var document = await documents.GetOpenApiDocumentAsync(cancellationToken);
        return JsonNode.Parse(await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1, cancellationToken))!;
    }

    /// <summary>The document, ready to be sent. It is completed also when the first caller leaves.</summary>
    public Task<ServedDocument> ReadAsync(CancellationToken cancellationToken)
    {
        lock (_starting)
        {
            if (_served is null or { IsFaulted: true })
            {
                _served = MakeAsync();
            }

            return _served.WaitAsync(cancellationToken);
        }
    }

    private async Task<ServedDocument> MakeAsync() =>
        new(
            "application/json; charset=utf-8",
            JsonSerializer.SerializeToUtf8Bytes(await WriteAsync(documents, CancellationToken.None), JsonContract.Options)
        );
}
