using Relay.Application.Configuration;

namespace Relay.Application.Idempotency;

/// <summary>The bounds of the memory for requests with an <c>Idempotency-Key</c>.</summary>
public sealed class IdempotencyOptions
{
    [Setting("IDEMPOTENCY_TTL", "Keep an answer this long for requests that repeat its Idempotency-Key.", Min = "1s", Max = "168h")]
    public TimeSpan TimeToLive { get; set; } = TimeSpan.FromHours(24);

    [Setting(
        "IDEMPOTENCY_MAX_BYTES",
        "Keep at most this many bytes of answers. The oldest answers of the key with the most bytes go first.",
        Min = "1MB",
        Max = "10000MB"
    )]
    public long MaxBytes { get; set; } = 100_000_000;
}
