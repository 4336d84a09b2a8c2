using System.Text.Json;
using System.Text.RegularExpressions;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// Proves that a request to the Messages API holds exactly the caller's input, block for block and letter for letter, and around it
/// nothing but the values that the rehearsal showed.
/// <code>
/// field                      may vary because
/// system[0].text             the last three digits of cc_version depend on the prompt
/// metadata.user_id           device and session id are random per home and process
/// messages, role system      an empty one stands after the first turn of a history; the note stands after the last turn
/// the note's date            a day ends while a process is parked
/// thinking.budget_tokens     older models have one, below max_tokens
/// output_config.effort       the caller's, or the executable's default for the model
/// cache_control              at most four, each of the form that the rehearsal showed
/// temperature, top_p, top_k  the caller's, and none where the caller named none; stop_sequences, too
/// thinking                   the caller's, where there is one; context_management is then empty for a model that shall not think
/// tools the caller's, and tool_choice beside them; with a schema, the tool that hands the answer in, and a placeholder
/// safeguards                 2.1.290 sends it with the first request of a process only
/// </code>
/// </summary>
internal sealed partial class RequestProof
{
    private const int MaxBreakpoints = 4;

    /// <summary>The API's least. Claude Code sends it with smaller caps on the answer, too.</summary>
    private const int MinThinkingBudget = 1024;

    private const int MaxToolDescription = 400;
    private const int MaxSchemaComplaint = 4096;
    private const string PlaceholderTool = "DeferredToolPlaceholder";
    private const string ReminderStart = "<system-reminder>\n";

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 128 };

    private readonly TurnExpectation _expected;
    private readonly IReadOnlyList<JsonElement> _handedIn;
    private readonly DateOnly _today;
    private string? _cacheControl;
    private string? _effort;
    private string _note = string.Empty;
    private NotePlacement _placement = NotePlacement.Absent;
    private int _breakpoints;
    private int _complaints;

    private RequestProof(TurnExpectation expected, IReadOnlyList<JsonElement> handedIn, DateOnly today) =>
        (_expected, _handedIn, _today) = (expected, handedIn, today);

    /// <summary>Compares a request with the expected one.</summary>
    /// <param name="body">The request's body.</param>
    /// <param name="headers">The headers that would go out, as <see cref="RequestHeaders.Read"/> wrote them.</param>
    /// <param name="expected">The caller's part.</param>
    /// <param name="handedIn">With a schema, the content blocks of the earlier attempts as the API sent them; else empty.</param>
    /// <param name="today">The date in UTC.</param>
    public static ProofResult Prove(
        ReadOnlyMemory<byte> body,
        string headers,
        TurnExpectation expected,
        IReadOnlyList<JsonElement> handedIn,
        DateOnly today
    )
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(body, Strict);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return ProofResult.Refused(GateRefusal.Body, "the body is not JSON with unique names");
        }

        using (document)
        {
            try
            {
                return new RequestProof(expected, handedIn, today).Prove(document.RootElement, headers);
            }
            catch (DifferenceException difference)
            {
                return ProofResult.Refused(difference.Refusal, difference.Message);
            }
            catch (Exception exception) when (exception is InvalidOperationException or FormatException)
            {
                // A value of another kind than the field's, or half of a surrogate pair.
                return ProofResult.Refused(GateRefusal.Shape, "a value of another kind");
            }
        }
    }

    private ProofResult Prove(JsonElement body, string headers)
    {
        OnlyMembers(
            body,
            "the body",
            [
                .. _expected.Extra.Names,
                "model",
                "messages",
                "system",
                "tools",
                "metadata",
                "max_tokens",
                "thinking",
                "context_management",
                "output_config",
                "stream",
                "safeguards",
            ]
        );
        ProveParameters(body);
        ProveTools(body);
        Require(body.Member("stream")?.ValueKind == JsonValueKind.True, GateRefusal.Shape, "stream");
        Require(
            !body.TryGetProperty("safeguards", out var safeguards) || Safeguards().IsMatch(safeguards.GetRawText()),
            GateRefusal.Shape,
            "safeguards"
        );
        var userId = ReadUserId(body);
        var (billing, identity) = ProveSystem(Needed(body, "system"));
        ProveMessages(Needed(body, "messages"));
        var tools = ReadTools(body.Member("tools"));
        var maxTokens = Needed(body, "max_tokens").GetInt64();
        var cap = Math.Min(_expected.MaxOutputTokens, _expected.Shape?.MaxTokens ?? long.MaxValue);
        Require(_expected.Shape is null ? maxTokens > 0 && maxTokens <= cap : maxTokens == cap, GateRefusal.CallersPart, "max_tokens");
        var accepted = _expected.Shape;
        var isThinkingGiven = _expected.Extra.Thinking is not null;
        var thinking = isThinkingGiven ? accepted?.Thinking ?? string.Empty : ReadThinking(body.Member("thinking"), maxTokens);
        if (body.Member("output_config") is { } outputConfig)
        {
            ProveEffort(outputConfig);
        }

        Require(_breakpoints <= MaxBreakpoints, GateRefusal.Shape, "more than four cache breakpoints");
        Require(
            _expected.Effort is null || _effort is null || _effort == _expected.Effort.Value.WireName(),
            GateRefusal.CallersPart,
            "effort"
        );
        var shape = new RequestShape(
            ReadModel(Needed(body, "model")),
            billing,
            identity,
            _placement,
            _note,
            thinking,
            _expected.Extra.ClearsContextManagement
                ? accepted?.ContextManagement ?? string.Empty
                : ReadContextManagement(body.Member("context_management")),
            _expected.Effort is null ? _effort : accepted?.Effort,
            _cacheControl ?? string.Empty,
            isThinkingGiven && accepted is not null && headers == RequestHeaders.WithoutThinkingDisplay(accepted.Headers)
                ? accepted.Headers
                : headers,
            tools,
            maxTokens
        );
        return accepted is not null && shape.FindDifference(accepted) is { } difference
            ? new ProofResult(shape, GateRefusal.Shape, difference)
            : new ProofResult(shape, null, null, userId);
    }

    /// <summary>Proves the fields that the relay laid over the body, each with exactly its value.</summary>
    private void ProveParameters(JsonElement body)
    {
        var extra = _expected.Extra;
        ProveNumber(body, "temperature", extra.Parameters.Temperature);
        ProveNumber(body, "top_p", extra.Parameters.TopP);
        ProveNumber(body, "top_k", extra.Parameters.TopK);
        if (extra.StopSequences.Count > 0)
        {
            var sequences = Needed(body, "stop_sequences", GateRefusal.CallersPart).EnumerateArray().ToList();
            Require(
                sequences.Count == extra.StopSequences.Count
                    && sequences.Zip(extra.StopSequences).All(pair => pair.First.ValueEquals(pair.Second)),
                GateRefusal.CallersPart,
                "stop_sequences"
            );
        }

        if (extra.Thinking is { } wanted)
        {
            var thinking = Needed(body, "thinking", GateRefusal.CallersPart);
            OnlyMembers(thinking, "thinking", "type", "budget_tokens", "display");
            Require(
                thinking.Text("type") == wanted.Type
                    && thinking.Number("budget_tokens") == wanted.BudgetTokens
                    && thinking.Text("display") == wanted.Display,
                GateRefusal.CallersPart,
                "thinking"
            );
        }

        if (extra.ClearsContextManagement)
        {
            var management = Needed(body, "context_management", GateRefusal.CallersPart);
            OnlyMembers(management, "context_management", "edits");
            Require(Needed(management, "edits").GetArrayLength() == 0, GateRefusal.CallersPart, "context_management");
        }
    }

    private static void ProveNumber(JsonElement body, string name, double? wanted)
    {
        if (wanted is { } number)
        {
            var value = Needed(body, name, GateRefusal.CallersPart);
            Require(
                value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var given) && given == number,
                GateRefusal.CallersPart,
                name
            );
        }
    }

    private static string ReadUserId(JsonElement body)
    {
        var metadata = Needed(body, "metadata");
        OnlyMembers(metadata, "metadata", "user_id");
        var userId = metadata.Text("user_id") ?? string.Empty;
        Require(UserId().IsMatch(userId), GateRefusal.Shape, "metadata.user_id");
        return userId;
    }

    private (string Billing, string Identity) ProveSystem(JsonElement system)
    {
        var blocks = system.GetArrayLength();
        Require(blocks == (_expected.System is null ? 2 : 3), GateRefusal.CallersPart, "the number of system blocks");
        var billing = BillingVersion().Match(ReadText(system[0], GateRefusal.Shape, "system[0]"));
        Require(billing.Success, GateRefusal.Shape, "system[0]");
        var identity = ReadText(system[1], GateRefusal.Shape, "system[1]");
        Require(Identity().IsMatch(identity), GateRefusal.Shape, "system[1]");
        if (_expected.System is { } words)
        {
            ProveText(system[2], words, "system[2]");
        }

        return (billing.Groups["fixed"].Value + billing.Groups["rest"].Value, identity);
    }

    private void ProveMessages(JsonElement messages)
    {
        var turns = _expected.Conversation.Turns;
        var next = 0;
        using var list = messages.EnumerateArray();
        var enumerator = list.GetEnumerator();
        var left = enumerator.MoveNext();
        for (; next < turns.Count; next++)
        {
            Require(left, GateRefusal.CallersPart, "a turn is missing");
            ProveTurn(enumerator.Current, turns[next], isLast: next == turns.Count - 1, next);
            left = enumerator.MoveNext();
            if (left && enumerator.Current.Text("role") == "system" && (next == 0 || next == turns.Count - 1))
            {
                ProveSystemMessage(enumerator.Current);
                left = enumerator.MoveNext();
            }
        }

        if (_handedIn.Count > 0)
        {
            ProveAttempts(enumerator, left);
            return;
        }

        Require(!left, GateRefusal.CallersPart, "a message more");
    }

    private void ProveTurn(JsonElement message, ChatMessage turn, bool isLast, int number)
    {
        OnlyMembers(message, $"messages[{number}]", "role", "content");
        Require(
            message.Text("role") == (turn.Role == ChatRole.User ? "user" : "assistant"),
            GateRefusal.CallersPart,
            $"the role of turn {number}"
        );
        var content = Needed(message, "content");
        if (content.ValueKind == JsonValueKind.String)
        {
            Require(turn.Content is [TextBlock only] && content.ValueEquals(only.Text.Reveal()), GateRefusal.CallersPart, $"turn {number}");
            return;
        }

        var blocks = content.EnumerateArray().ToList();
        if (turn.Content.Any(block => block is ToolResultBlock))
        {
            ProveResults(blocks, turn, isLast, number);
            return;
        }

        if (ClaudeInput.SplitNoContent(turn) is { } parts)
        {
            Require(blocks.Count == parts.Count, GateRefusal.CallersPart, $"the number of blocks of turn {number}");
            for (var index = 0; index < parts.Count; index++)
            {
                Require(
                    ReadText(blocks[index], GateRefusal.CallersPart, $"turn {number}") == parts[index],
                    GateRefusal.CallersPart,
                    $"turn {number}"
                );
            }

            return;
        }

        var reminders = isLast || number == 0 ? blocks.TakeWhile(IsReminder).Count() : 0;
        reminders = Math.Min(reminders, blocks.Count - turn.Content.Count);
        if (reminders > 0)
        {
            Note(
                NotePlacement.Reminders,
                string.Concat(blocks.Take(reminders).Select(block => ReadText(block, GateRefusal.Shape, "a reminder").TrimEnd('\n') + "\n"))
            );
        }

        Require(
            blocks.Count - Math.Max(reminders, 0) == turn.Content.Count,
            GateRefusal.CallersPart,
            $"the number of blocks of turn {number}"
        );
        for (var index = 0; index < turn.Content.Count; index++)
        {
            ProveBlock(blocks[index + reminders], turn.Content[index], $"block {index} of turn {number}");
        }
    }

    private void ProveBlock(JsonElement block, ContentBlock expected, string where)
    {
        switch (expected)
        {
            case TextBlock words:
                ProveText(block, words.Text, where);
                break;
            case ImageBlock image:
                OnlyMembers(block, where, "type", "source", "cache_control");
                CountBreakpoint(block);
                var source = Needed(block, "source");
                OnlyMembers(source, where, "type", "media_type", "data");
                Require(
                    block.Text("type") == "image"
                        && source.Text("type") == "base64"
                        && source.Text("media_type") == image.MediaType
                        && Needed(source, "data").ValueEquals(image.Reveal()),
                    GateRefusal.CallersPart,
                    where
                );
                break;
            case ImageLink link:
                OnlyMembers(block, where, "type", "source", "cache_control");
                CountBreakpoint(block);
                var address = Needed(block, "source");
                OnlyMembers(address, where, "type", "url");
                Require(
                    block.Text("type") == "image" && address.Text("type") == "url" && Needed(address, "url").ValueEquals(link.Reveal()),
                    GateRefusal.CallersPart,
                    where
                );
                break;
            case DocumentBlock document:
                ProveDocument(block, document, where);
                break;
            case ToolCallBlock { Call: var call }:
                ProveCall(block, call, where);
                break;
            default:
                throw new DifferenceException(GateRefusal.CallersPart, where);
        }
    }

    private void ProveText(JsonElement block, PromptText words, string where)
    {
        OnlyMembers(block, where, "type", "text", "cache_control");
        CountBreakpoint(block);
        Require(block.Text("type") == "text" && Needed(block, "text").ValueEquals(words.Reveal()), GateRefusal.CallersPart, where);
    }

    /// <summary>
    /// Proves a message of the system. Newer models have an empty message after the first turn of a history, which holds the effort, and
    /// the note after the last turn. opus-4-8 has the note after the first turn.
    /// </summary>
    private void ProveSystemMessage(JsonElement message)
    {
        OnlyMembers(message, "a system message", "role", "content", "output_config");
        if (message.Member("output_config") is { } outputConfig)
        {
            ProveEffort(outputConfig);
        }

        var content = Needed(message, "content");
        if (content.ValueKind == JsonValueKind.Array && content.GetArrayLength() == 0)
        {
            return;
        }

        Require(content.ValueKind == JsonValueKind.String || content.GetArrayLength() == 1, GateRefusal.Shape, "the note");
        Note(
            NotePlacement.SystemMessage,
            content.ValueKind == JsonValueKind.String ? content.GetString()! : ReadText(content[0], GateRefusal.Shape, "the note")
        );
    }

    /// <summary>Takes the note. Older models have it after the first turn of a history, and its last line after the last turn.</summary>
    private void Note(NotePlacement placement, string text)
    {
        Require(_placement == NotePlacement.Absent || _placement == placement, GateRefusal.Shape, "the note's place");
        _placement = placement;
        _note += EnvironmentNote.Read(text, _today) ?? throw new DifferenceException(GateRefusal.Shape, "a line of the note");
        Require(_note.Length <= EnvironmentNote.MaxLength, GateRefusal.Shape, "the note's length");
    }

    private void ProveEffort(JsonElement outputConfig)
    {
        OnlyMembers(outputConfig, "output_config", "effort");
        var effort = outputConfig.Text("effort");
        Require(
            effort is { Length: <= 8 } && effort.All(char.IsAsciiLetterLower) && (_effort ?? effort) == effort,
            GateRefusal.Shape,
            "output_config"
        );
        _effort = effort;
    }

    private string ReadModel(JsonElement model)
    {
        var name = model.GetString()!;
        // A full id comes from the caller, with letters that Claude Code may send unchanged.
        Require(ModelId().IsMatch(name), GateRefusal.CallersPart, "model");
        // A retired id is sent as a newer one of its family.
        var asked = FamilyOf(_expected.Model);
        Require(asked is null || FamilyOf(name) == asked, GateRefusal.Shape, "the model's family");
        return name;
    }

    private static string? FamilyOf(string model) => ModelName.Create(model) is { Error: null, Value: var name } ? name.Family : null;

    private static string ReadThinking(JsonElement? thinking, long maxTokens)
    {
        if (thinking is not { } value)
        {
            return string.Empty;
        }

        OnlyMembers(value, "thinking", "type", "display", "budget_tokens");
        Require(
            !value.TryGetProperty("budget_tokens", out var budget)
                || (budget.TryGetInt64(out var tokens) && (tokens == MinThinkingBudget || (tokens > 0 && tokens < maxTokens))),
            GateRefusal.CallersPart,
            "thinking.budget_tokens"
        );
        var (type, display) = (value.Text("type"), value.Text("display"));
        Require(
            type is "adaptive" or "enabled" or "disabled" && display is null or "updates" or "summarized" or "omitted",
            GateRefusal.Shape,
            "thinking"
        );
        return $"{type} {display}";
    }

    private static string ReadContextManagement(JsonElement? contextManagement)
    {
        if (contextManagement is not { } value)
        {
            return string.Empty;
        }

        var text = value.GetRawText();
        Require(ContextEdits().IsMatch(text), GateRefusal.Shape, "context_management");
        return text;
    }

    private void CountBreakpoint(JsonElement block)
    {
        if (block.Member("cache_control") is not { } control)
        {
            return;
        }

        OnlyMembers(control, "cache_control", "type", "ttl");
        var form = $"{control.Text("type")} {control.Text("ttl")}";
        Require(
            form is "ephemeral " or "ephemeral 1h" or "ephemeral 5m" && (_cacheControl ?? form) == form,
            GateRefusal.Shape,
            "cache_control"
        );
        (_cacheControl, _breakpoints) = (form, _breakpoints + 1);
    }

    private string ReadText(JsonElement block, GateRefusal refusal, string where)
    {
        OnlyMembers(block, where, "type", "text", "cache_control");
        CountBreakpoint(block);
        Require(block.Text("type") == "text", refusal, where);
        return Needed(block, "text").GetString()!;
    }

    private static bool IsReminder(JsonElement block) =>
        block.Member("text") is { ValueKind: JsonValueKind.String } text
        && text.GetString()!.StartsWith(ReminderStart, StringComparison.Ordinal);

    private static JsonElement Needed(JsonElement parent, string name, GateRefusal refusal = GateRefusal.Shape) =>
        parent.Member(name) ?? throw new DifferenceException(refusal, $"'{name}' is missing");

    private static void OnlyMembers(JsonElement element, string where, params ReadOnlySpan<string> names)
    {
        Require(element.ValueKind == JsonValueKind.Object, GateRefusal.Shape, $"{where} is not an object");
        foreach (var member in element.EnumerateObject())
        {
            if (!names.Contains(member.Name))
            {
                // Without the field's name: a hostile one may hold anything.
                throw new DifferenceException(GateRefusal.Shape, $"{where} has a field more");
            }
        }
    }

    private static void Require(bool holds, GateRefusal refusal, string where)
    {
        if (!holds)
        {
            throw new DifferenceException(refusal, where);
        }
    }

    [GeneratedRegex(
        @"^(?<fixed>x-anthropic-billing-header: cc_version=[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,5}\.)[0-9a-f]{3}(?<rest>; "
            + @"cc_entrypoint=[a-z-]{1,20};)\z",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex BillingVersion();

    [GeneratedRegex(@"^[A-Za-z0-9 .,';:()-]{1,300}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Identity();

    [GeneratedRegex(
        @"^\{""device_id"":""[0-9a-f]{64}"",""account_uuid"":"""",""session_id"":""[0-9a-f-]{36}""\}\z",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex UserId();

    [GeneratedRegex(@"^[\{\}\[\],:""a-z0-9_ -]{1,200}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Safeguards();

    [GeneratedRegex(@"^[A-Za-z0-9._@:-]{1,100}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ModelId();

    [GeneratedRegex(
        @"^\{""edits"":\[\{""type"":""clear_thinking_[0-9]{8}"",""keep"":""all""\}\]\}\z",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex ContextEdits();

    [GeneratedRegex(@"^[\x20-\x7e]{1,400}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Printable();

    private sealed class DifferenceException(GateRefusal refusal, string where) : Exception(where)
    {
        public GateRefusal Refusal { get; } = refusal;
    }
}
