using System.Runtime.Versioning;
using Relay.Application.Diagnostics;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.Diagnostics;

/// <summary>Checks that the relay's home and its audit directory are writable, and open to their owner only.</summary>
internal sealed class HomeCheck(RelayHome home) : IDiagnosticCheck
{
    private const UnixFileMode Others =
        UnixFileMode.GroupRead
        | UnixFileMode.GroupWrite
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead
        | UnixFileMode.OtherWrite
        | UnixFileMode.OtherExecute;

    private const int ShownAtMost = 5;

    public DiagnosticArea Area => DiagnosticArea.Home;

    public string Name => "home";

    public Task<IReadOnlyList<Finding>> RunAsync(DiagnoseQuery query, CancellationToken cancellationToken)
    {
        var findings = new List<Finding> { OfWriting(Name, home.Path) };
        findings.AddRange(OfModes());
        findings.Add(
            Directory.Exists(home.AuditDirectory)
                ? OfWriting("audit", home.AuditDirectory)
                : Finding.Pass("audit", $"{home.AuditDirectory} is made with the first entry.")
        );
        return Task.FromResult<IReadOnlyList<Finding>>(findings);
    }

    private static Finding OfWriting(string check, string directory)
    {
        try
        {
            var probe = Path.Combine(directory, $".doctor-{Path.GetRandomFileName()}");
            new FileStream(probe, RelayHome.PrivateFile(FileMode.CreateNew, FileAccess.Write, FileShare.None)).Dispose();
            File.Delete(probe);
            return Finding.Pass(check, $"{directory} can be written.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return Finding.Fail(
                check,
                $"{directory} can't be written: {exception.Message}",
                "Give it to the relay's user, and check that the disk is not full."
            );
        }
    }

    private IEnumerable<Finding> OfModes()
    {
        const string check = "modes";
        if (OperatingSystem.IsWindows())
        {
            yield return Finding.Pass(check, "On Windows the profile's access list protects the home.");
            yield break;
        }

        var open = Entries().Where(IsOpen).Take(ShownAtMost + 1).ToList();
        foreach (var entry in open.Take(ShownAtMost))
        {
            yield return Finding.Fail(
                check,
                $"Other users may use {entry}.",
                $"chmod {(Directory.Exists(entry) ? "700" : "600")} '{entry}'"
            );
        }

        if (open.Count > ShownAtMost)
        {
            yield return Finding.Fail(check, $"Other users may use more files of {home.Path}.", $"chmod -R go= '{home.Path}'");
        }
        else if (open.Count == 0)
        {
            yield return Finding.Pass(check, $"Only its owner can use what is in {home.Path}.");
        }
    }

    [UnsupportedOSPlatform("windows")]
    private static bool IsOpen(string entry) => (File.GetUnixFileMode(entry) & Others) != UnixFileMode.None;

    /// <summary>The entries that the relay creates. Below <c>run</c> and <c>claude</c>, Claude Code sets the modes.</summary>
    private IEnumerable<string> Entries() =>
        (
            (string[])
                [
                    home.Path,
                    home.ConfigFile,
                    home.KeyFile,
                    home.DatabaseFile,
                    home.DatabaseFile + "-wal",
                    home.DatabaseFile + "-shm",
                    home.AuditDirectory,
                    home.RunDirectory,
                    home.ClaudeDirectory,
                ]
        )
            .Where(Path.Exists)
            .Concat(Directory.Exists(home.AuditDirectory) ? Directory.EnumerateFiles(home.AuditDirectory) : []);
}
