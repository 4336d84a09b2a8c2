namespace Relay.Infrastructure.Html;

/// <summary>The elements of a page that are not visible.</summary>
internal static class HiddenElements
{
    /// <summary>Whether the element that begins is hidden by an attribute, or is a dialog that is not open.</summary>
    public static bool Contains(in MarkupWalker walker)
    {
        // A hidden page is shown by a script.
        if (walker.Tag is HtmlTag.Html or HtmlTag.Body or HtmlTag.Main)
        {
            return false;
        }

        if (walker.Tag == HtmlTag.Dialog && HtmlAttributes.Find(walker.Attributes, "open"u8) is null)
        {
            return true;
        }

        foreach (var attribute in walker.Attributes)
        {
            if (
                (attribute.Is("hidden"u8) && !attribute.Text.Trim().Equals("until-found", StringComparison.OrdinalIgnoreCase))
                || (attribute.Is("aria-hidden"u8) && attribute.Text.Trim().Equals("true", StringComparison.OrdinalIgnoreCase))
                || (attribute.Is("style"u8) && IsNotDisplayed(attribute.Text))
            )
            {
                // MediaWiki hides its formulas behind pictures of them.
                return HtmlAttributes.Find(walker.Attributes, "class"u8)?.Contains("mwe-math-mathml", StringComparison.Ordinal) != true;
            }
        }

        return false;
    }

    private static bool IsNotDisplayed(string style) =>
        style.Contains("none", StringComparison.OrdinalIgnoreCase)
        && string.Concat(style.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .Contains("display:none", StringComparison.OrdinalIgnoreCase);
}
