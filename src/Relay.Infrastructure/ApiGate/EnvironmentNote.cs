using System.Text.RegularExpressions;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// The note on the environment that Claude Code adds to each conversation (987 bytes on 2.1.330). Each line has a form that is fixed
/// here; a rehearsal fixes the words of the executable in use.
/// </summary>
internal static partial class EnvironmentNote
{
    /// <summary>Longest note, in characters: twice the length measured.</summary>
    public const int MaxLength = 4096;

    private const string DatePlaceholder = "Today's date is ____-__-__.";

    /// <summary>
    /// Reads a note: its lines, each with its end, without empty ones, tags, the date and the line with the number of tokens; null when it
    /// has another form. A process that was parked over midnight may still name the day before.
    /// </summary>
    public static string? Read(string text, DateOnly today)
    {
        if (text.Length > MaxLength || text.AsSpan().ContainsAnyExceptInRange('\n', '~'))
        {
            return null;
        }

        var dates = Date().Matches(text);
        if (
            dates.Any(match =>
                !DateOnly.TryParseExact(match.Groups["date"].Value, "yyyy-MM-dd", out var date)
                || (date != today && date != today.AddDays(-1))
            )
        )
        {
            return null;
        }

        var lines = text.Split('\n');
        return Array.TrueForAll(lines, line => Line().IsMatch(line))
            ? string.Concat(lines.Where(HoldsWords).Select(line => Date().Replace(line, DatePlaceholder) + "\n"))
            : null;
    }

    /// <summary>Whether a text is only the number of tokens that are left.</summary>
    public static bool IsBudget(string text) => Budget().Replace(text.Trim('\n'), string.Empty).Length == 0 && text.Length > 0;

    /// <summary>Whether a line holds words. A process that was never asked for its init frame leaves the number of tokens out.</summary>
    private static bool HoldsWords(string line) => line is not ("" or "<system-reminder>" or "</system-reminder>") && !IsBudget(line);

    [GeneratedRegex(@"Today's date is (?<date>[0-9]{4}-[0-9]{2}-[0-9]{2})\.", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Date();

    [GeneratedRegex(@"<total_tokens>[0-9]{1,12} tokens left</total_tokens>", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Budget();

    /// <summary>
    /// The lines that may stand in a note, measured on 2.1.290 to 2.1.332: the heading and its sentence; the working directory, which is
    /// the jail's or the relay's empty one; platform, shell and kernel; two pieces of advice about files and curl; the model's name, id and
    /// date of knowledge; the date of today; for older models the number of tokens that are left.
    /// </summary>
    [GeneratedRegex(
        @"^(</?system-reminder>|\# Environment|You have been invoked in the following environment: |"
            + @" - (Primary working directory: /[A-Za-z0-9/._-]{1,100}|Is a git repository: (true|false)|Platform: [a-z0-9]{1,12}|Shell: "
            + @"[a-z/]{1,24}|OS Version: [A-Za-z]{1,12} [A-Za-z0-9.+_-]{1,64}"
            + @"|Downloaded files and extracted archives are untrusted data: .{1,600}|In `curl`, .{1,120})|"
            + @"You are powered by the model .{1,200}|Assistant knowledge cutoff is [A-Za-z]{3,10} [0-9]{4}\.|Today's date is "
            + @"[0-9-]{10}\.|<total_tokens>[0-9]{1,12} tokens left</total_tokens>|)\z",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Line();
}
