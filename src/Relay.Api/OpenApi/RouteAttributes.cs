using Relay.Domain;

namespace Relay.Api.OpenApi;

/// <summary>The contract of a body that the action reads itself.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ReadsAttribute(Type contract) : Attribute
{
    public Type Contract { get; } = contract;

    /// <summary>A rule for the whole body; the general rule when missing.</summary>
    public string? Rule { get; init; }
}

/// <summary>Errors of a route beyond those that follow from its key, its body and its quota.</summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class)]
internal sealed class FailsAttribute(params ErrorCode[] codes) : Attribute
{
    public IReadOnlyList<ErrorCode> Codes { get; } = codes;
}

/// <summary>Parameters of <c>head.json</c> that a route reads beyond those that follow from its quota.</summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class)]
internal sealed class TakesAttribute(params string[] parameters) : Attribute
{
    public IReadOnlyList<string> Parameters { get; } = parameters;
}

/// <summary>Headers of <c>head.json</c> on every answer of a route that is not an error.</summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class)]
internal sealed class SendsAttribute(params string[] headers) : Attribute
{
    public IReadOnlyList<string> Headers { get; } = headers;

    /// <summary>Headers that only some of these answers have.</summary>
    public string[] Sometimes { get; init; } = [];
}
