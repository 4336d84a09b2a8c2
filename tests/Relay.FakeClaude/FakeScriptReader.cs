using System.Text.Json;

namespace Relay.FakeClaude;

/// <summary>
/// Reads a script by hand: the source-generated deserializer costs 100 ms of a process's start, all of it in the JIT.
/// What <see cref="FakeScriptJson"/> writes and this does not know is an error, so the two cannot drift apart.
/// </summary>
internal static class FakeScriptReader
{
    public static FakeScript Read(string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(file));
        var script = new FakeScript();
        foreach (var property in document.RootElement.EnumerateObject())
        {
            Set(script, property.Name, property.Value);
        }

        return script;
    }

    private static void Set(FakeScript script, string name, JsonElement value)
    {
        switch (name)
        {
            case "version":
                script.Version = value.GetString()!;
                break;
            case "behavior":
                script.Behavior = Enum.Parse<FakeBehavior>(value.GetString()!);
                break;
            case "answer":
                script.Answer = value.GetString()!;
                break;
            case "structured_output":
                script.StructuredOutput = value.GetString()!;
                break;
            case "echo_prompt":
                script.EchoPrompt = value.GetBoolean();
                break;
            case "deltas":
                script.Deltas = value.GetInt32();
                break;
            case "delta_delay_ms":
                script.DeltaDelayMs = value.GetInt32();
                break;
            case "timed_deltas":
                script.TimedDeltas = value.GetBoolean();
                break;
            case "delay_ms":
                script.DelayMs = value.GetInt32();
                break;
            case "init_tools":
                script.InitTools = Strings(value);
                break;
            case "init_mcp_servers":
                script.InitMcpServers = Strings(value);
                break;
            case "init_slash_commands":
                script.InitSlashCommands = Strings(value);
                break;
            case "init_skills":
                script.InitSkills = Strings(value);
                break;
            case "init_plugins":
                script.InitPlugins = Plugins(value);
                break;
            case "init_permission_mode":
                script.InitPermissionMode = value.GetString()!;
                break;
            case "init_only_from_turn":
                script.InitOnlyFromTurn = value.GetInt32();
                break;
            case "api_key_source":
                script.ApiKeySource = value.GetString()!;
                break;
            case "token_source":
                script.TokenSource = value.GetString()!;
                break;
            case "ignore_initialize":
                script.IgnoreInitialize = value.GetBoolean();
                break;
            case "refuse_initialize":
                script.RefuseInitialize = value.GetBoolean();
                break;
            case "ignore_eof":
                script.IgnoreEof = value.GetBoolean();
                break;
            case "huge_line_bytes":
                script.HugeLineBytes = value.GetInt32();
                break;
            case "stderr_bytes":
                script.StderrBytes = value.GetInt32();
                break;
            case "message_starts":
                script.MessageStarts = value.GetInt32();
                break;
            case "parked_life_ms":
                script.ParkedLifeMs = value.GetInt32();
                break;
            case "error_status":
                script.ErrorStatus = value.ValueKind == JsonValueKind.Null ? null : value.GetInt32();
                break;
            case "error_name":
                script.ErrorName = value.GetString()!;
                break;
            case "error_text":
                script.ErrorText = value.GetString()!;
                break;
            case "cost_usd":
                script.CostUsd = value.GetDecimal();
                break;
            case "limit_kind":
                script.LimitKind = value.ValueKind == JsonValueKind.Null ? null : value.GetString();
                break;
            case "limit_resets_in":
                script.LimitResetsIn = value.GetInt32();
                break;
            case "terminal_reason":
                script.TerminalReason = value.GetString()!;
                break;
            case "exit_until":
                script.ExitUntil = value.GetInt32();
                break;
            default:
                throw new InvalidDataException($"Unknown property {name} in the script.");
        }
    }

    private static List<string> Strings(JsonElement array)
    {
        var strings = new List<string>();
        foreach (var item in array.EnumerateArray())
        {
            strings.Add(item.GetString()!);
        }

        return strings;
    }

    private static List<FakePlugin> Plugins(JsonElement array)
    {
        var plugins = new List<FakePlugin>();
        foreach (var item in array.EnumerateArray())
        {
            plugins.Add(new FakePlugin(item.GetProperty("name").GetString()!, item.GetProperty("path").GetString()!));
        }

        return plugins;
    }
}
