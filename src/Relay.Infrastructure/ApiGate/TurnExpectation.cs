using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// The complete caller's part of a request to the Messages API. It prints none of the caller's words. The model is an alias or a full id. A
/// model with a lower cap on the answer may have less.
/// </summary>
internal sealed record TurnExpectation(string Model, PromptText? System, Conversation Conversation, int MaxOutputTokens)
{
    /// <summary>The family of the model; the name itself where it is not a model's.</summary>
    public string Family => ModelName.Create(Model).TryGet(out var name, out _) ? name.Family : Model;

    /// <summary>The effort asked for; null for the executable's default, which the rehearsal showed.</summary>
    public Effort? Effort { get; init; }

    public ExtraBody Extra { get; init; } = ExtraBody.None;

    public OutputSchema? Schema { get; init; }

    /// <summary>Values that the rehearsal of this executable and model showed; null in the rehearsal itself.</summary>
    public RequestShape? Shape { get; init; }

    /// <summary>Most repeats after failures that came before any part of an answer.</summary>
    public int MaxRepeats { get; init; }

    /// <summary>A question that the gate answers itself.</summary>
    public static TurnExpectation Rehearsal(string model, Preparation preparation, int maxOutputTokens) =>
        new(model, preparation.System, Conversation.Of(PromptText.Create("prompt", "Say OK.").Value!), maxOutputTokens)
        {
            Schema = preparation.Schema,
        };

    public override string ToString() => $"TurnExpectation {{ {Model}, *** }}";
}
