namespace Relay.Domain.Quotas;

/// <summary>Requests that are counted together. Each bucket has its own limits.</summary>
public enum QuotaBucket
{
    /// <summary>Requests that a model answers.</summary>
    Completions,

    /// <summary>Pages that are fetched, and those that are refused.</summary>
    Fetches,
}
