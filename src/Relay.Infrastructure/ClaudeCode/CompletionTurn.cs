using System.Collections.Frozen;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;
using Relay.Infrastructure.ApiGate;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Follows the frames of one turn. No frame counts as an answer before the <c>init</c> frame has passed. A result is an answer only when
/// it says <c>success</c> and <c>is_error: false</c>, because Claude Code puts the text of its errors into results. A message that stops
/// at the output cap, with a refusal or without visible text ends the turn here: otherwise Claude Code would call the API again (three
/// times, once and once, measured on 2.1.330).
/// </summary>
/// <param name="version">The version that the self-test found.</param>
/// <param name="maxApiCalls">Calls of the API that the CLI's own retries can explain.</param>
/// <param name="clock">The clock, for the reset time of a rate limit.</param>
internal sealed class CompletionTurn(Version version, int maxApiCalls, TimeProvider clock)
{
    /// <summary>A pause longer than any of the CLI's own doubling.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(12);

    /// <summary>The model that messages of Claude Code itself name.</summary>
    private const string NoModel = "<synthetic>";

    private AnswerBlocks? _blocks;
    private readonly TurnTokens _tokens = new();
    private readonly TurnFailures _failures = new(clock);
    private readonly StringBuilder _handedIn = new();

    private bool _initPassed;
    private bool _messageEnded;
    private string? _messageId;
    private int _apiCalls;
    private int _wholeMessages;
    private string? _stopReason;
    private string? _stopSequence;
    private TokenUsage? _finalUsage;
    private string? _assistantError;

    /// <summary>
    /// The number of control requests whose answers are still to come. A CLI that begins the turn before them would answer under another
    /// system prompt or as another model.
    /// </summary>
    public int PendingControls { get; set; }

    /// <summary>The number of earlier turns whose empty results are still to come. None of them may reach the API.</summary>
    public int PendingHistory { get; set; }

    /// <summary>
    /// The model that was asked, where the API's answer comes through the gate; null where only Claude Code's own frames tell the answer.
    /// </summary>
    public ModelName? Gated { get; init; }

    /// <summary>
    /// Whether the answer must fit a schema that the process was told: it is then handed in with a tool, and may take several attempts.
    /// </summary>
    public bool HasSchema { get; init; }

    /// <summary>Whether the API itself holds the words of the answer to a schema.</summary>
    public bool HasFormat { get; init; }

    /// <summary>The names of the tools that the model may call; empty when it may call none.</summary>
    public IReadOnlySet<string> Tools { get; init; } = FrozenSet<string>.Empty;

    /// <summary>Whether the caller gets the model's thoughts.</summary>
    public bool ShowsThoughts { get; init; }

    /// <summary>Whether the answer may cite documents.</summary>
    public bool HasCitations { get; init; }

    /// <summary>Texts at which the relay ends the answer, because the API does not look for them; null for none.</summary>
    public StopSequences? Stop { get; init; }

    /// <summary>The names of the parameters that the caller set. A refusal of the API may name them.</summary>
    public IReadOnlyCollection<string> Parameters { get; set; } = [];

    /// <summary>Whether a refusal of the API may speak of documents.</summary>
    public bool HasDocuments { get; init; }

    /// <summary>Whether the model's first words have come.</summary>
    public bool HasFirstToken { get; private set; }

    /// <summary>Whether the CLI has begun the turn: from then on the API may have been called.</summary>
    public bool HasStarted { get; private set; }

    /// <summary>Whether the CLI has said that it is calling the API, or has shown that it did.</summary>
    public bool HasCalledApi { get; private set; }

    /// <summary>
    /// Tokens of all messages so far: as Claude Code has summed them up, or as the API has counted them, with a guess of the output
    /// that it has not counted yet; null while nothing is counted.
    /// </summary>
    public TokenUsage? Usage => _finalUsage ?? (_tokens.Total is { } total ? WithCost(total) : null);

    /// <summary>The number of repeated calls of the API, as the CLI reports it.</summary>
    public int Retries { get; private set; }

    /// <summary>The full id of the model that answers, as the API names it; null before that.</summary>
    public ModelName? ResponseModel { get; private set; }

    /// <summary>The id that the API gave its last request; null before it gave one.</summary>
    public string? UpstreamRequestId { get; private set; }

    /// <summary>Whether Anthropic refuses the login.</summary>
    public bool LoginRefused => _failures.LoginRefused;

    /// <summary>The account's limit that the turn ran into; null for none.</summary>
    public UpstreamLimit? HitLimit => _failures.HitLimit;

    /// <summary>
    /// The next piece that has come and may be shown; null for none. An answer that must fit a schema is not shown before its end,
    /// because only then it can be checked.
    /// </summary>
    public AnswerPiece? TakePiece() => HasSchema ? null : Blocks.Take();

    /// <summary>The pieces of the whole answer that were not taken yet.</summary>
    public IEnumerable<AnswerPiece> TakeRest(string text) => Blocks.TakeRest(text);

    /// <summary>Whether the <c>init</c> frame of the turn to be answered has passed.</summary>
    public bool IsLockedDown => _initPassed;

    /// <summary>Whether Claude Code has told the result of the turn.</summary>
    public bool HasResult { get; private set; }

    /// <summary>Whether the API ended its message as models do, so that the process may be used again.</summary>
    public bool EndedCleanly => _messageEnded && _stopReason is not "refusal";

    /// <summary>Takes the gate's next news; returns null while the turn goes on.</summary>
    public TurnOutcome? Accept(TurnSignal signal)
    {
        switch (signal)
        {
            case TurnSignal.Forwarded forwarded:
                HasCalledApi = true;
                Retries += forwarded.Attempt > 1 ? 1 : 0;
                return null;
            case TurnSignal.Responded responded:
                UpstreamRequestId = responded.RequestId ?? UpstreamRequestId;
                return null;
            case TurnSignal.ApiEvent { Event: var document }:
                return AcceptApiEvent(document.RootElement);
            case TurnSignal.ApiFailed { MayRepeat: false, Failure: var failure }:
                return ApiRefusal.Of(failure, Parameters, HasDocuments) is { } refused
                    ? new TurnOutcome.Failed(refused)
                    : _failures.Fail(failure);
            case TurnSignal.AnswerBroke:
                return TurnErrors.BrokenOff;
            case TurnSignal.Refused { Refusal: var refusal, Detail: var detail }:
                return refusal.Effect() == RefusalEffect.Doubt
                    ? new TurnOutcome.Violated($"the gate: {detail}") { IsOfGate = true }
                    : TurnErrors.NotForwarded;
            default:
                return null;
        }
    }

    /// <summary>Takes the next frame; returns null while the turn goes on.</summary>
    public TurnOutcome? Accept(ClaudeFrame frame)
    {
        HasCalledApi |= Gated is null && (frame.Type, frame.Subtype) is ("system", "status") or ("stream_event", _);
        switch (frame.Type, frame.Subtype)
        {
            case ("stream_event", _) when Gated is not null:
                return null;
            case ("assistant", _) when Gated is not null:
                // Its words are not needed, because the gate has seen the API's.
                _assistantError = frame.Json.Text("error") ?? _assistantError;
                return null;
            case ("control_response", _):
                PendingControls--;
                return ClaudeProcess.RefusedControl(frame.Json) ? TurnErrors.NotTaken : null;
            case ("system", "init") when PendingControls > 0:
                return TurnErrors.NotTaken;
            case ("system", "init"):
                return AcceptInit(frame.Json);
            case ("result", _) when PendingHistory > 0:
                PendingHistory--;
                return IsSuccess(frame.Json) ? null : new TurnOutcome.Failed(ClaudeFailures.Broken);
            case ("system", "api_retry"):
                Retries += Gated is null ? 1 : 0;
                // The CLI retries a refused login for minutes, and no retry helps.
                return frame.Json.Number("error_status") == 401
                    ? _failures.Fail(new ClaudeFailure(null, 401, null, null, null))
                    : AcceptRetry(frame.Json);
            case ("rate_limit_event", _):
                _failures.NoteRateLimit(frame.Json);
                return null;
            case ("stream_event", _) when !_initPassed:
                // The process called the API before it had shown its abilities. Claude Code writes the init frame before it looks at a
                // turn's content, so that no caller's words cause this, and the API answers only to a call.
                return new TurnOutcome.Violated("an answer of the API before the init frame");
            case ("assistant", _) when !_initPassed:
            case ("result", _) when !_initPassed && IsSuccess(frame.Json):
                // These are Claude Code's own words, with which it might answer some content. The caller never gets them.
                return new TurnOutcome.Failed(ClaudeFailures.Broken);
            case ("stream_event", _):
                return frame.Json.Member("event") is { } streamEvent ? AcceptApiEvent(streamEvent) : null;
            case ("assistant", _):
                _assistantError = frame.Json.Text("error") ?? _assistantError;
                if (CountUnstreamed(frame.Json.Member("message") ?? default) is { } overrun)
                {
                    return overrun;
                }

                return
                    frame.Json.Member("message")?.Member("content") is { ValueKind: JsonValueKind.Array } blocks
                    && blocks.EnumerateArray().Any(IsAction)
                    ? TurnErrors.ToolUse
                    : null;
            case ("result", _):
                return AcceptResult(frame.Json);
            default:
                return null;
        }
    }

    /// <summary>The blocks of the message that is coming.</summary>
    private AnswerBlocks Blocks => _blocks ??= new AnswerBlocks(ShowsThoughts, HasCitations);

    private TurnOutcome? AcceptInit(JsonElement init)
    {
        // A violation puts the engine out of service. That is safe: the frame's lists depend on the constant arguments, on the
        // environment, and on whether there is a schema, never on a caller's words.
        var violation = ClaudeLockdown.FindViolation(init, version, HasSchema);
        // The init frame of an earlier turn does not count for the one to be answered.
        _initPassed = violation is null && PendingHistory == 0;
        HasStarted |= PendingHistory == 0;
        return violation is not null ? new TurnOutcome.Violated(violation)
            : HasSchema && !ClaudeLockdown.HasSchemaTool(init) ? TurnErrors.NoSchemaTool
            : null;
    }

    private static TokenUsage NoUsage { get; } = new(0, 0, 0, 0, CostUsd: null);

    private static readonly JsonSerializerOptions AsWritten = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private TurnOutcome? AcceptApiEvent(JsonElement streamEvent)
    {
        switch (streamEvent.Text("type"))
        {
            case "error" when Gated is not null:
                var type = streamEvent.Member("error")?.Text("type");
                return _failures.Fail(new ClaudeFailure(null, TurnFailures.StatusOf(type), type, null, _failures.RetryAfter));
            case "message_start":
                return AcceptMessageStart(streamEvent.Member("message") ?? default);
            case "content_block_start":
                _tokens.BeginBlock();
                _handedIn.Clear();
                return streamEvent.Member("content_block") is { } block ? AcceptBlock(block) : null;
            case "content_block_stop":
                Blocks.End();
                return null;
            case "content_block_delta" when streamEvent.Member("delta") is { } delta:
                HasFirstToken = true;
                _tokens.Count(delta);
                return AcceptDelta(delta);
            case "message_delta" when streamEvent.Member("delta")?.Text("stop_reason") is { } stopReason:
                (_stopReason, _stopSequence) = (stopReason, streamEvent.Member("delta")?.Text("stop_sequence"));
                _tokens.End(streamEvent.Member("usage")?.Number("output_tokens"));
                return AcceptStop(stopReason);
            case "message_stop":
                // For a broken stream the CLI makes up a message_stop, without a reason to stop before it.
                _messageEnded = _stopReason is not null;
                _wholeMessages += _messageEnded ? 1 : 0;
                return Gated is not null && !HasSchema ? AcceptEnd() : null;
            default:
                return null;
        }
    }

    /// <summary>
    /// Takes a call of the API. The number of calls depends on the API's answers, which the relay does not control. So a call too many
    /// ends only this process and this request.
    /// </summary>
    private TurnOutcome? AcceptMessageStart(JsonElement message)
    {
        _messageId = message.Text("id");
        _tokens.Begin(message.Member("usage") ?? default);
        if (_wholeMessages > 0 && !HasSchema)
        {
            // The answer is whole. Claude Code asks for another by itself.
            return _messageEnded ? Answer(_stopReason) : TurnErrors.BrokenOff;
        }

        if (_wholeMessages >= ClaudeLockdown.SchemaAttempts)
        {
            return TurnErrors.NotSatisfied;
        }

        if (++_apiCalls - _wholeMessages > maxApiCalls || Blocks.IsShown)
        {
            // The CLI begins anew after a broken stream: too often, or after words were shown, which can't be taken back.
            return TurnErrors.BrokenOff;
        }

        (_stopReason, _messageEnded) = (null, false);
        Blocks.Clear();
        ResponseModel = ModelName.Create(message.Text("model") ?? string.Empty) is { Error: null } named ? named.Value : null;
        return null;
    }

    /// <summary>Counts a message that no stream event announced. It comes from a call without a stream.</summary>
    private TurnOutcome? CountUnstreamed(JsonElement message)
    {
        if (message.Text("id") is not { } id || id == _messageId || message.Text("model") is not { } model || model == NoModel)
        {
            return null;
        }

        _messageId = id;
        HasCalledApi = true;
        var usage = message.Member("usage") ?? default;
        _tokens.Begin(usage);
        _tokens.End(usage.Number("output_tokens"));
        if (_messageEnded && !HasSchema)
        {
            return Answer(_stopReason);
        }

        ResponseModel = ModelName.Create(model) is { Error: null } named ? named.Value : ResponseModel;
        var isOneTooMany =
            _wholeMessages++ >= (HasSchema ? ClaudeLockdown.SchemaAttempts : 1) || ++_apiCalls > maxApiCalls + _wholeMessages;
        // Words of a broken stream that were shown can't be taken back, either.
        return isOneTooMany || Blocks.IsShown ? TurnErrors.BrokenOff : null;
    }

    private TurnOutcome.Failed? AcceptBlock(JsonElement block)
    {
        if (IsAction(block))
        {
            return Tools.Count == 0 ? TurnErrors.ToolUse : TurnErrors.UndeclaredTool;
        }

        if (!HasSchema)
        {
            Blocks.Begin(block);
        }

        return null;
    }

    private TurnOutcome? AcceptDelta(JsonElement delta)
    {
        if (HasSchema)
        {
            _handedIn.Append(delta.Text("partial_json"));
        }
        else
        {
            Blocks.Add(delta);
        }

        if (delta.Text("text") is { } words && Blocks.Append(words, HasSchema ? null : Stop) is { } found)
        {
            return Answer(found.Text, "stop_sequence", Usage ?? NoUsage, found.Sequence);
        }

        return Blocks.Length > ClaudeProcess.MaxLineBytes ? new TurnOutcome.Failed(ClaudeFailures.Broken) : null;
    }

    /// <summary>
    /// Ends the answer, whose message is whole. An input that the answer's cap cut off is not a mistake of the model: its call is left
    /// out.
    /// </summary>
    private TurnOutcome AcceptEnd() =>
        !_messageEnded ? TurnErrors.BrokenOff
        : Blocks.HasBrokenCall && _stopReason is not ("max_tokens" or "model_context_window_exceeded" or "refusal") ? TurnErrors.BrokenCall
        : HasFormat && _stopReason is "max_tokens" or "model_context_window_exceeded" ? TurnErrors.CutOff
        : Answer(_stopReason);

    /// <summary>Ends a turn for which the API asked for a pause. The caller waits for it, not a place in the relay.</summary>
    private TurnOutcome.Failed? AcceptRetry(JsonElement frame)
    {
        var pause = TimeSpan.FromMilliseconds(frame.Number("retry_delay_ms") ?? 0);
        return pause <= LongestPause
            ? null
            : _failures.Fail(
                new ClaudeFailure(null, frame.Number("error_status"), frame.Text("error"), null, _failures.RetryAfter ?? pause)
            );
    }

    /// <summary>Ends the turn with its message when Claude Code would call the API again by itself.</summary>
    private TurnOutcome? AcceptStop(string stopReason) =>
        stopReason switch
        {
            "tool_use" => HasSchema || Tools.Count > 0 ? null : TurnErrors.ToolUse,
            "max_tokens" or "model_context_window_exceeded" when HasSchema => TurnErrors.CutOff,
            "refusal" when HasSchema => Answer(stopReason),
            // The gate forwards no further request after the turn's message, so the message's end is the turn's end.
            _ when Gated is not null => null,
            "refusal" or "max_tokens" or "model_context_window_exceeded" => Answer(stopReason),
            _ => !HasSchema && Blocks.IsInvisible ? Answer(stopReason) : null,
        };

    private TurnOutcome AcceptResult(JsonElement result)
    {
        HasResult = true;
        if (Gated is not null && IsSuccess(result))
        {
            return HasSchema && _messageEnded ? AcceptHandedIn() : new TurnOutcome.Failed(ClaudeFailures.Broken);
        }

        var usage = Gated is null ? TurnTokens.ReadResult(result) : Usage ?? NoUsage;
        if (!HasSchema && IsSuccess(result) && result.Text("result") is { } text)
        {
            // The CLI's own text is only the last block of the answer, and is empty where that reads like one of its notices ("[Request
            // interrupted by user]"). The streamed words are the model's.
            var words = (_messageEnded || Blocks.IsShown) && Blocks.HasWords ? Blocks.Complete() : AnswerWords.WellFormed(text);
            return Answer(words, result.Text("stop_reason"), usage);
        }

        if (HasSchema && IsSuccess(result) && result.Member("structured_output") is { ValueKind: JsonValueKind.Object } output)
        {
            return AcceptStructured(output, usage);
        }

        if (usage.CostUsd > 0 || _tokens.Total is null)
        {
            // A failure after words costs, too. Claude Code counts nothing for broken streams; then the relay's own sum is kept.
            _finalUsage = usage.CostUsd is null ? null : usage;
        }

        if (HasSchema && (IsSuccess(result) || result.Text("subtype") == "error_max_turns"))
        {
            return TurnErrors.NotSatisfied;
        }

        var failure = new ClaudeFailure(
            result.Text("subtype"),
            result.Number("api_error_status"),
            _assistantError,
            result.Text("terminal_reason"),
            _failures.RetryAfter
        );
        // The CLI says that it is calling the API before it measures the prompt.
        HasCalledApi &= Gated is not null || !failure.WasNotSent || _apiCalls > 0 || Retries > 0;
        return _failures.Fail(failure);
    }

    private TurnOutcome AcceptStructured(JsonElement output, TokenUsage usage)
    {
        _finalUsage = usage;
        try
        {
            // The caller is not told that the answer was handed in with a tool.
            return Answer(JsonSerializer.Serialize(output, AsWritten), "end_turn", usage, isStructured: true);
        }
        catch (Exception exception) when (exception is InvalidOperationException or JsonException)
        {
            return TurnErrors.InvalidUnicode;
        }
    }

    /// <summary>Takes the last call that the gate saw: Claude Code has found that its input fits.</summary>
    private TurnOutcome AcceptHandedIn()
    {
        try
        {
            using var input = JsonDocument.Parse(_handedIn.ToString());
            return input.RootElement.ValueKind == JsonValueKind.Object
                ? AcceptStructured(input.RootElement, Usage ?? NoUsage)
                : TurnErrors.NotSatisfied;
        }
        catch (JsonException)
        {
            return TurnErrors.NotSatisfied;
        }
    }

    /// <summary>Answers with the message. The process ends before Claude Code has summed it up.</summary>
    private TurnOutcome.Answered Answer(string? stopReason) =>
        Answer(Blocks.Complete(), stopReason, Usage ?? NoUsage, stopReason == "stop_sequence" ? _stopSequence : null) with
        {
            IsStructured = HasFormat && stopReason == "end_turn",
        };

    private TurnOutcome.Answered Answer(
        string text,
        string? stopReason,
        TokenUsage usage,
        string? stopSequence = null,
        bool isStructured = false
    )
    {
        _finalUsage = usage = WithCost(usage);
        return new TurnOutcome.Answered(text, stopReason, usage)
        {
            StopSequence = stopSequence,
            IsStructured = isStructured,
            Content = isStructured ? null : Blocks.Content(text),
        };
    }

    /// <summary>Adds the cost: by the price list where the gate has seen the API's counts, otherwise by Claude Code's own sum.</summary>
    private TokenUsage WithCost(TokenUsage usage)
    {
        if (Gated is not { } asked)
        {
            return usage;
        }

        var price = ModelPrice.Of(ResponseModel ?? asked);
        return usage with { CostUsd = price.CostOf(usage) + price.LongCacheSurcharge(_tokens.LongCacheTokens) };
    }

    /// <summary>
    /// Whether a result is an answer. It must say so twice, because Claude Code puts the text of its errors into results.
    /// </summary>
    private static bool IsSuccess(JsonElement result) =>
        result.Text("subtype") == "success" && result.Member("is_error")?.ValueKind == JsonValueKind.False;

    /// <summary>
    /// Whether a block is outside of the request: neither text nor thought, nor a call of the caller's tools, nor with a schema the tool
    /// that hands the answer in. Such a block is an attempt to act.
    /// </summary>
    private bool IsAction(JsonElement block) =>
        block.Text("type") switch
        {
            null or "text" or "thinking" or "redacted_thinking" or "fallback" => false,
            "tool_use" => block.Text("name") is not { } name || !(HasSchema ? name == ClaudeLockdown.SchemaTool : Tools.Contains(name)),
            _ => true,
        };
}
