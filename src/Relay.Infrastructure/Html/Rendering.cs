namespace Relay.Infrastructure.Html;

/// <summary>A page in another form.</summary>
/// <param name="Text">The page in that form.</param>
/// <param name="IsWhole">Whether the whole page is in it.</param>
internal sealed record Rendering(string Text, bool IsWhole);
