using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using Relay.Api.Completions;
using Relay.Api.OpenApi;

namespace Relay.Api.Anthropic;

/// <summary>The events of a stream, in Anthropic's order. A <c>ping</c> may come anywhere.</summary>
[Event(typeof(PingEvent), "ping")]
[Event(typeof(MessageStart), "message_start")]
[Event(typeof(BlockStart), "content_block_start")]
[Event(typeof(BlockDelta), "content_block_delta")]
[Event(typeof(BlockStop), "content_block_stop")]
[Event(typeof(MessageDelta), "message_delta")]
[Event(typeof(MessageStop), "message_stop")]
[Event(typeof(AnthropicError), "error")]
internal sealed record MessageEvents;

/// <summary>The model has begun.</summary>
/// <param name="Type">Always <c>message_start</c>.</param>
/// <param name="Message">The answer as it begins.</param>
internal sealed record MessageStart([property: Values("message_start")] string Type, MessageAnswer Message);

/// <summary>A block of the answer begins.</summary>
/// <param name="Type">Always <c>content_block_start</c>.</param>
/// <param name="Index">The number of the block, from 0.</param>
/// <param name="ContentBlock">The block as it begins.</param>
internal sealed record BlockStart(
    [property: Values("content_block_start")] string Type,
    int Index,
    [property: OneOf(typeof(AnyAnswerBlock))] object ContentBlock
);

/// <summary>The block goes on.</summary>
/// <param name="Type">Always <c>content_block_delta</c>.</param>
/// <param name="Index">The number of the block, from 0.</param>
/// <param name="Delta">The next part of the block.</param>
internal sealed record BlockDelta(
    [property: Values("content_block_delta")] string Type,
    int Index,
    [property: OneOf(typeof(TextDelta), typeof(CitationsDelta), typeof(InputDelta), typeof(ThinkingDelta), typeof(SignatureDelta))]
        object Delta
);

/// <summary>The next words.</summary>
/// <param name="Type">Always <c>text_delta</c>.</param>
/// <param name="Text">The words.</param>
internal sealed record TextDelta([property: Values("text_delta")] string Type, [property: MinLength(1)] string Text);

/// <summary>The words cite a place in a document.</summary>
/// <param name="Type">Always <c>citations_delta</c>.</param>
/// <param name="Citation">The place.</param>
internal sealed record CitationsDelta(
    [property: Values("citations_delta")] string Type,
    [property: OneOf(typeof(CitationContract))] JsonElement Citation
);

/// <summary>The next part of the input of a call.</summary>
/// <param name="Type">Always <c>input_json_delta</c>.</param>
/// <param name="PartialJson">The part. All parts together are JSON.</param>
internal sealed record InputDelta([property: Values("input_json_delta")] string Type, string PartialJson);

/// <summary>The next words of a thought.</summary>
/// <param name="Type">Always <c>thinking_delta</c>.</param>
/// <param name="Thinking">The words.</param>
internal sealed record ThinkingDelta([property: Values("thinking_delta")] string Type, string Thinking);

/// <summary>The signature of a thought.</summary>
/// <param name="Type">Always <c>signature_delta</c>.</param>
/// <param name="Signature">The signature of the API.</param>
internal sealed record SignatureDelta([property: Values("signature_delta")] string Type, string Signature);

/// <summary>The block ends.</summary>
/// <param name="Type">Always <c>content_block_stop</c>.</param>
/// <param name="Index">The number of the block, from 0.</param>
internal sealed record BlockStop([property: Values("content_block_stop")] string Type, int Index);

/// <summary>The reason of the end, and the tokens.</summary>
/// <param name="Type">Always <c>message_delta</c>.</param>
/// <param name="Delta">The reason.</param>
/// <param name="Usage">Tokens.</param>
internal sealed record MessageDelta([property: Values("message_delta")] string Type, StopDelta Delta, MessageUsage Usage);

/// <summary>The reason of the end.</summary>
/// <param name="StopReason">
/// Why the model stopped: <c>end_turn</c>, <c>max_tokens</c>, <c>stop_sequence</c>, <c>refusal</c> and others.
/// </param>
/// <param name="StopSequence">The stop sequence that ended the answer. Null when no stop sequence did.</param>
internal sealed record StopDelta(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? StopReason,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? StopSequence
);

/// <summary>The answer is whole.</summary>
/// <param name="Type">Always <c>message_stop</c>.</param>
internal sealed record MessageStop([property: Values("message_stop")] string Type);

/// <summary>Breaks a silence.</summary>
/// <param name="Type">Always <c>ping</c>.</param>
internal sealed record PingEvent([property: Values("ping")] string Type);
