using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Authentication;
using Relay.Api.Http;
using Relay.Application.Pipeline;
using Relay.Domain.Keys;

namespace Relay.Api.Dashboard;

/// <summary>The answer of <c>GET</c> and <c>POST /dashboard/session</c>.</summary>
/// <param name="Ok">Always true.</param>
/// <param name="SignedIn">Whether there is a session.</param>
/// <param name="Key">The admin key that it was opened with; missing without one.</param>
/// <param name="Proof">The second half of a session that was opened just now: the page sends it with each request as <c>X-Dashboard-Proof</c>.</param>
internal sealed record SessionAnswer(bool Ok, bool SignedIn, SessionKey? Key, string? Proof)
{
    /// <summary>The answer to a key.</summary>
    public static SessionAnswer Of(ApiKey key, string? proof = null) => new(Ok: true, SignedIn: true, new SessionKey(key.Id, key.Label.Value), proof);
}

/// <summary>Who is signed in.</summary>
internal sealed record SessionKey(string Id, string Label);

/// <summary>
/// Signing in and out. The key comes in the header that every route takes keys in, so that there is one way in, one refusal and
/// one place that sees a secret; the answer sets the cookie and has the proof.
/// </summary>
[DashboardRoute]
[Speaks(ApiSurface.Native)]
[Route("dashboard/session")]
internal sealed class DashboardSessionController(DashboardSessions sessions) : ControllerBase
{
    /// <summary>Whether there is a session; never an error, for the page asks before anybody has signed in.</summary>
    [HttpGet]
    [AllowAnonymous]
    [AcceptsSession]
    [AuditedAs("dashboard")]
    public IActionResult Find()
    {
        HttpContext.Log().IsRoutine = true;
        return new JsonResult(HttpContext.Features.Get<RequestContext>()?.Caller is { } key && key.Scopes.HasFlag(KeyScopes.Admin)
            ? SessionAnswer.Of(key)
            : new SessionAnswer(Ok: true, SignedIn: false, Key: null, Proof: null));
    }

    /// <summary>Exchanges an admin key for a session.</summary>
    [HttpPost]
    [RequireScope(KeyScopes.Admin)]
    [AuditedAs("sign_in")]
    public IActionResult Open()
    {
        var secret = HttpContext.Features.Get<KeySecret>() ?? throw new InvalidOperationException("The route accepts no session.");
        sessions.Close(SessionCookie.Read(HttpContext));
        var opened = sessions.Open(secret);
        SessionCookie.Write(HttpContext, opened.Token);
        return new JsonResult(SessionAnswer.Of(HttpContext.Caller(), opened.Proof));
    }

    /// <summary>Ends the session.</summary>
    [HttpDelete]
    [AcceptsSession]
    [RequireScope(KeyScopes.Admin)]
    [AuditedAs("sign_out")]
    public IActionResult Close()
    {
        sessions.Close(SessionCookie.Read(HttpContext));
        SessionCookie.Remove(HttpContext);
        return NoContent();
    }
}
