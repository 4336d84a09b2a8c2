using Relay.Domain.Completions;

namespace Relay.Infrastructure.Sqlite;

/// <summary>An amount that is added to a row; money in millionths of a US dollar.</summary>
internal readonly record struct UsageDelta(long Requests, TokenUsage? Tokens, long CostMicroUsd, long ReservedMicroUsd)
{
    public bool IsNothing =>
        this
            is {
                Requests: 0,
                CostMicroUsd: 0,
                ReservedMicroUsd: 0,
                Tokens: null or { InputTokens: 0, OutputTokens: 0, CacheCreationInputTokens: 0, CacheReadInputTokens: 0 },
            };

    public static UsageDelta operator +(UsageDelta left, UsageDelta right) =>
        new(
            left.Requests + right.Requests,
            left.Tokens is { } one && right.Tokens is { } other
                ? new TokenUsage(
                    one.InputTokens + other.InputTokens,
                    one.OutputTokens + other.OutputTokens,
                    one.CacheCreationInputTokens + other.CacheCreationInputTokens,
                    one.CacheReadInputTokens + other.CacheReadInputTokens,
                    null
                )
                : left.Tokens ?? right.Tokens,
            left.CostMicroUsd + right.CostMicroUsd,
            left.ReservedMicroUsd + right.ReservedMicroUsd
        );
}
