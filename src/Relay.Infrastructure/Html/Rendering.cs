namespace Relay.Infrastructure.Html;

/// <summary>A page in another form.</summary>
/// <param name="Text">The form.</param>
/// <param name="IsWhole">Whether that is all of the page.</param>
internal sealed record Rendering(string Text, bool IsWhole);
