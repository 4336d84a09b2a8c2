using System.Globalization;

namespace Relay.Api.Responses;

/// <summary>Ids of a response and of its items, made from the request's id.</summary>
internal sealed class ResponseIds(string requestId)
{
    private readonly string _suffix = requestId.Replace("req_", string.Empty, StringComparison.Ordinal);
    private int _items;

    public string Response => $"resp_{_suffix}";

    public string NextMessage() => Next("msg");

    public string NextCall() => Next("fc");

    public string NextReasoning() => Next("rs");

    private string Next(string kind) => string.Create(CultureInfo.InvariantCulture, $"{kind}_{_suffix}{_items++:x2}");
}
