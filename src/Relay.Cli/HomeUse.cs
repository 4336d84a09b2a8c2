namespace Relay.Cli;

/// <summary>The need of a command for the relay's home.</summary>
internal enum HomeUse
{
    /// <summary>The home must exist, and is not changed: a mistyped <c>--home</c> must not create one, nor lose its mode.</summary>
    MustExist,

    /// <summary>
    /// The home is created if it is missing. An existing one is not changed, even one that is open to others, so that the command can
    /// report it.
    /// </summary>
    CreateIfMissing,

    /// <summary>The home is created if it is missing, and closed to others.</summary>
    CreateAndClose,
}
