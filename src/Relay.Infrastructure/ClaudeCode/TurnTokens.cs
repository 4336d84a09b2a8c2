using System.Text.Json;
using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Adds up the tokens of all messages of a turn while they come, including those that broke off. Claude Code's own sum comes only with
/// the result, which a turn that ends early does not have.
/// </summary>
internal sealed class TurnTokens
{
    private const int CharactersPerToken = 3;

    private TokenUsage? _earlier;
    private TokenUsage? _start;
    private long? _counted;
    private long _characters;
    private bool _showsThoughts;

    /// <summary>The tokens of all messages so far: as the API has counted them, or guessed from the characters that came.</summary>
    public TokenUsage? Total =>
        _start is { } start ? Add(_earlier, start with { OutputTokens = _counted ?? (_characters / CharactersPerToken) + 1 }) : null;

    /// <summary>Tokens that were written into the API's cache for an hour, which cost more than those for five minutes.</summary>
    public long LongCacheTokens { get; private set; }

    /// <summary>Begins another message with the API's count of its prompt.</summary>
    public void Begin(JsonElement usage)
    {
        _earlier = Total;
        LongCacheTokens += usage.Member("cache_creation")?.Number("ephemeral_1h_input_tokens") ?? 0;
        (_start, _counted, _characters, _showsThoughts) = (Read(usage, cost: null), null, 0, false);
    }

    public void BeginBlock() => _showsThoughts = false;

    /// <summary>Counts text, thoughts or a tool's input. Hidden thoughts come only as their signature, which is as long.</summary>
    public void Count(JsonElement delta)
    {
        var thoughts = delta.Text("thinking")?.Length ?? 0;
        _showsThoughts |= thoughts > 0;
        _characters += thoughts + (delta.Text("text")?.Length ?? 0) + (delta.Text("partial_json")?.Length ?? 0);
        _characters += _showsThoughts ? 0 : delta.Text("signature")?.Length ?? 0;
    }

    public void End(long? outputTokens) => _counted = outputTokens ?? _counted;

    /// <summary>Claude Code's own sum over a turn, from its result frame.</summary>
    public static TokenUsage ReadResult(JsonElement result) =>
        Read(
            result.Member("usage") ?? default,
            result.Member("total_cost_usd") is { ValueKind: JsonValueKind.Number } number && number.TryGetDecimal(out var dollars)
                ? dollars
                : null
        );

    private static TokenUsage Read(JsonElement usage, decimal? cost) =>
        new(
            usage.Number("input_tokens") ?? 0,
            usage.Number("output_tokens") ?? 0,
            usage.Number("cache_creation_input_tokens") ?? 0,
            usage.Number("cache_read_input_tokens") ?? 0,
            cost
        );

    private static TokenUsage Add(TokenUsage? one, TokenUsage other) =>
        one is null
            ? other
            : new TokenUsage(
                one.InputTokens + other.InputTokens,
                one.OutputTokens + other.OutputTokens,
                one.CacheCreationInputTokens + other.CacheCreationInputTokens,
                one.CacheReadInputTokens + other.CacheReadInputTokens,
                CostUsd: null
            );
}
