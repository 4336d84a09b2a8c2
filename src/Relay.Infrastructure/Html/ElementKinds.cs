namespace Relay.Infrastructure.Html;

/// <summary>The meaning of elements for the text of a page.</summary>
internal static class ElementKinds
{
    /// <summary>Whether an element begins and ends a block of text.</summary>
    public static bool IsBlock(HtmlTag tag) =>
        OpenElements.IsHeading(tag)
        || BlockWriter.IsList(tag)
        || tag
            is HtmlTag.Address
                or HtmlTag.Article
                or HtmlTag.Aside
                or HtmlTag.Blockquote
                or HtmlTag.Body
                or HtmlTag.Caption
                or HtmlTag.Center
                or HtmlTag.Dd
                or HtmlTag.Details
                or HtmlTag.Dialog
                or HtmlTag.Div
                or HtmlTag.Dl
                or HtmlTag.Dt
                or HtmlTag.Fieldset
                or HtmlTag.Figcaption
                or HtmlTag.Figure
                or HtmlTag.Footer
                or HtmlTag.Form
                or HtmlTag.Frameset
                or HtmlTag.Header
                or HtmlTag.Hgroup
                or HtmlTag.Hr
                or HtmlTag.Legend
                or HtmlTag.Li
                or HtmlTag.Main
                or HtmlTag.Nav
                or HtmlTag.Noscript
                or HtmlTag.Option
                or HtmlTag.P
                or HtmlTag.Pre
                or HtmlTag.Search
                or HtmlTag.Section
                or HtmlTag.Summary
                or HtmlTag.Table
                or HtmlTag.Tbody
                or HtmlTag.Td
                or HtmlTag.Tfoot
                or HtmlTag.Th
                or HtmlTag.Thead
                or HtmlTag.Tr;

    /// <summary>Whether the element that begins is not meant to be read, or is repeated elsewhere.</summary>
    public static bool IsUnread(in MarkupWalker walker) =>
        walker.Tag switch
        {
            HtmlTag.Script
            or HtmlTag.Style
            or HtmlTag.Title
            or HtmlTag.Iframe
            or HtmlTag.Object
            or HtmlTag.Canvas
            or HtmlTag.Audio
            or HtmlTag.Video
            or HtmlTag.Select
            or HtmlTag.Datalist
            or HtmlTag.Textarea
            or HtmlTag.Rp
            or HtmlTag.Noembed
            or HtmlTag.Noframes
            or HtmlTag.Progress => true,
            HtmlTag.Template => !HtmlStripper.IsShadowRoot(walker.Attributes),
            _ => false,
        };

    /// <summary>Whether the button that begins is the heading of the part that it opens, as in an accordion. Others act.</summary>
    public static bool IsQuestion(in MarkupWalker walker)
    {
        foreach (var attribute in walker.Attributes)
        {
            if (
                (attribute.Is("role"u8) && attribute.Text.Trim().Equals("tab", StringComparison.OrdinalIgnoreCase))
                || attribute.Is("aria-expanded"u8)
                || attribute.Is("data-bs-toggle"u8)
                || attribute.Is("data-toggle"u8)
            )
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether the image at hand is a single point, which counts readers and shows nothing.</summary>
    public static bool IsTracker(in MarkupWalker walker) =>
        HtmlAttributes.Find(walker.Attributes, "width"u8) is "1" or "0" || HtmlAttributes.Find(walker.Attributes, "height"u8) is "1" or "0";

    /// <summary>The source of the image at hand. An image that scripts load has its source in another attribute.</summary>
    public static string? SourceOfImage(in MarkupWalker walker)
    {
        var source = HtmlAttributes.Find(walker.Attributes, "src"u8);
        return source is not null && !source.AsSpan().Trim().StartsWith("data:", StringComparison.OrdinalIgnoreCase)
            ? source
            : HtmlAttributes.Find(walker.Attributes, "data-src"u8)
                ?? HtmlAttributes.Find(walker.Attributes, "data-original"u8)
                ?? HtmlAttributes.Find(walker.Attributes, "data-lazy-src"u8)
                ?? source;
    }
}
