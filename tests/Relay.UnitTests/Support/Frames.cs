using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Support;

/// <summary>Frames as Claude Code 2.1.330 writes them, as far as the relay looks at them.</summary>
internal static class Frames
{
    public static Version Version { get; } = new(2, 1, 330);

    /// <summary>The <c>init</c> frame of a process that is locked down.</summary>
    public const string Init = """
        {"type":"system","subtype":"init","cwd":"/work","session_id":"s","tools":[],"mcp_servers":[],"model":"claude-opus-5-5","permissionMode":"default","slash_commands":[],"apiKeySource":"none","claude_code_version":"2.1.330","output_style":"default","agents":["claude","Explore"],"skills":[],"plugins":[{"name":"a","path":"builtin","source":"a@builtin"},{"name":"b","path":"builtin","source":"b@builtin"}]}
        """;

    public const string MessageStart = """
        {"type":"stream_event","event":{"type":"message_start","message":{"id":"m","role":"assistant","content":[],"usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,"output_tokens":1}}}}
        """;

    public const string TextStart =
        """{"type":"stream_event","event":{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}}""";

    public static string Delta(string text) => BlockDelta(new { type = "text_delta", text });

    public static string BlockStart(string type, string? name = null) =>
        Event(
            new
            {
                type = "content_block_start",
                index = 0,
                content_block = new { type, name },
            }
        );

    public static string BlockDelta(object delta) =>
        Event(
            new
            {
                type = "content_block_delta",
                index = 0,
                delta,
            }
        );

    public const string MessageStop = """{"type":"stream_event","event":{"type":"message_stop"}}""";

    public static string Stop(string reason, int outputTokens = 2) =>
        Event(
            new
            {
                type = "message_delta",
                delta = new { stop_reason = reason },
                usage = new { output_tokens = outputTokens },
            }
        );

    public static string Assistant(string blockType, string? error = null) =>
        JsonSerializer.Serialize(
            new
            {
                type = "assistant",
                message = new { role = "assistant", content = new[] { new { type = blockType } } },
                error,
            }
        );

    public static string Success(string text) => Result(text, isError: false);

    /// <summary>A failed result, which says <c>success</c> all the same and has the error's words as its text.</summary>
    public static string Failure(long? status = null, string? terminalReason = null, string subtype = "success") =>
        Result("API Error: some words", isError: true, status, terminalReason, subtype);

    public static string Event(object body) =>
        JsonSerializer.Serialize(new Dictionary<string, object>(StringComparer.Ordinal) { ["type"] = "stream_event", ["event"] = body });

    /// <summary>A frame with one property set to something else, or removed.</summary>
    public static string With(string frame, string property, string? json)
    {
        var node = JsonNode.Parse(frame)!.AsObject();
        node.Remove(property);
        if (json is not null)
        {
            node[property] = JsonNode.Parse(json);
        }

        return node.ToJsonString();
    }

    public static ClaudeFrame Parse(string line) => ClaudeFrame.Parse(new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(line)));

    private static string Result(
        string text,
        bool isError,
        long? status = null,
        string? terminalReason = null,
        string subtype = "success"
    ) =>
        JsonSerializer.Serialize(
            new
            {
                stop_reason = "end_turn",
                total_cost_usd = 0.0125,
                usage = new
                {
                    input_tokens = 11,
                    output_tokens = 22,
                    cache_creation_input_tokens = 33,
                    cache_read_input_tokens = 44,
                },
                terminal_reason = terminalReason,
                is_error = isError,
                subtype,
                api_error_status = status,
                result = text,
                type = "result",
            }
        );
}
