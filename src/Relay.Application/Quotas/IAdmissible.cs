using Relay.Application.Pipeline;
using Relay.Domain.Completions;
using Relay.Domain.Quotas;

namespace Relay.Application.Quotas;

/// <summary>A request that takes from its key's limits.</summary>
public interface IAdmissible
{
    /// <summary>The caller, and the facts that later steps find.</summary>
    RequestContext Context { get; }

    /// <summary>The bucket that it takes from.</summary>
    QuotaBucket Bucket { get; }
}

/// <summary>A request that a model answers: it also spends tokens of the account.</summary>
public interface ISpendsTokens : IAdmissible
{
    /// <summary>The completion. Its model and its size give the estimated cost.</summary>
    CompletionRequest Request { get; }
}
