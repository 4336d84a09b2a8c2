using Relay.Application.Fetching;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Application.Pipeline;

/// <summary>
/// One caller's request on its way through the relay: who asks, and what the steps on the way found out. Its answer's
/// headers, its line in the log and its line in the audit log are written from it, however it ends.
/// </summary>
/// <param name="requestId">Also in the answer, as <c>X-Request-Id</c>.</param>
/// <param name="caller">Who asks.</param>
/// <param name="patience">How long the client said that it waits; null when it said nothing.</param>
public sealed class RequestContext(string requestId, ApiKey caller, TimeSpan? patience)
{
    /// <summary>Also in the answer, as <c>X-Request-Id</c>.</summary>
    public string RequestId { get; } = requestId;

    /// <summary>Who asks, and pays.</summary>
    public ApiKey Caller { get; } = caller;

    /// <summary>How long the client said that it waits; null when it said nothing.</summary>
    public TimeSpan? Patience { get; } = patience;

    /// <summary>The clock's timestamp of when its head had come; null for a request that came from nowhere far.</summary>
    public long? ArrivedAt { get; init; }

    /// <summary>Whether it was answered from memory, for its idempotency key.</summary>
    public bool IsReplay { get; set; }

    /// <summary>What the request was charged in the end, by estimate where nobody summed it up; null for nothing.</summary>
    public decimal? CostUsd { get; set; }

    /// <summary>What the request spends.</summary>
    public Spending Spending { get; } = new();

    /// <summary>The model that is to answer, once known.</summary>
    public ModelName? Model { get; set; }

    /// <summary>How the key stands with its limits, once they were asked.</summary>
    public IReadOnlyList<QuotaStatus>? Quotas { get; set; }

    /// <summary>Time in the queue; null for a request that never came that far.</summary>
    public TimeSpan? QueueTime { get; set; }

    /// <summary>Raised once, when the request gets its place: what it holds only while it waits is to be given back.</summary>
    public event Action? Admitted;

    /// <summary>What was found out about a page; null for what fetches none.</summary>
    public FetchTrace? Fetch { get; set; }

    /// <summary>Where the engine's time went, once there is an answer.</summary>
    public CompletionTimings? Timings { get; set; }

    /// <summary>Tools that the request declares; null for none.</summary>
    public int? Tools { get; set; }

    /// <summary>Calls of tools in the answer; null for none.</summary>
    public int? ToolCalls { get; set; }

    /// <summary>Says that the request has its place.</summary>
    internal void Admit() => Admitted?.Invoke();
}
