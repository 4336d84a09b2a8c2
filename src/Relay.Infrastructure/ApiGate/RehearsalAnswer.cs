using System.Text;
using Microsoft.AspNetCore.Http;

namespace Relay.Infrastructure.ApiGate;

/// <summary>The gate's own answer in a rehearsal: a whole message of one word. No model wrote it and it costs nothing.</summary>
internal static class RehearsalAnswer
{
    public static async Task WriteAsync(HttpResponse response, GateTurn turn, string model, CancellationToken cancellationToken)
    {
        response.ContentType = "text/event-stream";
        response.Headers["request-id"] = "req_rehearsal";
        // The model's name has passed the proof: it needs no escape.
        var bytes = Encoding.UTF8.GetBytes(Message.Replace("MODEL", model, StringComparison.Ordinal));
        response.ContentLength = bytes.Length;
        turn.Complete([]);
        await response.Body.WriteAsync(bytes, cancellationToken);
    }

    private const string Message = """
        event: message_start
        data: {"type":"message_start","message":{"id":"msg_rehearsal","type":"message","role":"assistant","model":"MODEL","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}

        event: content_block_start
        data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Ready."}}

        event: content_block_stop
        data: {"type":"content_block_stop","index":0}

        event: message_delta
        data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":2}}

        event: message_stop
        data: {"type":"message_stop"}


        """;
}
