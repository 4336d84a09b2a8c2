namespace Relay.Infrastructure.Html;

/// <summary>A page in another form.</summary>
internal sealed record Rendering(string Text, bool IsWhole);
