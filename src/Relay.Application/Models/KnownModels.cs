using Relay.Domain.Models;

namespace Relay.Application.Models;

/// <summary>
/// Full ids of models, for lists. Clients choose from them, and some clients know the abilities of a model only by its id. An allowed
/// family includes every id of it, also ids that are not in this list. Claude Code 2.1.330 sends each id unchanged.
/// </summary>
internal static class KnownModels
{
    /// <summary>The ids by family, the newest first.</summary>
    public static IReadOnlyList<ModelName> Ids { get; } =
    [
        .. new[]
        {
            "claude-opus-5-5",
            "claude-opus-5",
            "claude-opus-4-8",
            "claude-opus-4-7",
            "claude-opus-4-6",
            "claude-opus-4-5",
            "claude-sonnet-5-5",
            "claude-sonnet-5",
            "claude-sonnet-4-6",
            "claude-sonnet-4-5",
            "claude-haiku-5-5",
            "claude-haiku-4-5",
            "claude-fable-5-2",
            "claude-fable-5-1",
            "claude-fable-5",
        }.Select(id => ModelName.Create(id).Value),
    ];
}
