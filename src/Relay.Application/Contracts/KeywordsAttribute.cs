using System.Diagnostics.CodeAnalysis;

namespace Relay.Application.Contracts;

/// <summary>Keywords of JSON Schema that no type can express.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Class)]
public sealed class KeywordsAttribute([StringSyntax(StringSyntaxAttribute.Json)] string json) : Attribute
{
    public string Json { get; } = json;

    /// <summary>Whether they stand alone, instead of beside the keywords of the type.</summary>
    public bool Alone { get; init; }
}
