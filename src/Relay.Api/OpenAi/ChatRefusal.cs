using Relay.Domain.Completions;

namespace Relay.Api.OpenAi;

/// <summary>The words of a model that declined to answer.</summary>
internal static class ChatRefusal
{
    private const string WithoutWords = "The model declined to answer this prompt.";

    /// <summary>
    /// The model's words, or the relay's where the model had none; null for an answer. OpenAI's SDKs take an empty refusal for no refusal.
    /// </summary>
    public static string? Of(Completion completion) =>
        completion.StopReason != "refusal" ? null
        : string.IsNullOrWhiteSpace(completion.Text) ? WithoutWords
        : completion.Text;
}
