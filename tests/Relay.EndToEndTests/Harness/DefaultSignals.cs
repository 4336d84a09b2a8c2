using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Relay.EndToEndTests.Harness;

/// <summary>
/// A shell lets its background jobs ignore SIGINT and SIGQUIT, and <c>nohup</c> lets a program ignore SIGHUP. A child inherits that, so a
/// relay under test would ignore the signal that a test sends. The tests therefore give these signals their default effect before they
/// start anything.
/// </summary>
internal static partial class DefaultSignals
{
    private const nint Default = 0;

    /// <summary>SIGHUP, SIGINT, SIGQUIT and SIGTERM.</summary>
    private static readonly int[] Numbers = [1, 2, 3, 15];

    /// <summary>Runs before the first test.</summary>
    [ModuleInitializer]
    internal static void Restore()
    {
        foreach (var number in IgnoredIn(File.ReadAllText("/proc/self/status")))
        {
            _ = signal(number, Default);
        }
    }

    /// <summary>Those of these signals that a process ignores.</summary>
    /// <param name="status">The text of its <c>/proc/PID/status</c>.</param>
    internal static IReadOnlyList<int> IgnoredIn(string status)
    {
        var line = status.Split('\n').Single(line => line.StartsWith("SigIgn:", StringComparison.Ordinal));
        var ignored = ulong.Parse(line["SigIgn:".Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return [.. Numbers.Where(number => (ignored & (1UL << (number - 1))) != 0)];
    }

    [LibraryImport("libc")]
    private static partial nint signal(int number, nint handler);
}
