namespace Relay.Infrastructure.Html;

/// <summary>Writes superscripts and subscripts in plain text, so that no number changes its meaning.</summary>
internal static class ScriptText
{
    private const int LongestMarked = 20;

    /// <summary>The text with its mark; null where it is clear without one.</summary>
    public static string? Mark(bool isSuperscript, char before, string text)
    {
        if (isSuperscript && IsWordEnd(before, text))
        {
            return null;
        }

        return text.Length > LongestMarked ? " " + text : (isSuperscript ? "^" : "_") + Group(text);
    }

    /// <summary>The text in brackets, unless it is one number or one word.</summary>
    public static string Group(string text)
    {
        var word = text.AsSpan(text.Length > 1 && text[0] is '-' or '+' or '\u2212' ? 1 : 0);
        foreach (var letter in word)
        {
            if (!char.IsLetterOrDigit(letter) && letter is not ('.' or '\'' or '\u2032'))
            {
                return text[0] == '(' && text.IndexOf(')', StringComparison.Ordinal) == text.Length - 1 ? text : $"({text})";
            }
        }

        return text;
    }

    /// <summary>Whether it ends a number or a word, as in "1st", "2e" and "Name™", and is not a power.</summary>
    private static bool IsWordEnd(char before, string text) =>
        text is "TM" or "SM" or "\u2122" or "\u00AE" or "\u00A9" or "\u00BA" or "\u00AA" or "\u00B0" or "*" or "\u2020" or "\u2021"
        || (
            char.IsDigit(before)
            && text
                is "st"
                    or "nd"
                    or "rd"
                    or "th"
                    or "e"
                    or "er"
                    or "re"
                    or "\u00E8re"
                    or "eme"
                    or "\u00E8me"
                    or "nde"
                    or "de"
                    or "o"
                    or "a"
                    or "te"
                    or "ste"
        )
        || (
            char.IsLetter(before)
            && text.Length > 1
            && text.All(char.IsLetter)
            && !char.IsUpper(text[0])
            && text is "lle" or "me" or "mes" or "rs" or "gr" or "os" or "as"
        );
}
