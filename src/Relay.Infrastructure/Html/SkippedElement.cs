namespace Relay.Infrastructure.Html;

/// <summary>
/// An element that is not read, while its steps go by. The depth counts the elements that are open in it. A formatting element ends only
/// with its end tag or with the element around it, so its depth counts the elements around it.
/// </summary>
internal sealed class SkippedElement(HtmlTag tag, int depth, bool isFormatting)
{
    /// <summary>The open formatting elements of its name, including itself.</summary>
    private int _open = 1;

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
