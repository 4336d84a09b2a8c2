namespace Relay.Infrastructure.ClaudeCode;

/// <summary>A claude executable as it is on the disk now. Another size or time means another executable.</summary>
/// <param name="Path">Absolute, symbolic links followed.</param>
/// <param name="Length">Bytes.</param>
/// <param name="ModifiedAt">UTC.</param>
internal sealed record ClaudeBinary(string Path, long Length, DateTime ModifiedAt)
{
    /// <summary>The oldest version that knows <c>client_composed</c>, <c>--restricted</c> and a clean <c>set_model</c>.</summary>
    public static readonly Version MinimumVersion = new(2, 1, 290);

    public bool IsUnchanged => new FileInfo(Path) is { Exists: true } file && file.Length == Length && file.LastWriteTimeUtc == ModifiedAt;

    /// <summary>The newest version that the lockdown tests have run against.</summary>
    public static readonly Version NewestTestedVersion = new(2, 1, 330);

    /// <summary>The problem of a version below <see cref="MinimumVersion"/>, in a sentence.</summary>
    public static string TooOld(Version version) => $"Claude Code {version} is too old: the lockdown needs {MinimumVersion} or later.";

    /// <summary>The doubt about a version above <see cref="NewestTestedVersion"/>, in a sentence.</summary>
    public static string Untested(Version version) =>
        $"Claude Code {version} is newer than {NewestTestedVersion}, the newest this relay was tested with.";
}
