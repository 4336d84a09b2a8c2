namespace Relay.Infrastructure.Html;

/// <summary>An element that is not read, while its steps go by.</summary>
/// <param name="tag">The element.</param>
/// <param name="depth">The elements that are open in it; of a formatting element those around it.</param>
/// <param name="isFormatting">Whether its end tag alone ends it, or the end of the element around.</param>
internal sealed class SkippedElement(HtmlTag tag, int depth, bool isFormatting)
{
    /// <summary>Formatting elements of its name that are open, with itself.</summary>
    private int _open = 1;

    /// <summary>Whether its end was seen.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Whether the step at hand is of the element; its last one is.</summary>
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
