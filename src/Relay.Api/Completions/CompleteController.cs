using Microsoft.AspNetCore.Mvc;
using Relay.Api.OpenApi;

namespace Relay.Api.Completions;

[Speaks(ApiSurface.Native)]
[Tags("Completions")]
[Route("v1/complete")]
internal sealed class CompleteController(CompletionServices services) : CompletionControllerBase(services)
{
    /// <summary>Answers a prompt or a conversation</summary>
    /// <remarks>
    /// The answer comes whole, or with <c>stream: true</c> as server-sent events while it is made: <c>start</c>, any number of
    /// <c>delta</c>, then <c>done</c> or <c>error</c>. Comment lines (<c>: still working</c>) break silences of <c>HEARTBEAT_AFTER</c> (10
    /// s by default). Before the first event, an error is an ordinary answer with its status. After it, an error is an event, and the
    /// connection is cut, so that half an answer never looks like a whole one.
    /// </remarks>
    [HttpPost(Name = "complete")]
    [Reads(typeof(CompleteBody))]
    [Answers(200, "The answer.", typeof(CompleteAnswer))]
    [Answers(200, "The answer.", typeof(CompleteEvents), "text/event-stream")]
    public async Task<IActionResult> CompleteAsync(CancellationToken cancellationToken)
    {
        var started = Clock.GetTimestamp();
        var body = await Request.ReadJsonAsync<CompleteBody>(MaxBodyBytes, cancellationToken);
        if (!body.TryGet(out var contract, out var error) || !contract.Parse().TryGet(out var parsed, out error))
        {
            return error.ToActionResult();
        }

        TimeSpan Elapsed() => Clock.GetElapsedTime(started);
        return await AnswerAsync(
            new ParsedBody(parsed.Request, contract.Stream == true, []),
            stream => new CompleteStream(stream, Context, Elapsed),
            completion => CompleteAnswer.From(completion, parsed.Format, Elapsed()),
            cancellationToken
        );
    }
}
