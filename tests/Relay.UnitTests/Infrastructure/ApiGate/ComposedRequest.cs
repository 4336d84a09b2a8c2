using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Relay.UnitTests.Infrastructure.ApiGate;

/// <summary>A request as Claude Code composes it (2.1.330), to be changed by a test before it is proven.</summary>
internal sealed class ComposedRequest
{
    public const string Headers = "Accept: application/json\nUser-Agent: claude-cli/2.1.330 (external, sdk-cli)\n";

    public static readonly DateOnly Today = new(2026, 11, 30);

    public const string Note =
        "# Environment\nYou have been invoked in the following environment: \n - Primary working directory: /work\n - Is a git "
        + "repository: false\n - Platform: linux\n"
        + " - Shell: unknown\n - OS Version: Linux 6.1.0\n\nYou are powered by the model named Opus 5.5. The exact model ID is "
        + "claude-opus-5-5.\n\nToday's date is 2026-11-30.";

    public JsonObject Body { get; } =
        JsonNode
            .Parse(
                """
                {"model":"claude-opus-5-5","messages":[],"system":[
                  {"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.330.0e0; cc_entrypoint=sdk-cli;"},
                  {"type":"text","text":"You are a Claude agent.","cache_control":{"type":"ephemeral"}},
                  {"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],
                 "tools":[],
                 "metadata":{"user_id":"{\"device_id\":\"e9589a6be4f7dbfe4b046068882f5faeebfa242cca902ad1a5ae9919ec6473a6\",\"account_uuid\":\"\",\"session_id\":\"1ac35c8b-4e97-41f0-86cd-651995111a6a\"}"},
                 "max_tokens":16000,"thinking":{"type":"adaptive","display":"updates"},
                 "context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},
                 "output_config":{"effort":"medium"},"stream":true}
                """
            )!
            .AsObject();

    public JsonArray Messages => Body["messages"]!.AsArray();

    public JsonArray System => Body["system"]!.AsArray();

    /// <summary>Adds a message with a string as its content.</summary>
    public ComposedRequest Say(string role, string text)
    {
        Messages.Add(new JsonObject { ["role"] = role, ["content"] = text });
        return this;
    }

    /// <summary>Adds a message with blocks as its content.</summary>
    public ComposedRequest Say(string role, params JsonNode[] blocks)
    {
        Messages.Add(new JsonObject { ["role"] = role, ["content"] = new JsonArray(blocks) });
        return this;
    }

    /// <summary>Adds the note that stands after the last turn.</summary>
    public ComposedRequest WithNote(string note = Note)
    {
        Messages.Add(new JsonObject { ["role"] = "system", ["content"] = new JsonArray(Text(note, cached: true)) });
        return this;
    }

    /// <summary>Replaces fields of the body by those of an object, as Claude Code does with its extra body.</summary>
    public ComposedRequest LayOver(string json)
    {
        foreach (var (name, value) in json.Length == 0 ? [] : JsonNode.Parse(json)!.AsObject())
        {
            Body[name] = value?.DeepClone();
        }

        return this;
    }

    public ComposedRequest WithNoteOf(DateTimeOffset time) =>
        WithNote(
            Note.Replace(
                "2026-11-30",
                time.UtcDateTime.ToString("yyyy-MM-dd", global::System.Globalization.CultureInfo.InvariantCulture),
                StringComparison.Ordinal
            )
        );

    public static JsonObject Text(string text, bool cached = false)
    {
        var block = new JsonObject { ["type"] = "text", ["text"] = text };
        if (cached)
        {
            block["cache_control"] = new JsonObject { ["type"] = "ephemeral" };
        }

        return block;
    }

    public byte[] ToBytes() =>
        Encoding.UTF8.GetBytes(
            Body.ToJsonString(
                new JsonSerializerOptions { Encoder = global::System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }
            )
        );
}
