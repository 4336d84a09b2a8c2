using System.ComponentModel.DataAnnotations;
using Relay.Api.OpenApi;

namespace Relay.Api.Completions;

/// <summary>Keywords of tools.</summary>
internal static class ToolKeywords
{
    /// <summary>A JSON schema of an object, or null for any object.</summary>
    public const string InputSchema = """{"anyOf":[{"type":"object","properties":{"type":{"const":"object"}}},{"type":"null"}]}""";

    public const string MaxTools = """{"maxItems":256}""";
}

/// <summary>A tool that the caller runs, in the relay's own format.</summary>
[RequestContract]
[Keywords(BodyKeywords.NothingElse)]
internal sealed record NativeTool
{
    /// <summary><c>custom</c>, or missing.</summary>
    [Values("custom")]
    public string? Type { get; init; }

    /// <summary>The name of the tool.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public required string Name { get; init; }

    /// <summary>Describes the tool to the model.</summary>
    public string? Description { get; init; }

    /// <summary>A JSON schema of the input, which is an object. When missing: any object.</summary>
    [Keywords(ToolKeywords.InputSchema, Alone = true)]
    public object? InputSchema { get; init; }

    /// <summary>Whether every input is certain to fit the schema.</summary>
    public bool? Strict { get; init; }

    /// <summary>Ignored: Claude Code decides what Anthropic caches, and the cache changes no answer.</summary>
    public object? CacheControl { get; init; }
}

/// <summary>A tool that the caller runs, in Anthropic's format.</summary>
[LenientContract]
internal sealed record MessageTool
{
    /// <summary><c>custom</c>, or missing.</summary>
    [Values("custom")]
    public string? Type { get; init; }

    /// <summary>The name of the tool.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public required string Name { get; init; }

    /// <summary>Describes the tool to the model.</summary>
    public string? Description { get; init; }

    /// <summary>A JSON schema of the input, which is an object. When missing: any object.</summary>
    [Keywords(ToolKeywords.InputSchema, Alone = true)]
    public object? InputSchema { get; init; }

    /// <summary>Whether every input is certain to fit the schema.</summary>
    public bool? Strict { get; init; }
}

/// <summary>The model decides, calls no tool, or calls at least one.</summary>
[LenientContract]
internal sealed record FreeToolChoice
{
    /// <summary><c>auto</c>: the model decides. <c>none</c>: it calls no tool. <c>any</c>: it calls at least one.</summary>
    [Values("none", "auto", "any")]
    public required string Type { get; init; }

    /// <summary>Whether an answer has at most one call.</summary>
    [Keywords("{}", Alone = true)]
    public bool? DisableParallelToolUse { get; init; }
}

/// <summary>The model calls this tool.</summary>
[LenientContract]
internal sealed record OneToolChoice
{
    [Values("tool")]
    public required string Type { get; init; }

    /// <summary>The name of the tool.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public required string Name { get; init; }

    /// <summary>Whether an answer has at most one call.</summary>
    [Keywords("{}", Alone = true)]
    public bool? DisableParallelToolUse { get; init; }
}

/// <summary>An empty list, which asks for nothing.</summary>
[Keywords("""{"type":"array","maxItems":0}""", Alone = true)]
internal sealed record EmptyList;

/// <summary>An empty list or an empty object, which ask for nothing.</summary>
[Keywords("""{"enum":[[],{}]}""", Alone = true)]
internal sealed record EmptyListOrObject;

/// <summary>An empty object, which asks for nothing.</summary>
[Keywords("""{"type":"object","maxProperties":0}""", Alone = true)]
internal sealed record EmptyObject;

/// <summary>A call of a tool, from an earlier answer. The next message has its result.</summary>
[LenientContract]
internal sealed record ToolUseParam
{
    [Values("tool_use")]
    public required string Type { get; init; }

    /// <summary>The id of the call.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public required string Id { get; init; }

    /// <summary>The name of the tool.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public required string Name { get; init; }

    /// <summary>The input.</summary>
    [Keywords("""{"type":"object"}""", Alone = true)]
    public required object Input { get; init; }
}

/// <summary>The result of a call of a tool.</summary>
[LenientContract]
internal sealed record ToolResultParam
{
    [Values("tool_result")]
    public required string Type { get; init; }

    /// <summary>The id of the call.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public required string ToolUseId { get; init; }

    /// <summary>A text, or a list of texts and pictures.</summary>
    [Keywords("""{"type":["string","array","null"]}""", Alone = true)]
    public object? Content { get; init; }

    /// <summary>Whether the tool failed.</summary>
    public bool? IsError { get; init; }
}
