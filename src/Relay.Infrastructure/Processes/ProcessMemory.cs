using System.Globalization;
using System.Runtime.InteropServices;

namespace Relay.Infrastructure.Processes;

/// <summary>
/// Measures and bounds the memory of a process and its descendants on Linux, and chooses which process ends when memory runs out. A jail is
/// a parent of the program in it.
/// </summary>
internal static class ProcessMemory
{
    /// <summary>More than any jail has: a process that forks without end is not followed for ever.</summary>
    private const int MaxProcesses = 64;

    /// <summary>A score out of 1,000 (man 5 proc_pid_oom_score_adj): as if it held half of the machine's memory besides.</summary>
    private const string Preferred = "500";

    /// <summary>Has the kernel end a process and its descendants before the relay and most others when memory runs out.</summary>
    public static void EndFirst(int processId)
    {
        try
        {
            File.WriteAllText($"/proc/{Text(processId)}/oom_score_adj", Preferred);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The process ended meanwhile, runs as another user, or this is not Linux: the kernel decides by memory alone.
        }
    }

    /// <summary>Resident bytes of a process and its descendants; 0 where the system does not tell, or the process is gone.</summary>
    public static long ResidentBytes(int processId) => Tree(processId).Sum(process => process.ResidentBytes);

    /// <summary>
    /// Has the kernel refuse a process and its descendants more than so many bytes besides those that they have mapped now (RLIMIT_DATA,
    /// man 2 getrlimit). Processes that they start later have the same bound. Does nothing where this is not Linux, or the process is gone.
    /// </summary>
    public static void Bound(int processId, long moreBytes)
    {
        foreach (var process in Tree(processId))
        {
            NativeMethods.BoundData(process.Id, process.DataBytes + moreBytes);
        }
    }

    private static List<MappedMemory> Tree(int processId)
    {
        var tree = new List<MappedMemory>();
        var pending = new Queue<int>([processId]);
        while (tree.Count < MaxProcesses && pending.TryDequeue(out var id))
        {
            try
            {
                // Pages: the second number is the resident set, the sixth data and stack (man 5 proc_pid_statm).
                var pages = Numbers($"/proc/{Text(id)}/statm");
                tree.Add(
                    new MappedMemory(
                        id,
                        pages.ElementAtOrDefault(1) * Environment.SystemPageSize,
                        pages.ElementAtOrDefault(5) * Environment.SystemPageSize
                    )
                );
                foreach (var child in Numbers($"/proc/{Text(id)}/task/{Text(id)}/children"))
                {
                    pending.Enqueue((int)child);
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // The process ended meanwhile, or this is not Linux: it holds no memory that can be told.
                continue;
            }
        }

        return tree;
    }

    /// <summary>The numbers in a file. The kernel may give none for a process that is ending.</summary>
    private static List<long> Numbers(string path) =>
        [
            .. File.ReadAllText(path)
                .Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
                .Select(text => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0),
        ];

    private static string Text(int id) => id.ToString(CultureInfo.InvariantCulture);

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct MappedMemory(int Id, long ResidentBytes, long DataBytes);
}
