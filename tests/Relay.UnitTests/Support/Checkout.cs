using System.Runtime.CompilerServices;

namespace Relay.UnitTests.Support;

/// <summary>The project's own files, which some tests read.</summary>
internal static class Checkout
{
    /// <summary>The root directory of the checkout.</summary>
    public static string Root { get; } = Find();

    /// <summary>A file's path.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string Find([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));
}
