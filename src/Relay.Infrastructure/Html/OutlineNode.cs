namespace Relay.Infrastructure.Html;

/// <summary>One element of an outline. Its numbers count its own content, without the elements below it.</summary>
internal sealed class OutlineNode(HtmlTag tag, int parent, int start)
{
    public HtmlTag Tag { get; } = tag;

    /// <summary>The place of the element around it; below 0 for none.</summary>
    public int Parent { get; } = parent;

    /// <summary>The offset of its start tag, in bytes.</summary>
    public int Start { get; } = start;

    /// <summary>The offset of its end, in bytes.</summary>
    public int End { get; set; }

    /// <summary>The place behind the last element in it.</summary>
    public int Next { get; set; }

    /// <summary>Letters of text, a run of white space as one.</summary>
    public int Letters { get; set; }

    public double LinkLetters { get; set; }

    /// <summary>Commas of several scripts.</summary>
    public int Commas { get; set; }

    public int Images { get; set; }

    /// <summary>Fields of a form.</summary>
    public int Inputs { get; set; }

    /// <summary>Whether its text ends a sentence somewhere.</summary>
    public bool HasSentence { get; set; }

    /// <summary>Points for its class and its id.</summary>
    public int Weight { get; init; }

    /// <summary>Whether its class, id or role says that it is beside the content.</summary>
    public bool IsUnlikely { get; init; }

    public bool IsShare { get; init; }

    /// <summary>A number for its class; 0 for none.</summary>
    public int ClassNumber { get; init; }
}
