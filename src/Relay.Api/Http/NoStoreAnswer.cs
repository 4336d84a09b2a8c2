using Microsoft.AspNetCore.Mvc;

namespace Relay.Api.Http;

/// <summary>An answer to a GET that depends on the key.</summary>
internal static class NoStoreAnswer
{
    /// <summary>JSON that no cache keeps. A cache in front of the relay may not know that the answer depends on <c>x-api-key</c>.</summary>
    public static JsonResult NoStoreJson(this ControllerBase controller, object answer)
    {
        controller.Response.Headers.CacheControl = "no-store";
        return new JsonResult(answer);
    }
}
