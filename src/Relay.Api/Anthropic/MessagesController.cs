using Microsoft.AspNetCore.Mvc;
using Relay.Api.Completions;
using Relay.Api.OpenApi;

namespace Relay.Api.Anthropic;

[Speaks(ApiSurface.Anthropic)]
[Tags("Anthropic's API")]
[Takes("anthropic-version")]
[Route("v1/messages")]
internal sealed class MessagesController(CompletionServices services) : CompletionControllerBase(services)
{
    /// <summary>Answers a conversation, for programs that use Anthropic's API</summary>
    /// <remarks>
    /// Anthropic's SDKs need the base URL without <c>/v1</c> and a key of the relay, and nothing else. With <c>stream: true</c> the answer
    /// comes as Anthropic's events. Events <c>ping</c> break silences of <c>HEARTBEAT_AFTER</c> (10 s by default). Before the first event,
    /// an error is an ordinary answer with its status. After it, an error is the event <c>error</c>, and the connection is cut, so that
    /// half an answer never looks like a whole one. A request with <c>thinking</c> gets the thoughts that the API shows. Errors are in
    /// Anthropic's format.
    /// </remarks>
    [HttpPost(Name = "createMessage")]
    [Reads(typeof(MessageRequest))]
    [Answers(200, "The answer.", typeof(MessageAnswer))]
    [Answers(200, "The answer.", typeof(MessageEvents), "text/event-stream")]
    public async Task<IActionResult> CompleteAsync(CancellationToken cancellationToken)
    {
        var body = await Request.ReadObjectAsync(
            root => MessageBody.Parse(root, Models, needsMaxTokens: true),
            MaxBodyBytes,
            cancellationToken
        );
        if (!body.TryGet(out var parsed, out var error))
        {
            return error.ToActionResult();
        }

        var id = Context.RequestId.Replace("req_", "msg_", StringComparison.Ordinal);
        return await AnswerAsync(
            parsed,
            stream => new MessageStream(stream, id, () => Context.Model!.Value, Context.RequestId, parsed.Request.EstimatedInputTokens),
            completion =>
                MessageAnswer.Of(
                    id,
                    completion.Model.Value,
                    AnswerBlockContracts.Of(completion),
                    completion.StopReason,
                    completion.StopSequence,
                    MessageUsage.From(completion.Usage)
                ),
            cancellationToken,
            MessageStream.Ping
        );
    }
}
