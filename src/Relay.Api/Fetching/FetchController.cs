using System.Buffers;
using System.Text.Json;
using MediatR;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Relay.Api.Authentication;
using Relay.Api.OpenApi;
using Relay.Api.Quotas;
using Relay.Application.Fetching;
using Relay.Application.Serving;
using Relay.Domain.Fetching;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Api.Fetching;

[RequireScope(KeyScopes.Fetch)]
[SpendsQuota(QuotaBucket.Fetches)]
[Speaks(ApiSurface.Native)]
[Tags("Pages")]
[Route("v1/fetch")]
internal sealed class FetchController(IMediator mediator, IOptions<ServerOptions> options, AnswerBudget answers, TimeProvider clock)
    : ControllerBase
{
    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JsonContract.Options.Encoder };

    /// <summary>Fetches a page of the public web</summary>
    /// <remarks>
    /// The relay fetches the page from its own address, for apps that sites refuse because of their address. It fetches public addresses
    /// only, whatever names or redirects say. Pages have their own limits, and refused URLs count. The relay reads at most
    /// <c>FETCH_MAX_PAGE_BYTES</c> (5 MB by default) of a page. <c>next_offset</c> leads from piece to piece; the pieces are the whole
    /// content. A PDF is read as text, whatever its type says: each page begins with the heading <c>Page N</c>.
    /// </remarks>
    [HttpPost(Name = "fetch")]
    [Reads(typeof(FetchBody))]
    [Sends("Cache-Control.no-store", "X-Content-Type-Options")]
    [Answers(200, "The page. Its content is in the field that has the name of its format.", typeof(FetchAnswerContract))]
    public async Task<IActionResult> FetchAsync(CancellationToken cancellationToken)
    {
        var started = clock.GetTimestamp();
        // The answer holds text of another site: no browser may take it for a page of the relay, and no cache may keep it.
        Response.Headers.XContentTypeOptions = "nosniff";
        Response.Headers.CacheControl = "no-store";
        var body = await Request.ReadJsonAsync<FetchBody>(options.Value.MaxBodyBytes, cancellationToken);
        if (!body.TryGet(out var contract, out var error) || !contract.Parse().TryGet(out var request, out error))
        {
            return error.ToActionResult();
        }

        var result = await mediator.Send(new FetchPageCommand(HttpContext.RelayRequest(), request), cancellationToken);
        if (!result.TryGet(out var page, out error))
        {
            return error.ToActionResult();
        }

        var answer = Write(page, request.Format, clock.GetElapsedTime(started));
        var keyId = HttpContext.RelayRequest().Caller.Id;
        if (!answers.TryTake(keyId, answer.Length))
        {
            return AnswerBudget.Full.ToActionResult();
        }

        try
        {
            Response.ContentType = "application/json; charset=utf-8";
            await AnswerBudget.SendAsync(Response, answer, cancellationToken);
            return new EmptyResult();
        }
        finally
        {
            answers.GiveBack(keyId, answer.Length);
        }
    }

    /// <summary>Writes the whole answer before any of it is sent, because only then its size is known.</summary>
    private static ReadOnlyMemory<byte> Write(FetchedPage page, PageFormat format, TimeSpan duration)
    {
        var answer = new ArrayBufferWriter<byte>(page.Page.Content.Length + 4096);
        using (var writer = new Utf8JsonWriter(answer, WriterOptions))
        {
            JsonSerializer.Serialize(writer, FetchAnswerContract.Of(page, format, duration), JsonContract.Options);
        }

        return answer.WrittenMemory;
    }
}
