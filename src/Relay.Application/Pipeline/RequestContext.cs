using Relay.Application.Fetching;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Application.Pipeline;

/// <summary>
/// One caller's request on its way through the relay: the caller, and the facts that the steps find. The headers of its answer, its line in
/// the log and its line in the audit log are written from it, however it ends.
/// </summary>
public sealed class RequestContext(string requestId, ApiKey caller, TimeSpan? patience)
{
    /// <summary>The request's id; its answer has it as <c>X-Request-Id</c>.</summary>
    public string RequestId { get; } = requestId;

    /// <summary>The key that asks and pays.</summary>
    public ApiKey Caller { get; } = caller;

    /// <summary>The time that the client waits at most, as it said; null when it did not say.</summary>
    public TimeSpan? Patience { get; } = patience;

    /// <summary>The clock's timestamp of the end of the request's head; null for a request that did not come over HTTP.</summary>
    public long? ArrivedAt { get; init; }

    /// <summary>Whether it was answered from memory, for its idempotency key.</summary>
    public bool IsReplay { get; set; }

    /// <summary>The final charge, by estimate where no cost was summed up; null for none.</summary>
    public decimal? CostUsd { get; set; }

    /// <summary>The spending of the request so far.</summary>
    public Spending Spending { get; } = new();

    /// <summary>The model that is to answer, once known.</summary>
    public ModelName? Model { get; set; }

    /// <summary>The key's standing with its limits, once they were asked.</summary>
    public IReadOnlyList<QuotaStatus>? Quotas { get; set; }

    /// <summary>Time in the queue; null for a request that did not come so far.</summary>
    public TimeSpan? QueueTime { get; set; }

    /// <summary>Raised once, when the request gets its place. Resources for the time of waiting are given back then.</summary>
    public event Action? Admitted;

    /// <summary>Details of the fetch; null for a request that fetches no page.</summary>
    public FetchTrace? Fetch { get; set; }

    /// <summary>The engine's time for each step, once there is an answer.</summary>
    public CompletionTimings? Timings { get; set; }

    /// <summary>Tools that the request declares; null for none.</summary>
    public int? Tools { get; set; }

    /// <summary>Calls of tools in the answer; null for none.</summary>
    public int? ToolCalls { get; set; }

    /// <summary>Says that the request has its place.</summary>
    internal void Admit() => Admitted?.Invoke();
}
