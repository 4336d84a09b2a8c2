using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>How a turn ended.</summary>
internal abstract record TurnOutcome
{
    /// <summary>With an answer.</summary>
    public sealed record Answered(string Text, string? StopReason, TokenUsage Usage) : TurnOutcome
    {
        /// <summary>The stop sequence that ended it; null when none did.</summary>
        public string? StopSequence { get; init; }
    }

    /// <summary>With a failure that callers may see.</summary>
    public sealed record Failed(RelayError Error) : TurnOutcome;

    /// <summary>With a process that is not what it should be.</summary>
    public sealed record Violated(string Detail) : TurnOutcome;
}

/// <summary>
/// Follows the frames of one turn. Nothing of them is an answer until the <c>init</c> frame has passed, and a result is an
/// answer only when it says <c>success</c> and <c>is_error: false</c>: Claude Code puts the text of its errors into results.
/// A message that stops at the output cap or with a refusal ends the turn here, because Claude Code would call the API again
/// (three times and once, measured on 2.1.330).
/// </summary>
/// <param name="version">The version the self-test found.</param>
/// <param name="maxApiCalls">Calls of the API that the CLI's own retries can explain.</param>
/// <param name="clock">For the reset time of a rate limit.</param>
internal sealed class CompletionTurn(Version version, int maxApiCalls, TimeProvider clock)
{
    /// <summary>Longer than any pause of the CLI's own doubling.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(12);

    private const int CharactersPerToken = 3;

    /// <summary>Named by messages that Claude Code makes up itself.</summary>
    private const string NoModel = "<synthetic>";

    private readonly StringBuilder _words = new();

    private bool _initPassed;
    private bool _messageStopped;
    private bool _messageEnded;
    private string? _messageId;
    private int _apiCalls;
    private int _wholeMessages;
    private int _taken;
    private int _heldBack;
    private TokenUsage? _startUsage;
    private TokenUsage? _finalUsage;
    private string? _assistantError;
    private UpstreamLimit? _rejection;

    /// <summary>
    /// Control requests whose answers are still to come. A CLI that begins the turn before it has taken them would answer
    /// under a system prompt or as a model that nobody asked for.
    /// </summary>
    public int PendingControls { get; set; }

    /// <summary>Turns of long ago whose empty results are still to come. None of them may reach the API.</summary>
    public int PendingHistory { get; set; }

    /// <summary>Whether the answer must fit a schema that the process was told: it is then handed in with a tool, and may take several attempts.</summary>
    public bool HasSchema { get; init; }

    /// <summary>Where the answer ends early; null for nowhere.</summary>
    public StopSequences? Stop { get; init; }

    /// <summary>Whether the model's first words have come.</summary>
    public bool HasFirstToken { get; private set; }

    /// <summary>Whether the CLI has begun the turn: from then on the API may have been called.</summary>
    public bool HasStarted { get; private set; }

    /// <summary>Whether the CLI has said that it is calling the API, or has shown that it did.</summary>
    public bool HasCalledApi { get; private set; }

    /// <summary>
    /// Tokens so far: as Claude Code has summed them up, or as the API has counted the prompt, with a guess of what has been
    /// written since; null while nothing is counted. Of an answer that is streamed again, the last attempt's.
    /// </summary>
    public TokenUsage? Usage => _finalUsage ?? (_startUsage is { } start ? start with { OutputTokens = (_words.Length / CharactersPerToken) + 1 } : null);

    /// <summary>How often the CLI has called the API again, as it says.</summary>
    public int Retries { get; private set; }

    /// <summary>The full id of the model that answers, as the API names it; null until it does.</summary>
    public ModelName? ResponseModel { get; private set; }

    /// <summary>Whether Anthropic does not take the login.</summary>
    public bool LoginRefused { get; private set; }

    /// <summary>The account's limit that the turn ran into; null for none.</summary>
    public UpstreamLimit? HitLimit { get; private set; }

    /// <summary>
    /// The words that have come since the last call and may be shown; null for none. Held back is what could be the beginning
    /// of a stop sequence, and of an answer that must fit a schema everything, for nobody knows yet whether it does.
    /// </summary>
    public string? TakeWords()
    {
        var end = HasSchema ? 0 : _words.Length - _heldBack;
        if (end <= _taken)
        {
            return null;
        }

        var words = _words.ToString(_taken, end - _taken);
        _taken = end;
        return words;
    }

    /// <summary>What of the whole answer has not been taken yet; null for nothing.</summary>
    public string? TakeRest(string text)
    {
        var rest = _taken < text.Length ? text[_taken..] : null;
        _taken = text.Length;
        return rest;
    }

    /// <summary>Takes the next frame; answers null while the turn goes on.</summary>
    public TurnOutcome? Accept(ClaudeFrame frame)
    {
        HasCalledApi |= (frame.Type, frame.Subtype) is ("system", "status") or ("stream_event", _);
        switch (frame.Type, frame.Subtype)
        {
            case ("control_response", _):
                PendingControls--;
                return ClaudeProcess.RefusedControl(frame.Json) ? NotTaken : null;
            case ("system", "init") when PendingControls > 0:
                return NotTaken;
            case ("system", "init"):
                return AcceptInit(frame.Json);
            case ("result", _) when PendingHistory > 0:
                PendingHistory--;
                return IsSuccess(frame.Json) ? null : new TurnOutcome.Failed(ClaudeFailures.Broken);
            case ("system", "api_retry"):
                Retries++;
                // A refused login is retried for minutes by the CLI, and no retry helps it.
                return frame.Json.Number("error_status") == 401 ? Fail(new ClaudeFailure(null, 401, null, null, null)) : AcceptRetry(frame.Json);
            case ("rate_limit_event", _):
                NoteRateLimit(frame.Json);
                return null;
            case ("stream_event" or "assistant" or "result", _) when !_initPassed:
                return new TurnOutcome.Violated($"a frame '{frame.Type}' before the init frame");
            case ("stream_event", _):
                return AcceptStreamEvent(frame.Json);
            case ("assistant", _):
                _assistantError = frame.Json.Text("error") ?? _assistantError;
                if (CountUnstreamed(frame.Json.Member("message") ?? default) is { } overrun)
                {
                    return overrun;
                }

                return frame.Json.Member("message")?.Member("content") is { ValueKind: JsonValueKind.Array } blocks && blocks.EnumerateArray().Any(IsAction) ? ToolUse : null;
            case ("result", _):
                return AcceptResult(frame.Json);
            default:
                return null;
        }
    }

    private TurnOutcome.Violated? AcceptInit(JsonElement init)
    {
        var violation = ClaudeLockdown.FindViolation(init, version, HasSchema)
            ?? (HasSchema && !ClaudeLockdown.HasSchemaTool(init) ? "init lacks the tool that the schema brought" : null);
        // The init of a turn of long ago says nothing of the one that counts.
        _initPassed = violation is null && PendingHistory == 0;
        HasStarted |= PendingHistory == 0;
        return violation is null ? null : new TurnOutcome.Violated(violation);
    }

    private static TurnOutcome NotTaken { get; } = new TurnOutcome.Failed(
        new RelayError(ErrorCode.UpstreamError, "Claude Code did not take the system prompt or the model."));

    private static TurnOutcome ToolUse { get; } = new TurnOutcome.Failed(
        new RelayError(ErrorCode.UpstreamError, "The model tried to use a tool, and there are none here. Ask it to answer in text."));

    private static RelayError BrokenOff { get; } = new(ErrorCode.UpstreamError, "The answer broke off in the middle. Try again.");

    private static RelayError NoUnicode { get; } = new(
        ErrorCode.UpstreamError, "The answer holds a text that is no Unicode: half of a surrogate pair. Try again.");

    private static RelayError NotSatisfied { get; } = new(
        ErrorCode.SchemaNotSatisfied, $"The model was asked up to {ClaudeLockdown.SchemaAttempts} times, and no answer fitted the schema. Simplify it, or say in the prompt what belongs where.");

    private static readonly JsonSerializerOptions AsWritten = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private TurnOutcome? AcceptStreamEvent(JsonElement frame)
    {
        if (frame.Member("event") is not { } streamEvent)
        {
            return null;
        }

        switch (streamEvent.Text("type"))
        {
            case "message_start" when _wholeMessages >= (HasSchema ? ClaudeLockdown.SchemaAttempts : 1):
                return new TurnOutcome.Violated("another call of the API after a complete message");
            case "message_start" when ++_apiCalls - _wholeMessages > maxApiCalls:
                return new TurnOutcome.Violated($"more than {maxApiCalls} calls of the API in one turn");
            case "message_start" when _taken > 0:
                // The CLI begins anew after a broken stream. What was shown can't be taken back.
                return new TurnOutcome.Failed(BrokenOff);
            case "message_start":
                // Nothing was shown: so do we.
                (_messageStopped, _messageEnded) = (false, false);
                _words.Clear();
                _heldBack = 0;
                _messageId = streamEvent.Member("message")?.Text("id");
                _startUsage = ReadUsage(streamEvent.Member("message")?.Member("usage") ?? default, cost: null);
                ResponseModel = ModelName.Create(streamEvent.Member("message")?.Text("model") ?? string.Empty) is { Error: null } named ? named.Value : null;
                return null;
            case "content_block_start" when streamEvent.Member("content_block") is { } block && IsAction(block):
                return ToolUse;
            case "content_block_delta":
                HasFirstToken = true;
                return streamEvent.Member("delta")?.Text("text") is { } words ? AcceptWords(words) : null;
            case "message_delta" when streamEvent.Member("delta")?.Text("stop_reason") is { } stopReason:
                _messageStopped = true;
                return AcceptStop(stopReason, streamEvent.Member("usage") ?? default);
            case "message_stop":
                // Of a broken stream the CLI makes up a message_stop, but no reason to stop before it.
                _messageEnded = _messageStopped;
                _wholeMessages += _messageEnded ? 1 : 0;
                return null;
            default:
                return null;
        }
    }

    /// <summary>A message that no stream event announced came from a call without a stream, and counts as the others do.</summary>
    private TurnOutcome.Failed? CountUnstreamed(JsonElement message)
    {
        if (message.Text("id") is not { } id || id == _messageId || message.Text("model") is not { } model || model == NoModel)
        {
            return null;
        }

        _messageId = id;
        _startUsage = ReadUsage(message.Member("usage") ?? default, cost: null);
        ResponseModel = ModelName.Create(model) is { Error: null } named ? named.Value : ResponseModel;
        HasCalledApi = true;
        var isOneTooMany = _wholeMessages++ >= (HasSchema ? ClaudeLockdown.SchemaAttempts : 1) || ++_apiCalls > maxApiCalls + _wholeMessages;
        // What a broken stream has shown can't be taken back, either.
        return isOneTooMany || _taken > 0 ? new TurnOutcome.Failed(BrokenOff) : null;
    }

    private TurnOutcome? AcceptWords(string words)
    {
        var from = Math.Max(_taken, _words.Length - StopSequences.MaxLength);
        _words.Append(words);
        if (_words.Length > ClaudeProcess.MaxLineBytes)
        {
            return new TurnOutcome.Failed(ClaudeFailures.Broken);
        }

        if (Stop is null || HasSchema)
        {
            return null;
        }

        var recent = _words.ToString(from, _words.Length - from);
        if (Stop.Find(recent) is { } found)
        {
            return Answer(_words.ToString(0, from + found.Index), "stop_sequence", Usage ?? ReadUsage(default, cost: null), found.Sequence);
        }

        _heldBack = Stop.CountHeldBack(recent);
        return null;
    }

    /// <summary>A pause that the API asked for is the caller's to wait, not a place's in the relay.</summary>
    private TurnOutcome.Failed? AcceptRetry(JsonElement frame)
    {
        var pause = TimeSpan.FromMilliseconds(frame.Number("retry_delay_ms") ?? 0);
        return pause <= LongestPause
            ? null
            : Fail(new ClaudeFailure(null, frame.Number("error_status"), frame.Text("error"), null, RetryAfter() ?? pause));
    }

    private TurnOutcome? AcceptStop(string stopReason, JsonElement usage) => stopReason switch
    {
        "tool_use" => HasSchema ? null : ToolUse,
        "max_tokens" or "model_context_window_exceeded" when HasSchema => new TurnOutcome.Failed(new RelayError(
            ErrorCode.SchemaNotSatisfied, "The answer was cut at its cap on tokens before it fitted the schema. Ask for less, or for a higher cap.")),
        "refusal" => new TurnOutcome.Failed(new RelayError(ErrorCode.UpstreamError, "The model declined to answer this prompt.")),
        "max_tokens" or "model_context_window_exceeded" => Answer(
            _words.ToString(), stopReason, (_startUsage ?? ReadUsage(default, cost: null)) with { OutputTokens = usage.Number("output_tokens") ?? 0 }),
        _ => null,
    };

    private TurnOutcome AcceptResult(JsonElement result)
    {
        var usage = ReadUsage(result.Member("usage") ?? default, ReadCost(result));
        if (!HasSchema && IsSuccess(result) && result.Text("result") is { } text)
        {
            // The CLI's own text is the last block of the answer only, and empty where that reads like one of its own notices
            // ("[Request interrupted by user]"). What was streamed is what the model said.
            var words = (_messageEnded || _taken > 0) && _words.Length > 0 ? _words.ToString() : text;
            return Answer(words, result.Text("stop_reason"), usage);
        }

        if (HasSchema && IsSuccess(result) && result.Member("structured_output") is { ValueKind: JsonValueKind.Object } output)
        {
            return AcceptStructured(output, usage);
        }

        if (usage.CostUsd is not null)
        {
            // A failure costs, too, when it came after words.
            _finalUsage = usage;
        }

        if (HasSchema && (IsSuccess(result) || result.Text("subtype") == "error_max_turns"))
        {
            return new TurnOutcome.Failed(NotSatisfied);
        }

        var failure = new ClaudeFailure(result.Text("subtype"), result.Number("api_error_status"), _assistantError, result.Text("terminal_reason"), RetryAfter());
        // It says that it is calling the API before it measures the prompt.
        HasCalledApi &= !failure.WasNotSent || _apiCalls > 0 || Retries > 0;
        return Fail(failure);
    }

    private TurnOutcome AcceptStructured(JsonElement output, TokenUsage usage)
    {
        _finalUsage = usage;
        try
        {
            // That it was handed in with a tool is nobody's business.
            return Answer(JsonSerializer.Serialize(output, AsWritten), "end_turn", usage);
        }
        catch (Exception exception) when (exception is InvalidOperationException or JsonException)
        {
            return new TurnOutcome.Failed(NoUnicode);
        }
    }

    private TurnOutcome.Answered Answer(string text, string? stopReason, TokenUsage usage, string? stopSequence = null)
    {
        _finalUsage = usage;
        return new TurnOutcome.Answered(text, stopReason, usage) { StopSequence = stopSequence };
    }

    private TurnOutcome.Failed Fail(ClaudeFailure failure)
    {
        var error = ClaudeFailures.ToError(failure);
        LoginRefused = failure.IsLoginRefused;
        if (error.Code == ErrorCode.UpstreamRateLimited)
        {
            HitLimit = _rejection ?? new UpstreamLimit(null, failure.RetryAfter is { } wait ? clock.GetUtcNow() + wait : null);
        }

        return new TurnOutcome.Failed(error);
    }

    private void NoteRateLimit(JsonElement frame)
    {
        var info = frame.Member("rate_limit_info") ?? frame;
        // It comes with every answer of a subscription; only a rejection says when there will be more.
        if (info.Text("status") == "rejected")
        {
            var resetsAt = (info.Number("resetsAt") ?? info.Number("resets_at")) is { } seconds and > 0 and < 100_000_000_000
                ? DateTimeOffset.FromUnixTimeSeconds(seconds)
                : (DateTimeOffset?)null;
            _rejection = new UpstreamLimit(info.Text("rateLimitType") ?? info.Text("rate_limit_type"), resetsAt);
        }
    }

    private TimeSpan? RetryAfter() =>
        _rejection?.ResetsAt is { } resetsAt && resetsAt > clock.GetUtcNow() ? resetsAt - clock.GetUtcNow() : null;

    /// <summary>A result is an answer only when it says so twice: Claude Code puts the text of its errors into results.</summary>
    private static bool IsSuccess(JsonElement result) => result.Text("subtype") == "success" && result.Member("is_error")?.ValueKind == JsonValueKind.False;

    /// <summary>
    /// Whether a block is more than words. What a model may answer with where there are no tools is text and thought, and with a
    /// schema the one tool that hands the answer in; anything else is an attempt to act.
    /// </summary>
    private bool IsAction(JsonElement block) => block.Text("type") switch
    {
        null or "text" or "thinking" or "redacted_thinking" or "fallback" => false,
        "tool_use" => !HasSchema || block.Text("name") != ClaudeLockdown.SchemaTool,
        _ => true,
    };

    private static TokenUsage ReadUsage(JsonElement usage, decimal? cost) => new(
        usage.Number("input_tokens") ?? 0,
        usage.Number("output_tokens") ?? 0,
        usage.Number("cache_creation_input_tokens") ?? 0,
        usage.Number("cache_read_input_tokens") ?? 0,
        cost);

    private static decimal? ReadCost(JsonElement result) =>
        result.Member("total_cost_usd") is { ValueKind: JsonValueKind.Number } number && number.TryGetDecimal(out var dollars) ? dollars : null;
}
