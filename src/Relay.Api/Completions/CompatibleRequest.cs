using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>A body of OpenAI's or Anthropic's API as the relay understands it.</summary>
/// <param name="Request">What to complete.</param>
/// <param name="IsStream">Whether the answer comes as events.</param>
/// <param name="IncludesUsage">Whether a stream of OpenAI's ends with what it cost.</param>
/// <param name="Ignored">Names of the fields that had no effect.</param>
internal sealed record CompatibleRequest(CompletionRequest Request, bool IsStream, bool IncludesUsage, IReadOnlyList<string> Ignored);

internal static class IgnoredFields
{
    /// <summary>Tells the caller, and the log at debug level, which fields had no effect.</summary>
    public static void Tell(this HttpContext context, IReadOnlyList<string> ignored, ILogger logger)
    {
        if (ignored.Count == 0)
        {
            return;
        }

        var names = string.Join(", ", ignored);
        context.Response.Headers[Http.LenientBody.IgnoredHeader] = names;
        logger.LogDebug("Fields without effect here: {Names}", names);
    }
}
