using Microsoft.OpenApi;

namespace Relay.Api.OpenApi;

/// <summary>Answers that several routes have in common stand in the document once.</summary>
internal static class SharedResponses
{
    /// <summary>A reference to the answer: to the same answer of another route where there is one.</summary>
    public static OpenApiResponseReference Share(OpenApiDocument document, string name, OpenApiResponse response)
    {
        var text = Write(response);
        document.Metadata ??= new Dictionary<string, object>(StringComparer.Ordinal);
        if (!document.Metadata.TryGetValue(text, out var known))
        {
            document.Metadata[text] = known = name;
            document.AddComponent<IOpenApiResponse>(name, response);
        }

        return new OpenApiResponseReference((string)known, document);
    }

    private static string Write(OpenApiResponse response)
    {
        using var text = new StringWriter();
        response.SerializeAsV31(new OpenApiJsonWriter(text));
        return text.ToString();
    }
}
