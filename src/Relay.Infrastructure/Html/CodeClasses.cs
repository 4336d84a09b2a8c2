namespace Relay.Infrastructure.Html;

/// <summary>The classes by which pages mark code, its language and the numbers of its lines.</summary>
internal static class CodeClasses
{
    private static readonly string[] Languages = ["language-", "lang-", "highlight-source-", "brush:"];

    private static readonly HashSet<string> Cells = new(StringComparer.OrdinalIgnoreCase)
    {
        "blob-code",
        "rouge-code",
        "hljs-ln-code",
        "code",
        "crayon-code",
        "line-content",
    };

    private static readonly HashSet<string> Numbers = new(StringComparer.OrdinalIgnoreCase)
    {
        "lineno",
        "linenos",
        "line-number",
        "line-numbers",
        "line-numbers-rows",
        "linenumber",
        "linenumbers",
        "linenodiv",
        "gutter",
        "rouge-gutter",
        "hljs-ln-numbers",
        "blob-num",
        "ln-num",
        "react-syntax-highlighter-line-number",
    };

    public static string? LanguageOf(HtmlAttributes attributes)
    {
        foreach (var name in ClassesOf(attributes))
        {
            if (
                Array.Find(Languages, prefix => name.StartsWith(prefix, StringComparison.Ordinal) && name.Length > prefix.Length) is
                { } known
            )
            {
                return new string([
                    .. name[known.Length..].Where(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '+' or '#' or '_'),
                ]);
            }
        }

        return null;
    }

    /// <summary>Whether a table's cell holds code.</summary>
    public static bool IsCell(HtmlAttributes attributes) => ClassesOf(attributes).Any(Cells.Contains);

    /// <summary>Whether an element holds the numbers of lines.</summary>
    public static bool IsNumbering(HtmlAttributes attributes) => ClassesOf(attributes).Any(Numbers.Contains);

    private static string[] ClassesOf(HtmlAttributes attributes) =>
        HtmlAttributes.Find(attributes, "class"u8)?.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) ?? [];
}
