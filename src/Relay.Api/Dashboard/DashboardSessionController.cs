using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Authentication;
using Relay.Api.OpenApi;
using Relay.Application.Pipeline;
using Relay.Domain.Keys;

namespace Relay.Api.Dashboard;

/// <summary>The state of a session.</summary>
/// <param name="Ok">Always true.</param>
/// <param name="SignedIn">Whether there is a session.</param>
/// <param name="Key">The admin key of the session. Absent without a session.</param>
/// <param name="Proof">The second half of a new session. Send it with each request as <c>X-Dashboard-Proof</c>, beside the cookie.</param>
internal sealed record SessionAnswer(
    [property: Values(true)] bool Ok,
    bool SignedIn,
    SessionKey? Key,
    [property: RegularExpression("^[A-Za-z0-9_-]{43}$")] string? Proof
)
{
    public static SessionAnswer Of(ApiKey key, string? proof = null) =>
        new(Ok: true, SignedIn: true, new SessionKey(key.Id, key.Label.Value), proof);
}

/// <summary>The admin key of a session.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Label">Its label.</param>
internal sealed record SessionKey(
    [property: RegularExpression(KeyContract.IdForm)] string Id,
    [property: StringLength(KeyLabel.MaxLength, MinimumLength = 1), RegularExpression(KeyContract.LabelForm)] string Label
);

/// <summary>
/// Signing in and out. The key comes in the header in which every route takes keys, so that there is one way in, one refusal and one
/// place that sees a secret. The answer sets the cookie and has the proof.
/// </summary>
[DashboardRoute]
[Speaks(ApiSurface.Native)]
[Tags("Dashboard")]
[Route("dashboard/session")]
internal sealed class DashboardSessionController(DashboardSessions sessions) : ControllerBase
{
    /// <summary>Says who is signed in</summary>
    /// <remarks>Never 401, because the page asks before anybody has signed in. A request with an admin key counts as signed in.</remarks>
    [HttpGet(Name = "findSession")]
    [Answers(200, "Whether there is a session, and its key.", typeof(SessionAnswer))]
    [AllowAnonymous]
    [AcceptsSession]
    [AuditedAs("dashboard")]
    public IActionResult Find()
    {
        HttpContext.Log().IsRoutine = true;
        return new JsonResult(
            HttpContext.Features.Get<RequestContext>()?.Caller is { } key && key.Scopes.HasFlag(KeyScopes.Admin)
                ? SessionAnswer.Of(key)
                : new SessionAnswer(Ok: true, SignedIn: false, Key: null, Proof: null)
        );
    }

    /// <summary>Exchanges an admin key for a session</summary>
    /// <remarks>
    /// The answer sets a cookie and has a <c>proof</c>. Both together (the proof as the header <c>X-Dashboard-Proof</c>) open the routes of
    /// the dashboard, and no other route. The session ends after 30 minutes without a request, after 12 hours, when the key or its secret
    /// ends, and when the relay restarts. The request has no body: the key comes in the header, as on every route.
    /// </remarks>
    [HttpPost(Name = "signIn")]
    [Sends("Set-Cookie.session")]
    [Answers(200, "Signed in.", typeof(SessionAnswer))]
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

    /// <summary>Ends the session</summary>
    /// <remarks>Removes the cookie, too.</remarks>
    [HttpDelete(Name = "signOut")]
    [Sends("Set-Cookie.end")]
    [Answers(204, "Signed out.")]
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
