using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Relay.Api.OpenApi;
using Relay.Domain.Models;

namespace Relay.Api.OpenAi;

/// <summary>Fields that requests of OpenAI's two APIs share.</summary>
[LenientContract]
internal abstract record OpenAiFields
{
    /// <summary>A name of <c>GET /v1/models</c>, or a full id (<c>claude-…</c>) of a family that is on that list.</summary>
    [StringLength(ModelName.MaxLength), RegularExpression(Patterns.ModelName)]
    public required string Model { get; init; }

    /// <summary>Whether the answer comes as server-sent events while it is made.</summary>
    [DefaultValue(false)]
    public bool? Stream { get; init; }

    /// <summary>
    /// The randomness of the model's words. Claude's greatest temperature is 1. A greater value counts as 1, and is named in
    /// <c>X-Relay-Ignored</c>.
    /// </summary>
    [Range(0d, 2d)]
    public double? Temperature { get; init; }

    /// <summary>The share of the likeliest words that the model chooses from. When missing, or 1: all.</summary>
    [Range(0d, 1d)]
    public double? TopP { get; init; }

    /// <summary>The number of the likeliest words that the model chooses from, as in Anthropic's API. When missing, 0 or -1: all.</summary>
    [Range(-1, int.MaxValue)]
    public long? TopK { get; init; }

    /// <summary>Whether one answer may have several calls. True when missing.</summary>
    [Keywords("""{"enum":[true,false,null,[],{}]}""", Alone = true)]
    public object? ParallelToolCalls { get; init; }

    /// <summary>Probabilities are not available.</summary>
    [Keywords("""{"enum":[0,null,[],{}]}""", Alone = true)]
    public object? TopLogprobs { get; init; }

    /// <summary>Speed class. No effect here. Named in <c>X-Relay-Ignored</c> unless it asks for the default.</summary>
    public object? ServiceTier { get; init; }

    /// <summary>Id of a user for the safety checks of the API.</summary>
    [NoEffect]
    public object? SafetyIdentifier { get; init; }

    /// <summary>Key of OpenAI's prompt cache.</summary>
    [NoEffect]
    public object? PromptCacheKey { get; init; }

    /// <summary>Time in OpenAI's prompt cache.</summary>
    [NoEffect]
    public object? PromptCacheRetention { get; init; }
}
