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
    private byte[] _textIndex = "0"u8.ToArray();

    public void MessageStart(Answer answer) =>
        Write(
            $$$"""
            event: message_start
            data: {"type":"message_start","message":{"usage":{{{AnswerJson.Usage(
                answer.Behavior,
                outputTokens: 1
            )}}},"id":"{{{answer.MessageId}}}","type":"message","role":"assistant","model":{{{AnswerJson.Quote(
                answer.Model
            )}}},"content":[],"stop_reason":null,"stop_sequence":null}}

            event: ping
            data: {"type":"ping"}


            """
        );

    public void TextStart(int index)
    {
        _textIndex = Encoding.UTF8.GetBytes($"{index}");
        Write(
            $"event: content_block_start\ndata: "
                + $"{{\"type\":\"content_block_start\",\"index\":{index},\"content_block\":{{\"type\":\"text\",\"text\":\"\"}}}}\n\n"
        );
    }

    /// <param name="escaped">The text, already escaped for a JSON string.</param>
    public void TextDelta(ReadOnlySpan<byte> escaped)
    {
        Write("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"u8);
        Write(_textIndex);
        Write(",\"delta\":{\"type\":\"text_delta\",\"text\":\""u8);
        Write(escaped);
        Write("\"}}\n\n"u8);
    }

    public void TextStop(int index) => Write($"event: content_block_stop\ndata: {{\"type\":\"content_block_stop\",\"index\":{index}}}\n\n");

    public void CitedText(int index, string citation) =>
        Write(
            $$$"""
            event: content_block_start
            data: {"type":"content_block_start","index":{{{index}}},"content_block":{"citations":[],"type":"text","text":""}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":{{{index}}},"delta":{"type":"text_delta","text":{{{AnswerJson.CitedWords(
                citation
            )}}} }}

            event: content_block_delta
            data: {"type":"content_block_delta","index":{{{index}}},"delta":{"type":"citations_delta","citation":{{{citation}}} }}

            event: content_block_stop
            data: {"type":"content_block_stop","index":{{{index}}}}


            """
        );

    public void Thought(int index, string thought) =>
        Write(
            $$$"""
            event: content_block_start
            data: {"type":"content_block_start","index":{{{index}}},"content_block":{"type":"thinking","thinking":"","signature":""}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":{{{index}}},"delta":{"type":"thinking_delta","thinking":{{{AnswerJson.Quote(
                thought
            )}}} }}

            event: content_block_delta
            data: {"type":"content_block_delta","index":{{{index}}},"delta":{"type":"signature_delta","signature":"c2lnbmVk"}}

            event: content_block_stop
            data: {"type":"content_block_stop","index":{{{index}}}}


            """
        );

    public void HiddenThought(int index, string data) =>
        Write(
            $$$"""
            event: content_block_start
            data: {"type":"content_block_start","index":{{{index}}},"content_block":{"type":"redacted_thinking","data":{{{AnswerJson.Quote(
                data
            )}}} }}

            event: content_block_stop
            data: {"type":"content_block_stop","index":{{{index}}}}


            """
        );

    public void ToolUse(int index, string id, ToolCall call, bool isCut)
    {
        // Cut, the end of the input is missing: the answer reached its cap.
        var input = call.Input.GetRawText();
        // As the API does: an empty piece first, and the rest in pieces.
        string[] pieces = ["", input[..(input.Length / 2)], isCut ? "" : input[(input.Length / 2)..]];
        Write(
            $$$"""
            event: content_block_start
            data: {"type":"content_block_start","index":{{{index}}},"content_block":{"input":{},"type":"tool_use","id":"{{{id}}}","name":{{{AnswerJson.Quote(
                call.Name
            )}}} }}


            """
        );
        foreach (var piece in pieces)
        {
            Write(
                $$$"""
                event: content_block_delta
                data: {"type":"content_block_delta","index":{{{index}}},"delta":{"type":"input_json_delta","partial_json":{{{AnswerJson.Quote(
                    piece
                )}}} }}


                """
            );
        }

        Write(
            $$$"""
            event: content_block_stop
            data: {"type":"content_block_stop","index":{{{index}}}}


            """
        );
    }

    public void StopReason(Answer answer) =>
        Write(
            $$$"""
            event: message_delta
            data: {"type":"message_delta","usage":{{{AnswerJson.Usage(
                answer.Behavior,
                answer.OutputTokens
            )}}},"delta":{"stop_reason":"{{{answer.StopReason}}}","stop_sequence":{{{AnswerJson.QuoteOrNull(answer.StopSequence)}}} }}


            """
        );

    public void MessageStop() => Write("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"u8);

    public void OverloadedError() =>
        Write("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"u8);

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
