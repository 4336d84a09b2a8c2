using System.Diagnostics;
using System.Text;
using System.Text.Encodings.Web;

namespace Relay.FakeClaude;

/// <summary>
/// Writes the frames of CLI 2.1.330, copied from its output: same fields, same order (a result's <c>type</c> comes late).
/// One write per frame, as the real one does.
/// </summary>
internal sealed class Frames(Stream output, FakeScript script, string model)
{
    private const string NoUsage =
        """{"output_tokens_details":{"thinking_tokens":0},"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0,"server_tool_use":{"web_search_requests":0,"web_fetch_requests":0},"service_tier":"standard","cache_creation":{"ephemeral_1h_input_tokens":0,"ephemeral_5m_input_tokens":0},"inference_geo":"","iterations":[],"speed":"standard","fallback_credit":null}""";

    private const string Usage =
        """{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2,"output_tokens_details":{"thinking_tokens":0},"server_tool_use":{"web_search_requests":0,"web_fetch_requests":0},"service_tier":"standard","cache_creation":{"ephemeral_1h_input_tokens":0,"ephemeral_5m_input_tokens":0},"inference_geo":"","iterations":[],"speed":"standard","fallback_credit":null}""";

    private const string MessageUsage =
        """{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}""";

    private const string FastMode = "\"fast_mode_state\":\"off\",\"fast_mode_disabled_reason\":\"sdk_opt_in_required\"";

    private const string Subagents =
        """{"spawned":0,"requested":{"background":0,"foreground":0,"unset":0},"started_in_background":0,"max_depth":0,"spawned_by_subagents":0,"completed":0,"failed":0,"killed":{"parent":0,"user":0,"system":0},"refused":{"depth_limit":0,"concurrency_limit":0,"budget":0},"by_type":{}}""";

    private readonly string session = $"{Guid.NewGuid()}";
    private readonly FakeScript locked = new() { Version = script.Version, ApiKeySource = script.ApiKeySource };
    private string model = model;

    /// <summary>Whether the process was told a schema, and so has the one tool that hands an answer in.</summary>
    public bool HasSchema { get; set; }
    private int messages;
    private int results;

    private string ModelUsage =>
        $$$"""{{{{Text(model)}}}:{"inputTokens":10,"outputTokens":2,"cacheReadInputTokens":0,"cacheCreationInputTokens":0,"webSearchRequests":0,"costUSD":0.000002,"contextWindow":1000000,"maxOutputTokens":128000,"thinkingTokens":0,"cacheCreationEphemeral5mInputTokens":0,"cacheCreationEphemeral1hInputTokens":0,"canonicalModel":{{{Text(model)}}},"provider":"firstParty","costBasis":"list"}}""";

    public void Initialized(string id)
    {
        var loggedIn = script.Behavior != FakeBehavior.NotLoggedIn;
        var token = loggedIn ? script.TokenSource : "none";
        var key = loggedIn && script.ApiKeySource != "none" ? $"\"apiKeySource\":{Text(script.ApiKeySource)}," : "";
        Emit(
            $$$"""{"type":"control_response","response":{"subtype":"success","request_id":{{{Text(id)}}},"response":{"commands":[],"agents":[{"name":"claude","description":"Catch-all"}],"output_style":"default","available_output_styles":["default"],"user_output_styles_dir":"/nowhere/.claude/output-styles","models":[{"value":"default","resolvedModel":{{{Text(model)}}},"displayName":"Default (recommended)","description":"Fake"}],"account":{"tokenSource":{{{Text(token)}}},{{{key}}}"apiProvider":"firstParty"},"pid":{{{Environment.ProcessId}}},"claude_code_version":{{{Text(script.Version)}}},"current_permission_mode":"default","hook_on_failure_supported":true,"hooks_when_unanswered_kept":0,"other_hook_ask_outranks_host":true,"feedback_mode":{"kind":"disabled"},"analytics_disabled":true,"remote_control_auto_enable":false,"remote_control_auto_connect_default":false,"remote_control_available":false,"remote_control_auto_on_by_default":false,"ide_rc_auto_enable_gate":false,{{{FastMode}}},"session_state":"idle","capabilities":["ui_surface_v1"]},"pending_permission_requests":[],"pending_user_dialog_requests":[]}}"""
        );
    }

    public void SetModel(string id, string name)
    {
        model = name;
        Emit(
            $$$$"""{"type":"control_response","response":{"subtype":"success","request_id":{{{{Text(id)}}}},"response":{"model":{{{{Text(name)}}}}}}}"""
        );
    }

    public void Applied(string id) =>
        Emit($$$"""{"type":"control_response","response":{"subtype":"success","request_id":{{{Text(id)}}}}}""");

    public void ControlError(string id, string message, string code) =>
        Emit(
            $$$"""{"type":"control_response","response":{"subtype":"error","request_id":{{{Text(id)}}},"error":{{{Text(message)}}},"error_code":{{{Text(code)}}}}}"""
        );

    /// <param name="deviating">Shows the script's own lists instead of those of a locked-down CLI.</param>
    public void Init(bool deviating)
    {
        var shown = deviating ? script : locked;
        var key = script.Behavior == FakeBehavior.NotLoggedIn ? "none" : shown.ApiKeySource;
        var servers = List(shown.InitMcpServers, name => $$"""{"name":{{Text(name)}},"status":"connected"}""");
        var plugins = List(shown.InitPlugins, Plugin);
        var folder = Text(Environment.CurrentDirectory);
        Emit(
            $$"""{"type":"system","subtype":"init","cwd":{{folder}},"session_id":"{{session}}","tools":{{Names(HasSchema ? ["StructuredOutput", .. shown.InitTools] : shown.InitTools)}},"mcp_servers":{{servers}},"model":{{Text(model)}},"permissionMode":{{Text(shown.InitPermissionMode)}},"slash_commands":{{Names(shown.InitSlashCommands)}},"apiKeySource":{{Text(key)}},"claude_code_version":{{Text(shown.Version)}},"output_style":"default","agents":["claude","Explore","general-purpose","Plan","statusline-setup"],"skills":{{Names(shown.InitSkills)}},"plugins":{{plugins}},"capabilities":["interrupt_receipt_v1","msg_lifecycle_v1","ui_surface_v1"],"analytics_disabled":true,"product_feedback_disabled":true,"served_by_anthropic":false,"uuid":"{{Guid.NewGuid()}}","original_cwd":{{folder}},"additional_directories":[],{{FastMode}},"per_turn_effort_active":true,"ultrathink_available":false,"ultrathink_typed_raises":false,"view_mode":"default"}"""
        );
    }

    public void Status() =>
        Emit($$"""{"type":"system","subtype":"status","status":"requesting","session_id":"{{session}}","uuid":"{{Guid.NewGuid()}}"}""");

    public void ApiRetry(int attempt) =>
        Emit(
            $$"""{"type":"system","subtype":"api_retry","attempt":{{attempt}},"max_retries":10,"retry_delay_ms":1000,"error_status":401,"error":"authentication_failed","session_id":"{{session}}","uuid":"{{Guid.NewGuid()}}"}"""
        );

    /// <summary>One whole model message: its stream events, and the assistant frame where the real one puts it.</summary>
    public void Message(string text, int deltas)
    {
        messages++;
        string Body(string content, string more = "") =>
            $$"""{"id":"msg_{{messages}}","type":"message","role":"assistant","model":{{Text(model)}},"content":[{{content}}],"stop_reason":null,"stop_sequence":null,"usage":{{MessageUsage}}{{more}}}""";

        Event($$"""{"type":"message_start","message":{{Body("")}}}""", "\"ttft_ms\":1,\"thinking_display\":\"updates\",");
        Event("""{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""");
        if (script.TimedDeltas)
        {
            TimedDeltas(deltas);
        }
        else
        {
            foreach (var piece in Pieces(text, deltas))
            {
                Event($$$"""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":{{{Text(piece)}}}}}""");
            }
        }

        var whole = Body($$"""{"type":"text","text":{{Text(text)}}}""", ",\"context_management\":null");
        Emit(
            $$"""{"type":"assistant","message":{{whole}},"parent_tool_use_id":null,"session_id":"{{session}}","uuid":"{{Guid.NewGuid()}}","timestamp":"{{TimeProvider.System.GetUtcNow():O}}"}"""
        );
        Event("""{"type":"content_block_stop","index":0}""");
        Event("""{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":2}}""");
        Event("""{"type":"message_stop"}""");
    }

    /// <summary>With as little work as can be: a hundred of these processes share a machine with what is measured.</summary>
    private void TimedDeltas(int deltas)
    {
        const string Mark = "MOMENT";
        var frame =
            $$$"""{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"{{{Mark}}} "}},"session_id":"{{{session}}}","parent_tool_use_id":null,"uuid":"{{{Guid.NewGuid()}}}"}"""
            + "\n";
        var parts = frame.Split(Mark).Select(Encoding.UTF8.GetBytes).ToArray();
        var line = new byte[frame.Length + 20];
        for (var delta = 0; delta < deltas; delta++)
        {
            if (delta > 0 && script.DeltaDelayMs > 0)
            {
#pragma warning disable RS0030 // A timer would wake a second thread for each token.
                Thread.Sleep(script.DeltaDelayMs);
#pragma warning restore RS0030
            }

            parts[0].CopyTo(line, 0);
            Stopwatch.GetTimestamp().TryFormat(line.AsSpan(parts[0].Length), out var digits);
            parts[1].CopyTo(line, parts[0].Length + digits);
            output.Write(line.AsSpan(0, parts[0].Length + digits + parts[1].Length));
        }
    }

    public void Result(string text) => Emit(SuccessFrame(Text(text)));

    /// <summary>The result of a turn that asks the model nothing (<c>shouldQuery: false</c>).</summary>
    public void EmptyResult() =>
        Emit(
            $$$"""{"is_error":false,"duration_api_ms":0,"num_turns":0,"stop_reason":null,"session_id":"{{{session}}}","total_cost_usd":0,"usage":{{{NoUsage}}},"modelUsage":{},"permission_denials":[],{{{FastMode}}},"subagent_stats":{{{Subagents}}},"safety_stops":0,"subtype":"success","result":"","type":"result","duration_ms":1,"uuid":"{{{Guid.NewGuid()}}}","queued_turn_count":0,"result_index":{{{results++}}},"model_usage_since_last_result":{}}"""
        );

    public void Error(int? status, string name, string text, string reason)
    {
        var code = status is { } number ? $"{number}" : "null";
        var frameStatus = status is null ? "" : $",\"api_error_status\":{code}";
        Emit(
            $$"""{"type":"assistant","message":{"diagnostics":null,"id":"{{Guid.NewGuid()}}","container":null,"model":"<synthetic>","role":"assistant","stop_details":null,"stop_reason":"stop_sequence","stop_sequence":"","type":"message","usage":{{NoUsage}},"content":[{"type":"text","text":{{Text(text)}}}],"context_management":null},"parent_tool_use_id":null,"session_id":"{{session}}","uuid":"{{Guid.NewGuid()}}","timestamp":"{{TimeProvider.System.GetUtcNow():O}}","error":{{Text(name)}},"is_api_error_message":true{{frameStatus}}}"""
        );
        Emit(
            $$$"""{"duration_api_ms":0,"stop_reason":"stop_sequence","session_id":"{{{session}}}","total_cost_usd":0,"usage":{{{NoUsage}}},"modelUsage":{},"permission_denials":[],"terminal_reason":{{{Text(reason)}}},{{{FastMode}}},"subagent_stats":{{{Subagents}}},"safety_stops":0,"is_error":true,"num_turns":1,"subtype":"success","api_error_status":{{{code}}},"result":{{{Text(text)}}},"type":"result","duration_ms":1,"uuid":"{{{Guid.NewGuid()}}}","begun_message_ids":[],"queued_turn_count":0,"result_index":{{{results++}}},"model_usage_since_last_result":{}}"""
        );
    }

    /// <summary>The event of a limit that was hit, if the script names one.</summary>
    public void LimitRejected()
    {
        if (script.LimitKind is { } kind)
        {
            var resetsAt = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + script.LimitResetsIn;
            Emit(
                $$$"""{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":{{{resetsAt}}},"rateLimitType":{{{Text(kind)}}}},"uuid":"{{{Guid.NewGuid()}}}","session_id":"{{{session}}}"}"""
            );
        }
    }

    public void MaxTurns() =>
        Emit(
            $$"""{"duration_api_ms":1,"stop_reason":"tool_use","session_id":"{{session}}","total_cost_usd":0.000002,"usage":{{Usage}},"modelUsage":{{ModelUsage}},"permission_denials":[],"terminal_reason":"max_turns",{{FastMode}},"subagent_stats":{{Subagents}},"safety_stops":0,"is_error":true,"num_turns":2,"subtype":"error_max_turns","errors":["Reached maximum number of turns (1)"],"type":"result","duration_ms":1,"uuid":"{{Guid.NewGuid()}}","begun_message_ids":["msg_{{messages}}"],"queued_turn_count":0,"result_index":{{results++}},"model_usage_since_last_result":{{ModelUsage}}}"""
        );

    public void HalfResult(string text)
    {
        var frame = SuccessFrame(Text(text));
        Write(frame[..(frame.Length / 2)]);
    }

    /// <summary>A valid result whose text has <paramref name="bytes"/> bytes, without ever holding it in memory.</summary>
    public void HugeResult(long bytes)
    {
        var parts = SuccessFrame("\n").Split('\n');
        Write(parts[0] + '"');
        var chunk = new byte[64 * 1024];
        Array.Fill(chunk, (byte)'a');
        for (var left = bytes; left > 0; left -= chunk.Length)
        {
            output.Write(chunk.AsSpan(0, (int)Math.Min(left, chunk.Length)));
        }

        Emit('"' + parts[1]);
    }

    public void Garbage(long lines)
    {
        for (var line = 0L; line < lines; line++)
        {
            Emit("<html> this is not JSON {{{ \u0001");
        }
    }

    /// <param name="result">The answer as a JSON string, quotes included.</param>
    private string SuccessFrame(string result) =>
        $$"""{"duration_api_ms":1,"stop_reason":"end_turn","session_id":"{{session}}","total_cost_usd":{{script.CostUsd}},"usage":{{Usage}},"modelUsage":{{ModelUsage}},"permission_denials":[],"terminal_reason":"completed",{{FastMode}},"subagent_stats":{{Subagents}},"safety_stops":0,"is_error":false,"num_turns":1,"subtype":"success","api_error_status":null,{{(HasSchema ? $"\"structured_output\":{script.StructuredOutput}," : string.Empty)}}"result":{{result}},"ttft_ms":1,"type":"result","duration_ms":1,"uuid":"{{Guid.NewGuid()}}","begun_message_ids":["msg_{{messages}}"],"ttft_stream_ms":1,"time_to_request_ms":1,"first_content_frame_ms":1,"queued_turn_count":0,"result_index":{{results++}},"model_usage_since_last_result":{{ModelUsage}}}""";

    private void Event(string body, string more = "") =>
        Emit(
            $$"""{"type":"stream_event","event":{{body}},"session_id":"{{session}}","parent_tool_use_id":null,"uuid":"{{Guid.NewGuid()}}",{{more}}"api_message_id":"msg_{{messages}}"}"""
        );

    /// <summary>Cuts the text into pieces of about the same length, never through a surrogate pair.</summary>
    private static IEnumerable<string> Pieces(string text, int count)
    {
        var start = 0;
        for (var piece = 1; piece <= count; piece++)
        {
            var end = (int)((long)text.Length * piece / count);
            end += end < text.Length && char.IsLowSurrogate(text[end]) ? 1 : 0;
            yield return text[start..end];
            start = end;
        }
    }

    private static string Plugin(FakePlugin plugin) =>
        $$"""{"name":{{Text(plugin.Name)}},"path":{{Text(plugin.Path)}},"source":{{Text($"{plugin.Name}@{(plugin.Path == "builtin" ? "builtin" : "inline")}")}}}""";

    private static string Names(IEnumerable<string> names) => List(names, Text);

    private static string List<T>(IEnumerable<T> items, Func<T, string> write) => $"[{string.Join(',', items.Select(write))}]";

    /// <summary>The text as a JSON string. The relaxed encoder leaves non-ASCII text as it is, as the real CLI does.</summary>
    private static string Text(string text) => $"\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text)}\"";

    private void Emit(string frame) => Write(frame + "\n");

    private void Write(string text) => output.Write(Encoding.UTF8.GetBytes(text));
}
