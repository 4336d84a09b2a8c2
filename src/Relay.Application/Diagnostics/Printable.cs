using System.Globalization;
using System.Text;

namespace Relay.Application.Diagnostics;

/// <summary>Makes text safe for a terminal: nothing in it moves the cursor, sets a colour or turns the writing around.</summary>
public static class Printable
{
    /// <summary>The text on one line, with each invisible character written like <c>\u001b</c>.</summary>
    public static string Text(string text)
    {
        if (!text.Any(IsHidden))
        {
            return text;
        }

        var safe = new StringBuilder(text.Length + 16);
        foreach (var letter in text)
        {
            if (IsHidden(letter))
            {
                safe.Append("\\u").Append(((int)letter).ToString("x4", CultureInfo.InvariantCulture));
            }
            else
            {
                safe.Append(letter);
            }
        }

        return safe.ToString();
    }

    private static bool IsHidden(char letter) =>
        char.GetUnicodeCategory(letter)
            is UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator
                or UnicodeCategory.Surrogate
                or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned;
}
