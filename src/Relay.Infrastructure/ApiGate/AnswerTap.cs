using System.Text;
using System.Text.Json;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// The way of an answer from the API to Claude Code. Each byte is read for the turn before it goes on. A caller's answer is made of these
/// bytes, never of Claude Code's words. A slow reader of the turn slows the API down, too.
/// </summary>
internal sealed class AnswerTap(Stream claudeCode, GateTurn turn) : ObservedStream(claudeCode)
{
    private readonly SseReader _events = new();
    private readonly List<JsonElement> _blocks = [];
    private readonly Dictionary<int, StringBuilder> _inputs = [];
    private readonly Dictionary<int, StringBuilder> _signatures = [];

    private bool _hasBegun;
    private bool _hasStopped;

    public bool IsComplete { get; private set; }

    public bool HasBegun => _hasBegun;

    protected override async ValueTask ObserveAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        IReadOnlyList<JsonDocument> events = [];
        try
        {
            events = _events.Read(buffer.Span);
        }
        catch (Exception exception) when (exception is JsonException or InvalidDataException)
        {
            // Not an answer of the Messages API. Claude Code may not make one of it either.
            turn.Break(_hasBegun);
            throw new IOException("The API's answer is not a stream of events.", exception);
        }

        foreach (var document in events)
        {
            Note(document.RootElement);
            await turn.TellAsync(new TurnSignal.ApiEvent(document), cancellationToken);
        }
    }

    private void Note(JsonElement streamEvent)
    {
        switch (streamEvent.Text("type"))
        {
            case "message_start":
                _hasBegun = true;
                break;
            case "content_block_start" when streamEvent.Member("content_block") is { } block:
                _blocks.Add(block.Clone());
                break;
            case "content_block_delta" when streamEvent.Member("delta") is { } delta:
                var index = (int)(streamEvent.Number("index") ?? 0);
                Append(_inputs, index, delta.Text("partial_json") ?? delta.Text("text") ?? delta.Text("thinking"));
                Append(_signatures, index, delta.Text("signature"));
                break;
            case "message_delta":
                _hasStopped |= streamEvent.Member("delta")?.Text("stop_reason") is not null;
                break;
            case "message_stop" when _hasBegun && _hasStopped:
                IsComplete = true;
                turn.Complete(
                    _blocks.Select(
                        (block, at) =>
                            Whole(block, _inputs.GetValueOrDefault(at)?.ToString(), _signatures.GetValueOrDefault(at)?.ToString())
                    )
                );
                break;
        }
    }

    private static void Append(Dictionary<int, StringBuilder> texts, int index, string? piece)
    {
        if (piece is null)
        {
            return;
        }

        if (!texts.TryGetValue(index, out var text))
        {
            texts[index] = text = new StringBuilder();
        }

        text.Append(piece);
    }

    /// <summary>A block with the text of its deltas, as Claude Code sends it back in a later attempt.</summary>
    private static JsonElement Whole(JsonElement block, string? text, string? signature)
    {
        try
        {
            return block.Text("type") switch
            {
                "text" => JsonSerializer.SerializeToElement(new { type = "text", text = text ?? string.Empty }),
                "thinking" => JsonSerializer.SerializeToElement(
                    new
                    {
                        type = "thinking",
                        thinking = text ?? string.Empty,
                        signature = signature ?? block.Text("signature") ?? string.Empty,
                    }
                ),
                "tool_use" => JsonSerializer.SerializeToElement(
                    new
                    {
                        type = "tool_use",
                        id = block.Text("id"),
                        name = block.Text("name"),
                        input = JsonDocument.Parse(string.IsNullOrEmpty(text) ? "{}" : text).RootElement,
                    }
                ),
                _ => block,
            };
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Half of an input, or half of a surrogate pair: no later attempt will be equal to it.
            return block;
        }
    }
}
