using System.Text.Json.Nodes;
using Relay.Api.Http;

namespace Relay.Api.OpenApi;

/// <summary>A route's call as somebody would type it.</summary>
internal static class CurlExample
{
    /// <summary>The call, with the first example of the route's body and the examples of its path and query.</summary>
    public static string Of(OpenApiDocument document, string path, string method, JsonObject operation)
    {
        var url = path;
        var query = new List<string>();
        foreach (var parameter in (operation["parameters"]?.AsArray() ?? []).Select(parameter => document.Resolve(parameter!)))
        {
            var (name, example) = (Html.Text(parameter, "name")!, parameter["example"]?.ToString() ?? string.Empty);
            switch (Html.Text(parameter, "in"))
            {
                case "path":
                    url = url.Replace($"{{{name}}}", Uri.EscapeDataString(example), StringComparison.Ordinal);
                    break;
                case "query":
                    query.Add($"{name}={Uri.EscapeDataString(example)}");
                    break;
            }
        }

        var address = query.Count == 0 ? url : $"{url}?{string.Join('&', query)}";
        var lines = new List<string> { $"curl {(method is "GET" or "POST" ? string.Empty : $"-X {method} ")}\"$RELAY{address}\"" };
        if (operation["security"]!.AsArray() is [JsonObject { Count: > 0 }, ..])
        {
            lines.Add("-H \"Authorization: Bearer $KEY\"");
        }

        if (operation["requestBody"]?["content"]?["application/json"]?["examples"] is JsonObject examples)
        {
            lines.Add("-H 'Content-Type: application/json'");
            lines.Add($"-d '{examples.First().Value!["value"]!.ToJsonString(JsonContract.Options).Replace("'", "'\\''", StringComparison.Ordinal)}'");
        }

        return string.Join(" \\\n  ", lines);
    }
}
