using System.Text.Json;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Infrastructure;

namespace Relay.Api.Http;

/// <summary>
/// Writes the JSON of actions. The framework's own writer ignores a cancellation, and ends a cut answer as if it were whole. This one
/// throws, and sends the length first, so that a cut answer never looks whole.
/// </summary>
internal sealed class JsonAnswers : IActionResultExecutor<JsonResult>
{
    public Task ExecuteAsync(ActionContext context, JsonResult result)
    {
        var answer = result.Value ?? throw new InvalidOperationException("An action answers nothing.");
        var (response, body) = (
            context.HttpContext.Response,
            JsonSerializer.SerializeToUtf8Bytes(answer, answer.GetType(), JsonContract.Options)
        );
        response.StatusCode = result.StatusCode ?? StatusCodes.Status200OK;
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = body.Length;
        return AnswerBudget.SendAsync(response, body, context.HttpContext.RequestAborted);
    }
}
