using System.Globalization;

namespace Relay.Infrastructure.Processes;

/// <summary>Asks Linux how much memory a process and its descendants hold, and whom it ends when memory runs out. A jail is a parent of the program in it.</summary>
internal static class ProcessMemory
{
    /// <summary>Deeper than any jail: a process that forks without end is not followed for ever.</summary>
    private const int MaxProcesses = 64;

    /// <summary>Of 1,000 (man 5 proc_pid_oom_score_adj): as if it held half of the memory there is, beside what it holds.</summary>
    private const string Preferred = "500";

    /// <summary>
    /// Has the kernel end a process, and what that process starts, before the relay and before most others, when the memory of the machine, of the service
    /// or of the container runs out.
    /// </summary>
    public static void EndFirst(int processId)
    {
        try
        {
            File.WriteAllText($"/proc/{Text(processId)}/oom_score_adj", Preferred);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It ended meanwhile, runs as another user, or this is not Linux: the kernel decides by memory alone.
        }
    }

    /// <summary>Resident bytes of a process and its descendants; 0 where the system does not tell, or the process is gone.</summary>
    public static long ResidentBytes(int processId)
    {
        long bytes = 0;
        var pending = new Queue<int>([processId]);
        for (var count = 0; count < MaxProcesses && pending.TryDequeue(out var id); count++)
        {
            try
            {
                // The second number of statm is the resident set, in pages (man 5 proc).
                var pages = Numbers($"/proc/{Text(id)}/statm").ElementAtOrDefault(1);
                bytes += pages * Environment.SystemPageSize;
                foreach (var child in Numbers($"/proc/{Text(id)}/task/{Text(id)}/children"))
                {
                    pending.Enqueue((int)child);
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // It ended meanwhile, or this is not Linux: it holds nothing that can be told.
                continue;
            }
        }

        return bytes;
    }

    /// <summary>The numbers in a file; of a process that is ending the kernel may tell none.</summary>
    private static List<long> Numbers(string path) =>
    [
        .. File.ReadAllText(path).Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
            .Select(text => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0),
    ];

    private static string Text(int id) => id.ToString(CultureInfo.InvariantCulture);
}
