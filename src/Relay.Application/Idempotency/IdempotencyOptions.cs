using Relay.Application.Configuration;

namespace Relay.Application.Idempotency;

/// <summary>The bounds of the memory for requests with an <c>Idempotency-Key</c>.</summary>
public sealed class IdempotencyOptions
{
    [Setting("IDEMPOTENCY_TTL", "Keep an answer this long for requests that repeat its Idempotency-Key.", Min = "1s", Max = "168h")]
    public TimeSpan TimeToLive { get; set; } = TimeSpan.FromHours(24);

    /// <summary>The bytes of answers that are kept at most. The oldest answers of the key with the most bytes go first.</summary>
    public const long MaxBytes = 100_000_000;
}
