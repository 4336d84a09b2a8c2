using System.Text.Json.Serialization;

namespace Relay.Api.OpenApi;

/// <summary>As <see cref="RequestContractAttribute"/>, for a body whose further fields are taken and have no effect.</summary>
internal sealed class LenientContractAttribute() : JsonUnmappedMemberHandlingAttribute(JsonUnmappedMemberHandling.Skip);

/// <summary>The value is one of several types.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Class)]
internal sealed class OneOfAttribute(params Type[] types) : Attribute
{
    public IReadOnlyList<Type> Types { get; } = types;
}

/// <summary>The value is one of these. A nullable field of a request takes null, too.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class ValuesAttribute(params object[] values) : Attribute
{
    public IReadOnlyList<object> Values { get; } = values;
}

/// <summary>A field of a compatible request that is taken and has no effect.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class NoEffectAttribute : Attribute;

/// <summary>One event of a stream. Without a type its data is a fixed text. Some APIs give their events no name.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
internal sealed class EventAttribute(Type? data, string? name = null) : Attribute
{
    public Type? Data { get; } = data;

    public string? Name { get; } = name;

    /// <summary>The fixed text of the data, such as <c>[DONE]</c>.</summary>
    public string? Text { get; init; }
}
