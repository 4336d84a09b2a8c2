using System.Runtime.InteropServices;

namespace Relay.UnitTests.Support;

/// <summary>The processor time of a thread, which other work on the machine does not change.</summary>
internal static partial class ThreadClock
{
    private const int LinuxThread = 3;
    private const int MacThread = 16;

    /// <summary>The least processor time of some runs, the first of which compiles the code.</summary>
    public static TimeSpan Least(int runs, Action work) => Enumerable.Range(0, runs).Min(_ => Measure(work));

    private static TimeSpan Measure(Action work)
    {
        var before = Read();
        work();
        return Read() - before;
    }

    private static TimeSpan Read() => clock_gettime(OperatingSystem.IsMacOS() ? MacThread : LinuxThread, out var time) == 0
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
