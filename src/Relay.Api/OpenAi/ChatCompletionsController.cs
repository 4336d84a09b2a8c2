using Microsoft.AspNetCore.Mvc;
using Relay.Api.Completions;
using Relay.Api.OpenApi;

namespace Relay.Api.OpenAi;

[Speaks(ApiSurface.OpenAi)]
[Tags("OpenAI's API")]
[Route("v1/chat/completions")]
internal sealed class ChatCompletionsController(CompletionServices services) : CompletionControllerBase(services)
{
    /// <summary>Answers a conversation, for programs that use OpenAI's API</summary>
    /// <remarks>
    /// OpenAI's SDKs need the base URL with <c>/v1</c> and a key of the relay, and nothing else. With <c>stream: true</c> the answer comes
    /// as chunks without a name, then <c>[DONE]</c>. Comment lines (<c>: still working</c>) break silences of <c>HEARTBEAT_AFTER</c> (10 s
    /// by default). Before the first event, an error is an ordinary answer with its status. After it, an error is a chunk with
    /// <c>error</c>, and the connection is cut, so that half an answer never looks like a whole one. Errors are in OpenAI's format.
    /// </remarks>
    [HttpPost(Name = "createChatCompletion")]
    [Reads(typeof(ChatCompletionRequest))]
    [Answers(200, "The answer.", typeof(ChatCompletion))]
    [Answers(200, "The answer.", typeof(ChatCompletionEvents), "text/event-stream")]
    public async Task<IActionResult> CompleteAsync(CancellationToken cancellationToken)
    {
        var body = await Request.ReadObjectAsync(root => ChatCompletionBody.Parse(root, Models), MaxBodyBytes, cancellationToken);
        if (!body.TryGet(out var parsed, out var error))
        {
            return error.ToActionResult();
        }

        var id = Context.RequestId.Replace("req_", "chatcmpl-", StringComparison.Ordinal);
        var created = Clock.GetUtcNow().ToUnixTimeSeconds();
        return await AnswerAsync(
            parsed,
            stream => new ChatCompletionStream(stream, id, created, () => Context.Model!.Value, parsed.IncludesUsage, parsed.HasFunctions),
            completion =>
            {
                var message = ChatMessageContract.From(completion, parsed.HasFunctions);
                var choice = new ChatChoice(0, message, null, FinishReason.From(completion.StopReason, parsed.HasFunctions));
                return new ChatCompletion(
                    id,
                    "chat.completion",
                    created,
                    completion.Model.Value,
                    [choice],
                    ChatUsage.From(completion.Usage)
                );
            },
            cancellationToken
        );
    }
}
