namespace Relay.Infrastructure.Html;

/// <summary>
/// Walks through a page's elements as browsers nest them: missing end tags are added, and end tags of nothing are left out. SVG is
/// skipped. Memory grows with the depth only, and the walk stops when it is cancelled.
/// </summary>
internal ref struct MarkupWalker
{
    private const int StepsBetweenChecks = 1024;

    private readonly OpenElements _open = new();
    private readonly CancellationToken _cancellationToken;
    private HtmlTokenizer _tokens;
    private int _kept = int.MaxValue;
    private int _steps;
    private bool _isTagPending;
    private bool _isReadAhead;
    private bool _isOver;

    public MarkupWalker(ReadOnlySpan<byte> html, CancellationToken cancellationToken)
    {
        _tokens = new HtmlTokenizer(html);
        _cancellationToken = cancellationToken;
    }

    public MarkupStep Step { get; private set; }

    public HtmlTag Tag { get; private set; }

    /// <summary>Whether the element that begins is one of those whose ends are counted in <see cref="Depth"/>.</summary>
    public bool IsNested { get; private set; }

    /// <summary>Elements that are open behind this step. Formatting elements and elements without content do not count.</summary>
    public readonly int Depth => _open.Count;

    /// <summary>The offset of the token at hand; for an element's end, of the token that ends it.</summary>
    public readonly int TokenStart => _tokens.Start;

    /// <summary>The offset of the end of the element that ends: behind its end tag, or before the token that stands for one.</summary>
    public readonly int ElementEnd =>
        _isOver
        || (
            !_isTagPending
            && _tokens.Kind == HtmlTokenKind.EndTag
            && _open.Count == _kept
            && (Tag == _tokens.Tag || (OpenElements.IsHeading(Tag) && OpenElements.IsHeading(_tokens.Tag)))
        )
            ? _tokens.End
            : _tokens.Start;

    public readonly ReadOnlySpan<byte> Name => _tokens.Name;

    public readonly ReadOnlySpan<byte> Raw => _tokens.Raw;

    public readonly HtmlAttributes Attributes => _tokens.Attributes;

    public readonly string Text =>
        _tokens.IsCData
            ? System.Text.Encoding.UTF8.GetString(
                _tokens.Raw["<![CDATA[".Length..(_tokens.Raw.EndsWith("]]>"u8) ? _tokens.Raw.Length - 3 : _tokens.Raw.Length)]
            )
            : CharacterReferences.Decode(_tokens.Raw, inAttribute: false);

    /// <summary>Goes to the next step; false at the end, where all elements have ended.</summary>
    public bool Read()
    {
        while (true)
        {
            if (_open.Count > _kept)
            {
                Tag = _open.Pop();
                Step = MarkupStep.Close;
                return true;
            }

            if (_isTagPending)
            {
                _isTagPending = false;
                Enter();
                return true;
            }

            if (!ReadToken())
            {
                (_kept, _isOver) = (0, true);
                if (_open.Count == 0)
                {
                    return false;
                }

                continue;
            }

            if (Arrive())
            {
                return true;
            }
        }
    }

    /// <summary>Reads a formula, whose beginning is at hand, to its end.</summary>
    public void ReadMath(MathWriter writer)
    {
        var outside = _tokens.ForeignDepth - 1;
        while (ReadToken())
        {
            if (_tokens.ForeignDepth <= outside)
            {
                // A tag of the page around it ends a formula, too.
                _isReadAhead = !(_tokens.Kind == HtmlTokenKind.EndTag && _tokens.Tag == HtmlTag.Math);
                return;
            }

            writer.Read(_tokens, Text);
        }
    }

    /// <summary>Whether the element that begins is a formula with content.</summary>
    public readonly bool IsFormula => Tag == HtmlTag.Math && _tokens.Kind == HtmlTokenKind.StartTag && _tokens.ForeignDepth > 0;

    private bool ReadToken()
    {
        if (++_steps % StepsBetweenChecks == 0)
        {
            _cancellationToken.ThrowIfCancellationRequested();
        }

        if (_isReadAhead)
        {
            _isReadAhead = false;
            return true;
        }

        return _tokens.Read();
    }

    /// <summary>Takes up a token; false for a token that is not a step.</summary>
    private bool Arrive()
    {
        switch (_tokens.Kind)
        {
            case HtmlTokenKind.Text:
                Step = MarkupStep.Text;
                return true;
            case HtmlTokenKind.StartTag when _tokens.Tag == HtmlTag.Svg:
                SkipSvg();
                return false;
            case HtmlTokenKind.StartTag:
                _kept = _open.KeptBefore(_tokens.Tag);
                _isTagPending = true;
                return false;
            case HtmlTokenKind.EndTag:
                return Leave();
            default:
                return false;
        }
    }

    private void Enter()
    {
        Tag = _tokens.Tag;
        Step = MarkupStep.Open;
        IsNested =
            Tag is not (HtmlTag.Html or HtmlTag.Head or HtmlTag.Body or HtmlTag.Math)
            && !OpenElements.HasNoContent(Tag)
            && !OpenElements.IsFormatting(Tag)
            && !(_tokens.IsSelfClosing && _tokens.IsForeign)
            && _open.Push(Tag, NameOf(Tag, _tokens.Name));
        _kept = int.MaxValue;
    }

    private bool Leave()
    {
        Tag = _tokens.Tag;
        if (OpenElements.IsFormatting(Tag))
        {
            Step = MarkupStep.Close;
            return true;
        }

        _kept = _open.KeptAfterEnd(Tag, NameOf(Tag, _tokens.Name));
        if (_kept == _open.Count && Tag is HtmlTag.Br or HtmlTag.P)
        {
            // Without an open element, these two end tags make an empty one.
            (Step, IsNested) = (MarkupStep.Open, false);
            return true;
        }

        return false;
    }

    private void SkipSvg()
    {
        var outside = _tokens.IsSelfClosing ? _tokens.ForeignDepth : _tokens.ForeignDepth - 1;
        while (_tokens.ForeignDepth > outside && ReadToken())
        {
            if (_tokens.ForeignDepth <= outside)
            {
                _isReadAhead = !(_tokens.Kind == HtmlTokenKind.EndTag && _tokens.Tag == HtmlTag.Svg);
            }
        }
    }

    /// <summary>A number for a name that the relay does not know.</summary>
    private static int NameOf(HtmlTag tag, ReadOnlySpan<byte> name)
    {
        if (tag != HtmlTag.Unknown)
        {
            return 0;
        }

        var hash = new HashCode();
        foreach (var letter in name)
        {
            hash.Add(letter is >= (byte)'A' and <= (byte)'Z' ? (byte)(letter | 0x20) : letter);
        }

        return hash.ToHashCode();
    }
}
