using System.Globalization;

namespace Relay.Api.Dashboard;

/// <summary>
/// The cookie that holds a session's token. No script can read it, no request from another site carries it, and the relay's other routes
/// never see it. It ends with the browser's session. A browser sends it to every port of the host, so it opens nothing without the proof:
/// a second secret, which the page keeps in its origin's storage and sends as a header.
/// </summary>
internal static class SessionCookie
{
    public const string ProofHeader = "X-Dashboard-Proof";

    private const string Path = "/dashboard";

    public static string? Read(HttpContext context) => context.Request.Cookies[NameFor(context)];

    public static string? ReadProof(HttpContext context) => context.Request.Headers[ProofHeader] is [{ Length: > 0 } proof] ? proof : null;

    /// <summary>
    /// Sets the cookie. The relay speaks plain HTTP itself and trusts no forwarded header. But the browser names its scheme in
    /// <c>Origin</c>, and with TLS in front the cookie goes over TLS only.
    /// </summary>
    public static void Write(HttpContext context, string token) =>
        context.Response.Cookies.Append(NameFor(context), token, OptionsFor(context));

    public static void Remove(HttpContext context) => context.Response.Cookies.Delete(NameFor(context), OptionsFor(context));

    /// <summary>The name holds the port, which cookies ignore. Otherwise two relays of one machine would sign each other out.</summary>
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
