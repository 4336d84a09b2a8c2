namespace Relay.Infrastructure.HttpFetching;

/// <summary>The way to read a body, by its content type.</summary>
internal enum ContentReading
{
    /// <summary>The body is not text, or never ends.</summary>
    Never,

    /// <summary>The type tells.</summary>
    ByType,

    /// <summary>The type says nothing: the first bytes tell.</summary>
    ByBytes,

    /// <summary>The type allows anything: the first bytes tell, where they are clearly text.</summary>
    ByClearBytes,
}
