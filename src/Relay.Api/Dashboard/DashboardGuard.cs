using Relay.Api.Http;
using Relay.Domain;

namespace Relay.Api.Dashboard;

/// <summary>On every route of the dashboard.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class DashboardRouteAttribute : Attribute;

/// <summary>
/// Gives every answer of the dashboard the headers that keep it to itself, and refuses what another page makes a browser send.
/// The cookie's <c>SameSite=Strict</c> is not enough for that: to it, all ports of a machine are one site.
/// </summary>
internal static class DashboardGuard
{
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'none'; base-uri "
        + "'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

    private static readonly RelayError Foreign = new(
        ErrorCode.Forbidden,
        "This request does not come from the dashboard's own page. A program sends its admin key as 'Authorization: Bearer KEY'; a proxy "
            + "in front must pass the Host header on."
    );

    /// <summary>Passes the request on, or answers 403.</summary>
    public static Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var metadata = context.GetEndpoint()?.Metadata;
        if (metadata?.GetMetadata<DashboardRouteAttribute>() is null)
        {
            return next(context);
        }

        SetHeaders(context.Response.Headers);
        // The page itself holds nothing, and may be led to by a link from anywhere.
        var isPage = IsSafe(context.Request.Method) && metadata.GetMetadata<AcceptsSessionAttribute>() is null;
        return isPage || IsOwn(context.Request) ? next(context) : ErrorResponse.WriteAsync(context, Foreign);
    }

    /// <summary>
    /// Whether the page, or somebody who types the address, or a program causes the request. A browser names the page's origin
    /// in whatever changes something, and newer ones say of each request how that page stands to this one; a page can forge
    /// neither. Who sends a key of his own needs no such word: no page can make a browser add one.
    /// </summary>
    internal static bool IsOwn(HttpRequest request)
    {
        var isSafe = IsSafe(request.Method);
        var (site, origin) = (request.Headers["Sec-Fetch-Site"], request.Headers.Origin);
        if (site.Count > 0 && site != "same-origin" && !(isSafe && site == "none"))
        {
            return false;
        }

        if (origin.Count > 0)
        {
            return IsOwn(origin.ToString(), request.Headers.Host.ToString());
        }

        return isSafe || site.Count > 0 || request.Headers.Authorization.Count > 0 || request.Headers.ContainsKey("x-api-key");
    }

    /// <summary>
    /// The scheme is left open, for TLS may end in front of the relay. Both are as browsers send them, international names in Punycode.
    /// </summary>
    private static bool IsOwn(string origin, string host) =>
        string.Equals(origin, $"http://{host}", StringComparison.OrdinalIgnoreCase)
        || string.Equals(origin, $"https://{host}", StringComparison.OrdinalIgnoreCase);

    private static bool IsSafe(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method);

    private static void SetHeaders(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
    }
}
