namespace Relay.Infrastructure.Html;

/// <summary>The kind of a step of a walk.</summary>
internal enum MarkupStep
{
    Text,

    /// <summary>An element begins. An element without content has no end.</summary>
    Open,

    /// <summary>An element ends: by its end tag, by a tag that may stand for it, or with the element around it.</summary>
    Close,
}
