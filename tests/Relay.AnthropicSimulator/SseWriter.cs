using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Relay.AnthropicSimulator;

/// <summary>
/// Writes the events of a streamed answer. Constant bytes are prebuilt and a text delta allocates nothing;
/// nothing reaches the socket before <see cref="FlushAsync"/>, or <see cref="FlushIfLargeAsync"/> in a long answer.
/// </summary>
internal sealed class SseWriter(PipeWriter output)
{
    private const int LargeBytes = 32 * 1024;

    private int _unflushed;

    public void MessageStart(Answer answer) => Write(
        $$$"""
        event: message_start
        data: {"type":"message_start","message":{"usage":{{{AnswerJson.Usage(answer.Behavior, outputTokens: 1)}}},"id":"{{{answer.MessageId}}}","type":"message","role":"assistant","model":{{{AnswerJson.Quote(answer.Model)}}},"content":[],"stop_reason":null,"stop_sequence":null}}

        event: ping
        data: {"type":"ping"}


        """);

    public void TextStart() => Write("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"u8);

    /// <param name="escaped">The text, already escaped for a JSON string.</param>
    public void TextDelta(ReadOnlySpan<byte> escaped)
    {
        Write("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\""u8);
        Write(escaped);
        Write("\"}}\n\n"u8);
    }

    public void TextStop() => Write("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"u8);

    public void ToolUse(int index, string id, ToolCall call) => Write(
        $$$"""
        event: content_block_start
        data: {"type":"content_block_start","index":{{{index}}},"content_block":{"input":{},"type":"tool_use","id":"{{{id}}}","name":{{{AnswerJson.Quote(call.Name)}}} }}

        event: content_block_delta
        data: {"type":"content_block_delta","index":{{{index}}},"delta":{"type":"input_json_delta","partial_json":{{{AnswerJson.Quote(call.Input.GetRawText())}}} }}

        event: content_block_stop
        data: {"type":"content_block_stop","index":{{{index}}}}


        """);

    public void StopReason(Answer answer) => Write(
        $$$"""
        event: message_delta
        data: {"type":"message_delta","usage":{{{AnswerJson.Usage(answer.Behavior, answer.OutputTokens)}}},"delta":{"stop_reason":"{{{answer.StopReason}}}","stop_sequence":{{{AnswerJson.QuoteOrNull(answer.StopSequence)}}} }}


        """);

    public void MessageStop() => Write("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"u8);

    public void OverloadedError() => Write("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"u8);

    public async Task FlushAsync(CancellationToken ct)
    {
        _unflushed = 0;
        await output.FlushAsync(ct);
    }

    /// <summary>Bounds what a long answer holds in memory, and waits for a client that reads slowly.</summary>
    public Task FlushIfLargeAsync(CancellationToken ct) => _unflushed < LargeBytes ? Task.CompletedTask : FlushAsync(ct);

    private void Write(ReadOnlySpan<byte> bytes)
    {
        output.Write(bytes);
        _unflushed += bytes.Length;
    }

    private void Write(string text) => _unflushed += (int)Encoding.UTF8.GetBytes(text, output);
}
