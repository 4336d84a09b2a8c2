using Relay.Application.Configuration;

namespace Relay.Application.Idempotency;

/// <summary>How long and how much is remembered for requests with an <c>Idempotency-Key</c>.</summary>
public sealed class IdempotencyOptions
{
    [Setting("IDEMPOTENCY_TTL", "How long an answer is kept for requests that repeat its Idempotency-Key.", Min = "1s", Max = "168h")]
    public TimeSpan TimeToLive { get; set; } = TimeSpan.FromHours(24);

    [Setting("IDEMPOTENCY_MAX_BYTES", "Most bytes of all answers that are kept; the oldest of the key that has most go first.", Min = "1MB", Max = "10000MB")]
    public long MaxBytes { get; set; } = 100_000_000;
}
