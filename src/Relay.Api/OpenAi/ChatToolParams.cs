using System.ComponentModel.DataAnnotations;
using Relay.Api.Completions;
using Relay.Api.OpenApi;

namespace Relay.Api.OpenAi;

/// <summary>A function that the caller runs.</summary>
[LenientContract]
internal sealed record ChatTool
{
    [Values("function")]
    public required string Type { get; init; }

    /// <summary>The function.</summary>
    public required ChatFunction Function { get; init; }
}

/// <summary>A function that the caller runs.</summary>
[LenientContract]
internal sealed record ChatFunction
{
    /// <summary>The name of the function.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public required string Name { get; init; }

    /// <summary>Describes the function to the model.</summary>
    public string? Description { get; init; }

    /// <summary>A JSON schema of the arguments, which are an object. When missing: any object.</summary>
    [Keywords(ToolKeywords.InputSchema, Alone = true)]
    public object? Parameters { get; init; }

    /// <summary>Whether every call is certain to fit the schema.</summary>
    public bool? Strict { get; init; }
}

/// <summary>
/// <c>auto</c>: the model decides. <c>none</c>: it calls no function. <c>required</c> and <c>any</c>: it calls at least one.
/// </summary>
[Keywords("""{"enum":["none","auto","required","any"]}""", Alone = true)]
internal sealed record ChatFreeToolChoice;

/// <summary>The model calls this function.</summary>
[LenientContract]
internal sealed record ChatOneToolChoice
{
    [Values("function")]
    public required string Type { get; init; }

    /// <summary>The function.</summary>
    public required ChatFunctionName Function { get; init; }
}

/// <summary>The name of a function.</summary>
[LenientContract]
internal sealed record ChatFunctionName
{
    /// <summary>The name.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public required string Name { get; init; }
}

/// <summary><c>auto</c>: the model decides. <c>none</c>: it calls no function.</summary>
[Keywords("""{"enum":["none","auto"]}""", Alone = true)]
internal sealed record ChatFreeFunctionCall;
