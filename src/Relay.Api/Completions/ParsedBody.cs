using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>A body of one of the APIs as the relay understands it. <c>Ignored</c> names the fields that had no effect.</summary>
internal sealed record ParsedBody(CompletionRequest Request, bool IsStream, IReadOnlyList<string> Ignored)
{
    /// <summary>Whether a stream in OpenAI's format ends with the usage.</summary>
    public bool IncludesUsage { get; init; }

    /// <summary>Whether tools were declared in the older form of OpenAI's API. Calls then have that form, too.</summary>
    public bool HasFunctions { get; init; }
}
