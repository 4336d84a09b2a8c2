using System.Runtime.InteropServices;

namespace Relay.Infrastructure.Processes;

/// <summary>The few calls of the C library that .NET does not offer. Linux and macOS only.</summary>
internal static partial class NativeMethods
{
    public const int SigKill = 9;
    public const int SigTerm = 15;

    private const int StandardInput = 0;
    private const int RlimitCoreLinux = 4;
    private const int RlimitCoreMacOS = 4;
    private const int RlimitDataLinux = 2;
    private const int PrSetDumpable = 4;

    /// <summary>Signals a process group. False when the group is gone.</summary>
    public static bool SignalGroup(int groupId, int signal) => Kill(-groupId, signal) == 0;

    /// <summary>Makes this user the owner of a directory. False for another user's directory, unless this is root.</summary>
    public static bool TakeOwnership(string path) => ChangeOwner(path, GetEffectiveUserId(), GetEffectiveGroupId()) == 0;

    /// <summary>
    /// Forbids core dumps, which would hold prompts and tokens: no core file for this process and its children, and on
    /// Linux no dump to a handler and no debugger of the same user either.
    /// </summary>
    public static void ForbidCoreDumps()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        // One byte, because a limit of zero does not keep Linux from piping a dump to a handler. A limit of one byte does, and children
        // inherit it (man 5 core).
        var resource = OperatingSystem.IsMacOS() ? RlimitCoreMacOS : RlimitCoreLinux;
        var none = new ResourceLimit { Soft = 1, Hard = 1 };
        var nothing = new ResourceLimit { Soft = 0, Hard = 0 };
        // A user whose hard limit is zero may not raise it. systemd's handler stores nothing then.
        if (SetResourceLimit(resource, in none) != 0 && SetResourceLimit(resource, in nothing) != 0)
        {
            throw new InvalidOperationException($"setrlimit(RLIMIT_CORE) failed with error {Marshal.GetLastPInvokeError()}.");
        }

        if (OperatingSystem.IsLinux() && ProcessControl(PrSetDumpable, 0, 0, 0, 0) != 0)
        {
            throw new InvalidOperationException($"prctl(PR_SET_DUMPABLE) failed with error {Marshal.GetLastPInvokeError()}.");
        }
    }

    /// <summary>Bounds the memory for data of a process, for good. Linux only. A lower bound stays.</summary>
    public static void BoundData(int processId, long bytes)
    {
        var limit = new ResourceLimit { Soft = (nuint)bytes, Hard = (nuint)bytes };
        _ = ProcessResourceLimit(processId, RlimitDataLinux, in limit, IntPtr.Zero);
    }

    /// <summary>Whether a person can type into standard input.</summary>
    public static bool IsTerminal() => IsTerminal(StandardInput) == 1;

    [LibraryImport("libc", EntryPoint = "isatty", SetLastError = true)]
    private static partial int IsTerminal(int descriptor);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUserId();

    [LibraryImport("libc", EntryPoint = "getegid")]
    private static partial uint GetEffectiveGroupId();

    [LibraryImport("libc", EntryPoint = "lchown", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int ChangeOwner(string path, uint owner, uint group);

    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    private static partial int SetResourceLimit(int resource, in ResourceLimit limit);

    [LibraryImport("libc", EntryPoint = "prlimit", SetLastError = true)]
    private static partial int ProcessResourceLimit(int processId, int resource, in ResourceLimit limit, IntPtr before);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int ProcessControl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    [StructLayout(LayoutKind.Sequential)]
    private struct ResourceLimit
    {
        public nuint Soft;
        public nuint Hard;
    }
}
