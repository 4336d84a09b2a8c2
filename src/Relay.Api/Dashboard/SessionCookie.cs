using System.Globalization;

namespace Relay.Api.Dashboard;

/// <summary>
/// The cookie that holds a session's token: no script can read it, no request that another site causes carries it, and the relay's
/// other routes never see it. It goes with the browser's session. A browser sends it to every port of the host, so it opens
/// nothing without the proof, a second secret that the page keeps in the storage of its own origin and sends as a header.
/// </summary>
internal static class SessionCookie
{
    /// <summary>The header that holds a session's proof.</summary>
    public const string ProofHeader = "X-Dashboard-Proof";

    private const string Path = "/dashboard";

    /// <summary>The token of a request; null for none.</summary>
    public static string? Read(HttpContext context) => context.Request.Cookies[NameFor(context)];

    /// <summary>The proof of a request; null for none.</summary>
    public static string? ReadProof(HttpContext context) => context.Request.Headers[ProofHeader] is [{ Length: > 0 } proof] ? proof : null;

    /// <summary>
    /// Hands a token out. The relay speaks plain HTTP itself and believes no forwarded header; but the browser says in <c>Origin</c>
    /// by which scheme it came, and with TLS in front the cookie goes over TLS only.
    /// </summary>
    public static void Write(HttpContext context, string token) =>
        context.Response.Cookies.Append(NameFor(context), token, OptionsFor(context));

    /// <summary>Takes it back.</summary>
    public static void Remove(HttpContext context) => context.Response.Cookies.Delete(NameFor(context), OptionsFor(context));

    /// <summary>With the port, which cookies take no notice of: two relays of one machine would sign each other out.</summary>
    private static string NameFor(HttpContext context) =>
        string.Create(CultureInfo.InvariantCulture, $"relay_dashboard_{context.Connection.LocalPort}");

    private static CookieOptions OptionsFor(HttpContext context) =>
        new()
        {
            HttpOnly = true,
            SameSite = SameSiteMode.Strict,
            Secure = context.Request.Headers.Origin.ToString().StartsWith("https://", StringComparison.OrdinalIgnoreCase),
            Path = Path,
        };
}
