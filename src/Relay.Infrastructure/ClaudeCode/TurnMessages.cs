using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// The messages of the API in one turn, as its events tell them, and the answer that they make. A message that stops at the output cap,
/// with a refusal or without visible text ends the turn here: otherwise Claude Code would call the API again (three times, once and once,
/// measured on 2.1.330).
/// </summary>
/// <param name="terms">The facts of the request.</param>
/// <param name="maxApiCalls">Calls of the API that Claude Code's own retries can explain.</param>
/// <param name="failures">Takes the API's failures.</param>
internal sealed class TurnMessages(TurnTerms terms, int maxApiCalls, TurnFailures failures)
{
    /// <summary>The model that messages of Claude Code itself name.</summary>
    private const string NoModel = "<synthetic>";

    private static TokenUsage NoUsage { get; } = new(0, 0, 0, 0, CostUsd: null);

    private static readonly JsonSerializerOptions AsWritten = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly TurnTokens _tokens = new();
    private readonly StringBuilder _handedIn = new();

    private AnswerBlocks? _blocks;
    private bool _messageEnded;
    private string? _messageId;
    private int _apiCalls;
    private int _wholeMessages;
    private string? _stopReason;
    private string? _stopSequence;
    private TokenUsage? _finalUsage;

    /// <summary>Whether the model's first words have come.</summary>
    public bool HasFirstToken { get; private set; }

    /// <summary>Whether Claude Code has said that it is calling the API, or has shown that it did.</summary>
    public bool HasCalledApi { get; set; }

    /// <summary>
    /// Tokens of all messages so far: as Claude Code has summed them up, or as the API has counted them, with a guess of the output
    /// that it has not counted yet; null while nothing is counted.
    /// </summary>
    public TokenUsage? Usage => _finalUsage ?? (_tokens.Total is { } total ? WithCost(total) : null);

    /// <summary>The full id of the model that answers, as the API names it; null before that.</summary>
    public ModelName? ResponseModel { get; private set; }

    /// <summary>
    /// The next piece that has come and may be shown; null for none. An answer that must fit a schema is not shown before its end,
    /// because only then it can be checked.
    /// </summary>
    public AnswerPiece? TakePiece() => terms.HasSchema ? null : Blocks.Take();

    /// <summary>The pieces of the whole answer that were not taken yet.</summary>
    public IEnumerable<AnswerPiece> TakeRest(string text) => Blocks.TakeRest(text);

    /// <summary>Whether the API ended its message as models do, so that the process may be used again.</summary>
    public bool EndedCleanly => _messageEnded && _stopReason is not "refusal";

    /// <summary>The blocks of the message that is coming.</summary>
    private AnswerBlocks Blocks => _blocks ??= new AnswerBlocks(terms.ShowsThoughts, terms.HasCitations);

    /// <summary>Takes the next event; returns null while the turn goes on.</summary>
    public TurnOutcome? Accept(JsonElement streamEvent)
    {
        switch (streamEvent.Text("type"))
        {
            case "error" when terms.Gated is not null:
                var type = streamEvent.Member("error")?.Text("type");
                return failures.Fail(new ClaudeFailure(null, TurnFailures.StatusOf(type), type, null, failures.RetryAfter));
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
                // For a broken stream Claude Code makes up a message_stop, without a reason to stop before it.
                _messageEnded = _stopReason is not null;
                _wholeMessages += _messageEnded ? 1 : 0;
                return terms.Gated is not null && !terms.HasSchema ? AcceptEnd() : null;
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
        if (_wholeMessages > 0 && !terms.HasSchema)
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
            // Claude Code begins anew after a broken stream: too often, or after words were shown, which can't be taken back.
            return TurnErrors.BrokenOff;
        }

        (_stopReason, _messageEnded) = (null, false);
        Blocks.Clear();
        ResponseModel = ModelName.Create(message.Text("model") ?? string.Empty) is { Error: null } named ? named.Value : null;
        return null;
    }

    /// <summary>Counts a message that no stream event announced. It comes from a call without a stream.</summary>
    public TurnOutcome? CountUnstreamed(JsonElement message)
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
        if (_messageEnded && !terms.HasSchema)
        {
            return Answer(_stopReason);
        }

        ResponseModel = ModelName.Create(model) is { Error: null } named ? named.Value : ResponseModel;
        var isOneTooMany =
            _wholeMessages++ >= (terms.HasSchema ? ClaudeLockdown.SchemaAttempts : 1) || ++_apiCalls > maxApiCalls + _wholeMessages;
        // Words of a broken stream that were shown can't be taken back, either.
        return isOneTooMany || Blocks.IsShown ? TurnErrors.BrokenOff : null;
    }

    private TurnOutcome.Failed? AcceptBlock(JsonElement block)
    {
        if (terms.IsAction(block))
        {
            return terms.Tools.Count == 0 ? TurnErrors.ToolUse : TurnErrors.UndeclaredTool;
        }

        if (!terms.HasSchema)
        {
            Blocks.Begin(block);
        }

        return null;
    }

    private TurnOutcome? AcceptDelta(JsonElement delta)
    {
        if (terms.HasSchema)
        {
            _handedIn.Append(delta.Text("partial_json"));
        }
        else
        {
            Blocks.Add(delta);
        }

        if (delta.Text("text") is { } words && Blocks.Append(words, terms.HasSchema ? null : terms.Stop) is { } found)
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
        : terms.HasFormat && _stopReason is "max_tokens" or "model_context_window_exceeded" ? TurnErrors.CutOff
        : Answer(_stopReason);

    /// <summary>Ends the turn with its message when Claude Code would call the API again by itself.</summary>
    private TurnOutcome? AcceptStop(string stopReason) =>
        stopReason switch
        {
            "tool_use" => terms.HasSchema || terms.Tools.Count > 0 ? null : TurnErrors.ToolUse,
            "max_tokens" or "model_context_window_exceeded" when terms.HasSchema => TurnErrors.CutOff,
            "refusal" when terms.HasSchema => Answer(stopReason),
            // The gate forwards no further request after the turn's message, so the message's end is the turn's end.
            _ when terms.Gated is not null => null,
            "refusal" or "max_tokens" or "model_context_window_exceeded" => Answer(stopReason),
            _ => !terms.HasSchema && Blocks.IsInvisible ? Answer(stopReason) : null,
        };

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

    /// <summary>Takes Claude Code's result of the turn; returns null for a failure, whose cost it notes.</summary>
    public TurnOutcome? AcceptResult(JsonElement result, bool isSuccess)
    {
        if (terms.Gated is not null && isSuccess)
        {
            return terms.HasSchema && _messageEnded ? AcceptHandedIn() : new TurnOutcome.Failed(ClaudeFailures.Broken);
        }

        var usage = terms.Gated is null ? TurnTokens.ReadResult(result) : Usage ?? NoUsage;
        if (!terms.HasSchema && isSuccess && result.Text("result") is { } text)
        {
            // Claude Code's own text is only the last block of the answer, and is empty where that reads like one of its notices ("[Request
            // interrupted by user]"). The streamed words are the model's.
            var words = (_messageEnded || Blocks.IsShown) && Blocks.HasWords ? Blocks.Complete() : AnswerWords.WellFormed(text);
            return Answer(words, result.Text("stop_reason"), usage);
        }

        if (terms.HasSchema && isSuccess && result.Member("structured_output") is { ValueKind: JsonValueKind.Object } output)
        {
            return AcceptStructured(output, usage);
        }

        if (usage.CostUsd > 0 || _tokens.Total is null)
        {
            // A failure after words costs, too. Claude Code counts nothing for broken streams; then the relay's own sum is kept.
            _finalUsage = usage.CostUsd is null ? null : usage;
        }

        if (terms.HasSchema && (isSuccess || result.Text("subtype") == "error_max_turns"))
        {
            return TurnErrors.NotSatisfied;
        }

        return null;
    }

    /// <summary>
    /// Notes that the API was not called after all: Claude Code says that it calls before it measures the prompt.
    /// </summary>
    public void NoteUnsent() => HasCalledApi &= _apiCalls > 0;

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
            IsStructured = terms.HasFormat && stopReason == "end_turn",
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
        if (terms.Gated is not { } asked)
        {
            return usage;
        }

        var price = ModelPrice.Of(ResponseModel ?? asked);
        return usage with { CostUsd = price.CostOf(usage) + price.LongCacheSurcharge(_tokens.LongCacheTokens) };
    }
}
