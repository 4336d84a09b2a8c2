using Relay.Application.Completions;
using Relay.Domain.Completions;

namespace Relay.Api.Completions;

internal static class IgnoredFields
{
    /// <summary>
    /// Tells the caller, and the log at debug level, which fields had no effect. Parameters have none where the engine can't pass them on.
    /// </summary>
    public static void Tell(
        this HttpContext context,
        IReadOnlyList<string> ignored,
        ILogger logger,
        ModelParameters parameters,
        ICompletionEngine engine
    )
    {
        if (!engine.TakesParameters)
        {
            ignored = [.. parameters.Names.Union(ignored, StringComparer.Ordinal)];
        }

        if (ignored.Count == 0)
        {
            return;
        }

        var names = string.Join(", ", ignored);
        context.Response.Headers[LenientBody.IgnoredHeader] = names;
        logger.LogDebug("Fields without effect here: {Names}", names);
    }
}
