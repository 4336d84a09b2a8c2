using System.Runtime.InteropServices;

namespace Relay.UnitTests.Support;

/// <summary>The processor time of a thread, which other work on the machine does not change.</summary>
internal static partial class ThreadClock
{
    private const int LinuxThread = 3;
    private const int MacThread = 16;

    /// <summary>
    /// The processor time of a piece of work. The first runs compile the code: the work is repeated while it takes too long.
    /// </summary>
    /// <param name="enough">The work is not repeated once it took less than this.</param>
    /// <param name="runs">Most runs.</param>
    /// <param name="work">The work.</param>
    public static TimeSpan Least(TimeSpan enough, int runs, Action work)
    {
        var least = Measure(work);
        for (var run = 1; run < runs && least >= enough; run++)
        {
            least = TimeSpan.FromTicks(Math.Min(least.Ticks, Measure(work).Ticks));
        }

        return least;
    }

    private static TimeSpan Measure(Action work)
    {
        var before = Read();
        work();
        return Read() - before;
    }

    private static TimeSpan Read() =>
        clock_gettime(OperatingSystem.IsMacOS() ? MacThread : LinuxThread, out var time) == 0
            ? TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromMicroseconds(time.Nanoseconds / 1000d)
            : throw new InvalidOperationException("The system does not tell a thread's processor time.");

    [StructLayout(LayoutKind.Sequential)]
    private struct Time
    {
        public nint Seconds;
        public nint Nanoseconds;
    }

    [DllImport("libc", EntryPoint = "clock_gettime")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int clock_gettime(int clock, out Time time);
}
