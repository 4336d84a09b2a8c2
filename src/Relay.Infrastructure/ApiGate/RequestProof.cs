using System.Text.Json;
using System.Text.RegularExpressions;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Infrastructure.ClaudeCode;
using static Relay.Infrastructure.ApiGate.ProofRules;

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
/// thinking                   the caller's, where there is one; context_management is then empty for a model that shall not think
/// output_config.effort       the caller's, or the executable's default for the model
/// output_config.format       the caller's schema, beside tools only
/// cache_control              at most four, each of the form that the rehearsal showed
/// temperature, top_p, top_k  the caller's, and none where the caller named none; stop_sequences, too
/// tools                      the caller's, and tool_choice beside them; with a schema, the tool for the answer, and a placeholder
/// safeguards                 2.1.290 sends it with the first request of a process only
/// </code>
/// </summary>
internal sealed partial class RequestProof
{
    private const int MaxBreakpoints = 4;

    /// <summary>The API's least. Claude Code sends it with smaller caps on the answer, too.</summary>
    private const int MinThinkingBudget = 1024;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 128 };

    private readonly TurnExpectation _expected;
    private readonly IReadOnlyList<JsonElement> _handedIn;
    private readonly SeenShape _seen;

    private RequestProof(TurnExpectation expected, IReadOnlyList<JsonElement> handedIn, DateOnly today) =>
        (_expected, _handedIn, _seen) = (expected, handedIn, new SeenShape(today));

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
        ParameterProof.Prove(body, _expected);
        var tools = new ToolProof(_expected, _seen);
        tools.ProveTools(body);
        Require(body.Member("stream")?.ValueKind == JsonValueKind.True, GateRefusal.Shape, "stream");
        Require(
            !body.TryGetProperty("safeguards", out var safeguards) || Safeguards().IsMatch(safeguards.GetRawText()),
            GateRefusal.Shape,
            "safeguards"
        );
        var userId = ReadUserId(body);
        var (billing, identity) = ProveSystem(Needed(body, "system"));
        new MessageProof(_expected, _handedIn, _seen).ProveMessages(Needed(body, "messages"));
        var declared = tools.ReadTools(body.Member("tools"));
        var maxTokens = Needed(body, "max_tokens").GetInt64();
        var cap = Math.Min(_expected.MaxOutputTokens, _expected.Shape?.MaxTokens ?? long.MaxValue);
        Require(_expected.Shape is null ? maxTokens > 0 && maxTokens <= cap : maxTokens == cap, GateRefusal.CallersPart, "max_tokens");
        var accepted = _expected.Shape;
        var isThinkingGiven = _expected.Extra.Thinking is not null;
        var thinking = isThinkingGiven ? accepted?.Thinking ?? string.Empty : ReadThinking(body.Member("thinking"), maxTokens);
        if (body.Member("output_config") is { } outputConfig)
        {
            _seen.ProveEffort(outputConfig, _expected.Extra.Format is not null);
        }

        Require(_seen.Breakpoints <= MaxBreakpoints, GateRefusal.Shape, "more than four cache breakpoints");
        Require(
            _expected.Effort is null || _seen.Effort is null || _seen.Effort == _expected.Effort.Value.WireName(),
            GateRefusal.CallersPart,
            "effort"
        );
        var shape = new RequestShape(
            ReadModel(Needed(body, "model")),
            billing,
            identity,
            _seen.Placement,
            _seen.NoteText,
            thinking,
            _expected.Extra.ClearsContextManagement
                ? accepted?.ContextManagement ?? string.Empty
                : ReadContextManagement(body.Member("context_management")),
            _expected.Effort is null ? _seen.Effort : accepted?.Effort,
            _seen.CacheControl ?? string.Empty,
            isThinkingGiven && accepted is not null && headers == RequestHeaders.WithoutThinkingDisplay(accepted.Headers)
                ? accepted.Headers
                : headers,
            declared,
            maxTokens
        );
        return accepted is not null && shape.FindDifference(accepted) is { } difference
            ? new ProofResult(shape, GateRefusal.Shape, difference)
            : new ProofResult(shape, null, null, userId);
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
        var billing = BillingVersion().Match(_seen.ReadText(system[0], GateRefusal.Shape, "system[0]"));
        Require(billing.Success, GateRefusal.Shape, "system[0]");
        var identity = _seen.ReadText(system[1], GateRefusal.Shape, "system[1]");
        Require(Identity().IsMatch(identity), GateRefusal.Shape, "system[1]");
        if (_expected.System is { } words)
        {
            _seen.ProveText(system[2], words, "system[2]");
        }

        return (billing.Groups["fixed"].Value + billing.Groups["rest"].Value, identity);
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
}
