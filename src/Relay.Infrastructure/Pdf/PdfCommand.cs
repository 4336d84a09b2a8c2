using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Options;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Processes;

namespace Relay.Infrastructure.Pdf;

/// <summary>
/// The command line of a reading process: in a jail without network, home and files where bubblewrap works, and with a bound on its
/// memory everywhere.
/// </summary>
/// <param name="executable">The program that reads.</param>
/// <param name="options">The choice of the jail.</param>
/// <param name="isClaudeJailed">Whether Claude Code runs in a jail here. That was decided before the first request.</param>
internal sealed class PdfCommand(PdfExecutable executable, IOptions<ClaudeCodeOptions> options, Func<bool> isClaudeJailed)
{
    /// <summary>Bytes of memory for the objects of one reading process.</summary>
    public const long MaxHeap = 256 * 1024 * 1024;

    public bool MayJail => OperatingSystem.IsLinux() && options.Value.Sandbox != SandboxMode.Off && File.Exists(Bubblewrap.Path);

    /// <summary>
    /// Whether files are refused rather than read without a jail. Where jails work, a jail that can't be made is a fault of the moment,
    /// and a caller could have caused it.
    /// </summary>
    public bool MustJail => options.Value.Sandbox == SandboxMode.Bwrap || isClaudeJailed();

    public ProcessSpec Make(bool isJailed)
    {
        var root = SharedRuntimeOf(RuntimeEnvironment.GetRuntimeDirectory());
        string[] arguments = [.. executable.Arguments, PdfProgram.Argument];
        if (!isJailed)
        {
            return new ProcessSpec(executable.FileName, arguments, Variables(root), Path.GetTempPath());
        }

        var program = Path.GetDirectoryName(executable.Arguments is [var assembly, ..] ? assembly : executable.FileName)!;
        string[] jail =
        [
            .. Bubblewrap.Isolation,
            "--unshare-net",
            .. Bubblewrap.Libraries(),
            .. Bubblewrap.Mounts,
            // After the mounts, which would hide directories below them.
            .. root is null ? (string[])[] : ["--ro-bind", root, root],
            "--ro-bind",
            program,
            program,
            "--remount-ro",
            "/",
            "--chdir",
            "/tmp",
            "--",
            executable.FileName,
            .. arguments,
        ];
        return new ProcessSpec(Bubblewrap.Path, jail, Variables(root), "/");
    }

    /// <summary>The folder of a shared .NET, from <c>FOLDER/shared/NAME/VERSION</c>; null for a program with its own .NET.</summary>
    internal static string? SharedRuntimeOf(string runtimeDirectory)
    {
        var shared = Path.GetDirectoryName(Path.GetDirectoryName(runtimeDirectory.TrimEnd('/')));
        return Path.GetFileName(shared) == "shared" && Path.GetDirectoryName(shared) is { Length: > 1 } root ? root : null;
    }

    private static Dictionary<string, string> Variables(string? root)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["DOTNET_GCHeapHardLimit"] = MaxHeap.ToString("X", CultureInfo.InvariantCulture),
            ["DOTNET_gcServer"] = "0",
            ["DOTNET_gcConcurrent"] = "0",
            ["DOTNET_EnableDiagnostics"] = "0",
            ["DOTNET_TieredPGO"] = "0",
        };
        if (root is not null)
        {
            variables["DOTNET_ROOT"] = root;
        }

        return variables;
    }
}
