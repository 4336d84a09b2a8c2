using System.Globalization;

namespace Relay.Infrastructure.Processes;

/// <summary>Reads from Linux how much memory a process and its descendants hold. A jail is a parent of the program in it.</summary>
internal static class ProcessMemory
{
    /// <summary>Deeper than any jail: a process that forks without end is not followed for ever.</summary>
    private const int MaxProcesses = 64;

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
