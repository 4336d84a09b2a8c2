using System.Text;

namespace Relay.FakeClaude;

/// <summary>Puts a fake <c>claude</c> into a folder of the test's own. Unix only.</summary>
public static class FakeClaudeInstall
{
    /// <summary>The variable with the path of the program, see <c>native_fake_claude</c> in <c>bin/lib.sh</c>.</summary>
    private const string ProgramVariable = "CLAUDE_RELAY_TEST_FAKE_CLAUDE";

    private const string ScriptFile = "fake-claude.json";
    private const string PidFile = "pids.txt";
    private const string VersionFile = "version.txt";

    internal const string GrandchildPidFile = "grandchild.pid";

    /// <summary>Writes the script and an executable <c>claude</c> that follows it.</summary>
    /// <returns>The full path of <c>claude</c>.</returns>
    public static string Install(string directory, FakeScript script)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException("The fake CLI is started by a shell script.");
        }

        directory = Path.GetFullPath(directory);
        Directory.CreateDirectory(directory);
        Update(directory, script);

        // The program that test.sh has compiled to machine code. Else the one beside this assembly, also in a test project's output:
        // a reference to an Exe project brings its host along.
        var program = Environment.GetEnvironmentVariable(ProgramVariable) is { Length: > 0 } compiled
            ? compiled
            : Path.ChangeExtension(typeof(FakeScript).Assembly.Location, null);
        var runtime = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "..", "..", ".."));

        // The relay passes an allow-listed environment, so a runtime outside the usual places has to be named here.
        // The other two settings save a socket and a quarter of the start.
        // The version is told by the shell, which takes a fortieth of the time of a start of .NET.
        // The shell appends the pid (exec keeps it) because its >> is O_APPEND, and .NET's FileMode.Append is not.
        var claude = Path.Combine(directory, "claude");
        File.WriteAllText(
            claude,
            $"""
            #!/bin/sh
            if [ "$1" = --version ]; then read -r version <{Quote(Path.Combine(directory, VersionFile))}; echo "$version"; exit; fi
            echo $$ >>{Quote(Path.Combine(directory, PidFile))}
            export DOTNET_ROOT={Quote(runtime)} DOTNET_EnableDiagnostics=0 DOTNET_EnableWriteXorExecute=0
            exec {Quote(program)} --script {Quote(Path.Combine(directory, ScriptFile))} "$@"

            """
        );
        File.SetUnixFileMode(
            claude,
            UnixFileMode.UserRead
                | UnixFileMode.UserWrite
                | UnixFileMode.UserExecute
                | UnixFileMode.GroupRead
                | UnixFileMode.GroupExecute
                | UnixFileMode.OtherRead
                | UnixFileMode.OtherExecute
        );
        return claude;
    }

    /// <summary>Changes what processes started from now on do; those that run keep the script they read.</summary>
    public static void Update(string directory, FakeScript script)
    {
        // By rename: a process that starts meanwhile reads the old script or the new one, never half of either.
        Replace(Path.Combine(directory, VersionFile), Encoding.UTF8.GetBytes($"{script.Version} (Claude Code)\n"));
        Replace(Path.Combine(directory, ScriptFile), script.ToJson());
    }

    private static void Replace(string file, byte[] content)
    {
        File.WriteAllBytes(file + ".new", content);
        File.Move(file + ".new", file, overwrite: true);
    }

    /// <summary>Whether a process has read its script: an update no longer changes what it does.</summary>
    public static bool HasReadScript(string directory, int processId) => File.Exists(ReadFile(directory, processId));

    /// <summary>The file that a process leaves when it has read its script.</summary>
    internal static string ReadFile(string directory, int processId) => Path.Combine(directory, $"read-{processId}");

    /// <summary>The pids of all processes started so far, in order, those that only told their version left out.</summary>
    public static IReadOnlyList<int> Pids(string directory) => ReadPids(Path.Combine(directory, PidFile));

    /// <summary>
    /// The pids of the children that <see cref="FakeBehavior.Grandchild"/> and <see cref="FakeBehavior.GrandchildStall"/> left.
    /// </summary>
    public static IReadOnlyList<int> GrandchildPids(string directory) => ReadPids(Path.Combine(directory, GrandchildPidFile));

    private static int[] ReadPids(string file) => File.Exists(file) ? [.. File.ReadAllLines(file).Select(int.Parse)] : [];

    private static string Quote(string text) => $"'{text.Replace("'", @"'\''", StringComparison.Ordinal)}'";
}
