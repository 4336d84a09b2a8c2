using System.Text.Json;
using Relay.Domain.Quotas;

namespace Relay.Infrastructure.ApiGate;

/// <summary>News of a turn, in the order of the events. The receiver disposes of it.</summary>
internal abstract record TurnSignal : IDisposable
{
    private TurnSignal() { }

    public virtual void Dispose() { }

    /// <summary>The request passed its proof and is on its way to the API. The first attempt is 1.</summary>
    public sealed record Forwarded(int Attempt) : TurnSignal;

    /// <summary>The API has begun to answer. <c>RequestId</c> is null when the API's header has another form than usual.</summary>
    public sealed record Responded(string? RequestId) : TurnSignal;

    public sealed record ApiEvent(JsonDocument Event) : TurnSignal
    {
        public override void Dispose()
        {
            Event.Dispose();
            base.Dispose();
        }
    }

    /// <summary>The API answered with an error, or not at all. <c>MayRepeat</c>: the gate will forward a repeat.</summary>
    public sealed record ApiFailed(ApiFailure Failure, bool MayRepeat) : TurnSignal;

    /// <summary>The API's answer ended before its message did.</summary>
    public sealed record AnswerBroke : TurnSignal;

    /// <summary>The gate refused a request of the turn in a way that fails it.</summary>
    public sealed record Refused(GateRefusal Refusal, string Detail) : TurnSignal;
}

/// <summary>An error answer of the Messages API.</summary>
/// <param name="Status">The HTTP status; null when the API could not be reached.</param>
/// <param name="Type"><c>invalid_request_error</c>, <c>rate_limit_error</c>, …; null when the body named none.</param>
/// <param name="Message">The API's own words. They may name hosts and accounts: not for callers without care.</param>
/// <param name="RetryAfter">The pause that the API asks for; null for none.</param>
internal sealed record ApiFailure(int? Status, string? Type, string? Message, TimeSpan? RetryAfter)
{
    public UpstreamLimit? Limit { get; init; }
}
