namespace Relay.Infrastructure.Html;

/// <summary>An element that is not read, while its steps go by.</summary>
/// <param name="tag">The element.</param>
/// <param name="depth">The elements that are open in it; for a formatting element, those around it.</param>
/// <param name="isFormatting">Whether only its end tag, or the end of the element around it, ends it.</param>
internal sealed class SkippedElement(HtmlTag tag, int depth, bool isFormatting)
{
    /// <summary>The open formatting elements of its name, including itself.</summary>
    private int _open = 1;

    /// <summary>Whether its end was seen.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Whether the step at hand belongs to the element; its last step does.</summary>
    public bool Contains(in MarkupWalker walker)
    {
        if (walker.Step == MarkupStep.Close && walker.Depth < depth)
        {
            IsOver = true;
            // The end of the element around a formatting element is read.
            return !isFormatting;
        }

        if (isFormatting && walker.Tag == tag && walker.Step != MarkupStep.Text)
        {
            _open += walker.Step == MarkupStep.Open ? 1 : -1;
            IsOver = _open == 0;
        }

        return true;
    }
}
