using Microsoft.Extensions.Options;
using Relay.Domain;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>Finds claude: <c>CLAUDE_BIN</c>, <c>PATH</c>, <c>~/.local/bin</c>.</summary>
internal sealed class ClaudeLocator(IOptions<ClaudeCodeOptions> options)
{
    private static readonly string FileName = OperatingSystem.IsWindows() ? "claude.exe" : "claude";

    /// <summary>The executable, or the error with the action to take. Cheap: a few look-ups of file names.</summary>
    public Result<ClaudeBinary> Find()
    {
        var named = options.Value.ClaudeBin;
        var found = string.IsNullOrEmpty(named) ? Candidates().FirstOrDefault(File.Exists) : named;
        if (found is null)
        {
            return new RelayError(
                ErrorCode.ClaudeMissing,
                "No 'claude' on PATH or in ~/.local/bin. Install Claude Code (npm install -g @anthropic-ai/claude-code), or set "
                    + "CLAUDE_BIN in config.env."
            );
        }

        try
        {
            var file = new FileInfo(Path.GetFullPath(found));
            var target = file.Exists ? (FileInfo)(file.ResolveLinkTarget(returnFinalTarget: true) ?? file) : file;
            return target.Exists ? new ClaudeBinary(target.FullName, target.Length, target.LastWriteTimeUtc) : Gone;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return Gone; // A circular link, or an update that has just removed it.
        }
    }

    private static RelayError Gone { get; } =
        new(
            ErrorCode.ClaudeMissing,
            "There is no executable where CLAUDE_BIN, or the 'claude' on PATH, points to. Correct CLAUDE_BIN in config.env, or remove it "
                + "to "
                + "search PATH."
        );

    private static IEnumerable<string> Candidates() =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Where(Path.IsPathRooted)
            .Append(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "bin"))
            .Select(directory => Path.Combine(directory, FileName));
}
