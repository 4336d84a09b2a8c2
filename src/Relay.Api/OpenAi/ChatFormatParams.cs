using Relay.Api.Completions;
using Relay.Api.OpenApi;

namespace Relay.Api.OpenAi;

/// <summary>Free text.</summary>
[LenientContract]
internal sealed record ChatTextFormat
{
    [Values("text")]
    public required string Type { get; init; }

    /// <summary>Ignored.</summary>
    public object? JsonSchema { get; init; }
}

/// <summary>Any JSON object.</summary>
[LenientContract]
internal sealed record ChatObjectFormat
{
    [Values("json_object")]
    public required string Type { get; init; }

    /// <summary>Ignored.</summary>
    public object? JsonSchema { get; init; }
}

/// <summary>A value that fits the schema. Not together with <c>stop</c>.</summary>
[LenientContract]
internal sealed record ChatSchemaFormat
{
    [Values("json_schema")]
    public required string Type { get; init; }

    /// <summary>The schema, with its name.</summary>
    public required ChatSchema JsonSchema { get; init; }
}

/// <summary>A schema, with its name.</summary>
[LenientContract]
internal sealed record ChatSchema
{
    /// <summary>Ignored.</summary>
    public object? Name { get; init; }

    /// <summary>Ignored.</summary>
    public object? Description { get; init; }

    /// <summary>The schema.</summary>
    [OneOf(typeof(AnswerSchema))]
    public required object Schema { get; init; }

    /// <summary>Ignored: the answer always fits.</summary>
    public object? Strict { get; init; }
}
