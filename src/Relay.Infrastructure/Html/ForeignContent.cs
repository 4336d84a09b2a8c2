using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Relay.Infrastructure.Html;

/// <summary>
/// Follows SVG, MathML and HTML inside them (WHATWG HTML, 13.2.6.5) without a tree, as far as 32 levels of such content in each
/// other. Deeper levels are read as if they were the deepest.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal struct ForeignContent
{
    /// <summary>The start tags that end SVG and MathML.</summary>
    private static readonly FrozenSet<HtmlTag> EndForeign = new[]
    {
        HtmlTag.B,
        HtmlTag.Big,
        HtmlTag.Blockquote,
        HtmlTag.Body,
        HtmlTag.Br,
        HtmlTag.Center,
        HtmlTag.Code,
        HtmlTag.Dd,
        HtmlTag.Div,
        HtmlTag.Dl,
        HtmlTag.Dt,
        HtmlTag.Em,
        HtmlTag.Embed,
        HtmlTag.H1,
        HtmlTag.H2,
        HtmlTag.H3,
        HtmlTag.H4,
        HtmlTag.H5,
        HtmlTag.H6,
        HtmlTag.Head,
        HtmlTag.Hr,
        HtmlTag.I,
        HtmlTag.Img,
        HtmlTag.Li,
        HtmlTag.Listing,
        HtmlTag.Menu,
        HtmlTag.Meta,
        HtmlTag.Nobr,
        HtmlTag.Ol,
        HtmlTag.P,
        HtmlTag.Pre,
        HtmlTag.Ruby,
        HtmlTag.S,
        HtmlTag.Small,
        HtmlTag.Span,
        HtmlTag.Strong,
        HtmlTag.Strike,
        HtmlTag.Sub,
        HtmlTag.Sup,
        HtmlTag.Table,
        HtmlTag.Tt,
        HtmlTag.U,
        HtmlTag.Ul,
        HtmlTag.Var,
    }.ToFrozenSet();

    /// <summary>Elements that neither SVG nor MathML has: their end tags belong to the HTML around.</summary>
    private static readonly FrozenSet<HtmlTag> HtmlOnly = EndForeign
        .Concat([
            HtmlTag.Article,
            HtmlTag.Aside,
            HtmlTag.Button,
            HtmlTag.Figure,
            HtmlTag.Footer,
            HtmlTag.Form,
            HtmlTag.Header,
            HtmlTag.Html,
            HtmlTag.Main,
            HtmlTag.Nav,
            HtmlTag.Section,
            HtmlTag.Td,
            HtmlTag.Th,
            HtmlTag.Tr,
        ])
        .ToFrozenSet();

    private Levels _levels;

    /// <summary>The number of open elements of SVG and MathML, and of HTML inside them.</summary>
    public int Depth { get; private set; }

    /// <summary>Whether the innermost level is SVG or MathML, and not HTML inside them.</summary>
    public readonly bool IsForeign => Depth > 0 && LevelAt(Depth) is not (Level.HtmlInSvg or Level.HtmlInMath);

    /// <summary>Ends all levels deeper than this.</summary>
    public void CloseTo(int depth) => Depth = Math.Min(Depth, depth);

    /// <summary>Follows a start tag. Returns whether its element is HTML.</summary>
    public bool Open(HtmlTag tag, bool isSelfClosing, HtmlAttributes attributes)
    {
        if (IsForeign)
        {
            if (!EndForeign.Contains(tag) && !(tag == HtmlTag.Font && HasFontAttribute(attributes)))
            {
                if (!isSelfClosing)
                {
                    OpenForeign(tag);
                }

                return false;
            }

            // A browser leaves for the HTML around. That also ends an SVG that was never closed.
            CloseToHtml();
        }

        if (!isSelfClosing && tag is HtmlTag.Svg or HtmlTag.Math)
        {
            Push(tag == HtmlTag.Svg ? Level.Svg : Level.Math);
        }

        return true;
    }

    public void Close(HtmlTag tag)
    {
        if (Depth == 0)
        {
            return;
        }

        if (IsForeign && HtmlOnly.Contains(tag))
        {
            CloseToHtml();
            return;
        }

        var level = LevelAt(Depth);
        var closes = level switch
        {
            Level.HtmlInSvg => IsHtmlInSvg(tag),
            Level.HtmlInMath => IsHtmlInMath(tag) || tag == HtmlTag.Math,
            _ => false,
        };
        if (closes)
        {
            Depth--;
        }

        // The end tag of a whole formula or drawing ends all that is open in it.
        if (IsForeign && (!closes || (level == Level.HtmlInMath && tag == HtmlTag.Math)) && tag is HtmlTag.Svg or HtmlTag.Math)
        {
            CloseForeign(tag);
        }
    }

    private void CloseToHtml()
    {
        while (IsForeign)
        {
            Depth--;
        }
    }

    private void OpenForeign(HtmlTag tag)
    {
        // An element called svg inside MathML is MathML, and the other way round.
        var isSvg = LevelAt(Depth) is Level.Svg or Level.MathInSvg;
        if (tag == HtmlTag.Svg)
        {
            Push(isSvg ? Level.Svg : Level.SvgInMath);
        }
        else if (tag == HtmlTag.Math)
        {
            Push(isSvg ? Level.MathInSvg : Level.Math);
        }
        else if (isSvg && IsHtmlInSvg(tag))
        {
            Push(Level.HtmlInSvg);
        }
        else if (!isSvg && IsHtmlInMath(tag))
        {
            Push(Level.HtmlInMath);
        }
    }

    /// <summary>Ends the innermost SVG or MathML of this name; does nothing when HTML lies between.</summary>
    private void CloseForeign(HtmlTag tag)
    {
        // Levels beyond the deepest one that is followed are equal to it, so one look is enough for them.
        for (
            var depth = Depth;
            depth > 0 && LevelAt(depth) is var level and not (Level.HtmlInSvg or Level.HtmlInMath);
            depth = Math.Min(depth, Levels.Length) - 1
        )
        {
            if (tag == (level is Level.Svg or Level.SvgInMath ? HtmlTag.Svg : HtmlTag.Math))
            {
                Depth = depth - 1;
                return;
            }
        }
    }

    private readonly Level LevelAt(int depth) => _levels[Math.Min(depth, Levels.Length) - 1];

    private void Push(Level level)
    {
        if (Depth < Levels.Length)
        {
            _levels[Depth] = level;
        }

        Depth++;
    }

    private static bool IsHtmlInSvg(HtmlTag tag) => tag is HtmlTag.ForeignObject or HtmlTag.Desc or HtmlTag.Title;

    private static bool IsHtmlInMath(HtmlTag tag) =>
        tag is HtmlTag.Mi or HtmlTag.Mo or HtmlTag.Mn or HtmlTag.Ms or HtmlTag.Mtext or HtmlTag.AnnotationXml;

    private static bool HasFontAttribute(HtmlAttributes attributes)
    {
        foreach (var attribute in attributes)
        {
            if (attribute.Is("color"u8) || attribute.Is("face"u8) || attribute.Is("size"u8))
            {
                return true;
            }
        }

        return false;
    }

    private enum Level : byte
    {
        Svg,
        Math,

        /// <summary>An element of SVG that is called <c>math</c>.</summary>
        MathInSvg,

        /// <summary>An element of MathML that is called <c>svg</c>.</summary>
        SvgInMath,
        HtmlInSvg,
        HtmlInMath,
    }

    [InlineArray(Length)]
    private struct Levels
    {
        public const int Length = 32;

        private Level _first;
    }
}
