using Relay.Domain;

namespace Relay.Api.Dashboard;

/// <summary>Marks every route of the dashboard.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class DashboardRouteAttribute : Attribute;

/// <summary>
/// Gives every answer of the dashboard headers that isolate it, and refuses requests that another page makes a browser send. The cookie's
/// <c>SameSite=Strict</c> is not enough for that, because it treats all ports of a machine as one site.
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
        // The page itself holds no data, and a link on any site may lead to it.
        var isPage = IsSafe(context.Request.Method) && metadata.GetMetadata<AcceptsSessionAttribute>() is null;
        return isPage || IsOwn(context.Request) ? next(context) : ErrorResponse.WriteAsync(context, Foreign);
    }

    /// <summary>
    /// Whether the request comes from the dashboard's page, from a person who types the address, or from a program. A browser names the
    /// page's origin in each request that changes something, and newer ones tell the relation of that page to each request; a page can
    /// forge neither. A request with its own key needs no such header, because no page can make a browser add a key.
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
    /// Whether an origin is this host. The scheme is left open, because TLS may end in front of the relay. Both come from the browser,
    /// with international names in Punycode.
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
