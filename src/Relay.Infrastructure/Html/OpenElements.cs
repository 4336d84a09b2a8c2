using System.Runtime.InteropServices;

namespace Relay.Infrastructure.Html;

/// <summary>
/// The elements that are open at a place of a page, by the rules of the HTML Standard's tree builder (WHATWG, 13.2.6.4.7 and on) for tags
/// that may be left out. Every look-up costs the same however deep the page nests. Elements deeper than <see cref="MaxDepth"/> are
/// counted only. Formatting elements such as <c>b</c> and <c>a</c> are not included.
/// </summary>
internal sealed class OpenElements
{
    /// <summary>Browsers nest no deeper than 512.</summary>
    public const int MaxDepth = 4096;

    /// <summary>Elements of unknown names that are compared to find the one that an end tag ends.</summary>
    private const int MaxUnknownCompared = 16;

    private readonly List<Entry> _stack = [];
    private readonly int[] _last = new int[(int)HtmlTag.Xmp + 1];

    /// <summary>Elements beyond the greatest depth.</summary>
    private int _beyond;

    public OpenElements() => Array.Fill(_last, -1);

    /// <summary>One open element, with the places of the innermost elements that stop the tree builder's searches.</summary>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Entry(HtmlTag Tag, int Name, int PreviousSame, int Scope, int Table, int Item, int Special);

    public int Count => _stack.Count;

    public HtmlTag Pop()
    {
        var entry = _stack[^1];
        _stack.RemoveAt(_stack.Count - 1);
        _last[(int)entry.Tag] = entry.PreviousSame;
        return entry.Tag;
    }

    /// <summary>Opens an element; false when it is deeper than the bound. The name is a number, for unknown tags.</summary>
    public bool Push(HtmlTag tag, int name)
    {
        if (_stack.Count == MaxDepth)
        {
            _beyond++;
            return false;
        }

        var at = _stack.Count;
        var around = at > 0 ? _stack[^1] : new Entry(HtmlTag.Unknown, 0, -1, -1, -1, -1, -1);
        _stack.Add(
            new Entry(
                tag,
                name,
                _last[(int)tag],
                IsScope(tag) ? at : around.Scope,
                tag is HtmlTag.Table or HtmlTag.Template ? at : around.Table,
                IsSpecial(tag) && tag is not (HtmlTag.Address or HtmlTag.Div or HtmlTag.P or HtmlTag.Li or HtmlTag.Dd or HtmlTag.Dt)
                    ? at
                    : around.Item,
                IsSpecial(tag) ? at : around.Special
            )
        );
        _last[(int)tag] = at;
        return true;
    }

    /// <summary>The elements that stay open when this one begins. It ends those whose end tag may be left out.</summary>
    public int KeptBefore(HtmlTag tag)
    {
        if (_beyond > 0 || _stack.Count == 0)
        {
            return _stack.Count;
        }

        var top = _stack[^1];
        var kept = _stack.Count;
        switch (tag)
        {
            case HtmlTag.Li when _last[(int)HtmlTag.Li] > top.Item:
                kept = _last[(int)HtmlTag.Li];
                break;
            case HtmlTag.Dd or HtmlTag.Dt when Last(HtmlTag.Dd, HtmlTag.Dt) > top.Item:
                kept = Last(HtmlTag.Dd, HtmlTag.Dt);
                break;
            case HtmlTag.Td or HtmlTag.Th:
                kept = KeptInTable(top.Table, Last(HtmlTag.Td, HtmlTag.Th), _last[(int)HtmlTag.Caption]);
                break;
            case HtmlTag.Tr:
                kept = KeptInTable(
                    top.Table,
                    _last[(int)HtmlTag.Tr],
                    Last(HtmlTag.Td, HtmlTag.Th),
                    Last(HtmlTag.Caption, HtmlTag.Colgroup)
                );
                break;
            case HtmlTag.Tbody or HtmlTag.Thead or HtmlTag.Tfoot or HtmlTag.Colgroup or HtmlTag.Caption:
                kept = KeptInTable(
                    top.Table,
                    Math.Max(_last[(int)HtmlTag.Tbody], Last(HtmlTag.Thead, HtmlTag.Tfoot)),
                    _last[(int)HtmlTag.Tr],
                    Last(HtmlTag.Td, HtmlTag.Th),
                    Last(HtmlTag.Caption, HtmlTag.Colgroup)
                );
                break;
            case HtmlTag.Table
                when top.Table >= 0
                    && _stack[top.Table].Tag == HtmlTag.Table
                    && Math.Max(_last[(int)HtmlTag.Caption], Last(HtmlTag.Td, HtmlTag.Th)) < top.Table:
                // A table directly in a table, outside of its cells, follows it.
                kept = top.Table;
                break;
            case HtmlTag.Option when top.Tag == HtmlTag.Option:
                kept--;
                break;
            case HtmlTag.Optgroup when _last[(int)HtmlTag.Option] > top.Scope:
                kept = _last[(int)HtmlTag.Option];
                break;
            case HtmlTag.Rt or HtmlTag.Rp or HtmlTag.Rb or HtmlTag.Rtc:
                kept =
                    Math.Max(Last(HtmlTag.Rt, HtmlTag.Rp), _last[(int)HtmlTag.Rb]) is var part
                    && part > Math.Max(_last[(int)HtmlTag.Ruby], top.Special)
                        ? part
                        : kept;
                break;
            case HtmlTag.Button when _last[(int)HtmlTag.Button] > top.Scope:
                kept = _last[(int)HtmlTag.Button];
                break;
        }

        var paragraph = _last[(int)HtmlTag.P];
        if (EndsParagraph(tag) && paragraph < kept && paragraph > Math.Max(top.Scope, _last[(int)HtmlTag.Button]))
        {
            kept = paragraph;
        }

        return IsHeading(tag) && kept > 0 && IsHeading(_stack[kept - 1].Tag) ? kept - 1 : kept;
    }

    /// <summary>The number of elements that stay open after this end tag; all of them where it ends nothing.</summary>
    public int KeptAfterEnd(HtmlTag tag, int name)
    {
        if (_stack.Count == 0)
        {
            return 0;
        }

        if (_beyond > 0)
        {
            _beyond--;
            return _stack.Count;
        }

        var top = _stack[^1];
        var (found, barrier) = tag switch
        {
            HtmlTag.P => (_last[(int)tag], Math.Max(top.Scope, _last[(int)HtmlTag.Button])),
            HtmlTag.Li => (_last[(int)tag], Math.Max(top.Scope, Last(HtmlTag.Ol, HtmlTag.Ul))),
            HtmlTag.Td
            or HtmlTag.Th
            or HtmlTag.Tr
            or HtmlTag.Tbody
            or HtmlTag.Thead
            or HtmlTag.Tfoot
            or HtmlTag.Caption
            or HtmlTag.Colgroup => (_last[(int)tag], top.Table),
            HtmlTag.Table => (_last[(int)tag], _last[(int)HtmlTag.Template]),
            HtmlTag.Template => (_last[(int)tag], -1),
            HtmlTag.Unknown => (FindUnknown(name), top.Special),
            _ when IsHeading(tag) => (LastHeading(), top.Scope),
            // An element that bounds a scope ends itself.
            _ when IsScope(tag) => (_last[(int)tag], top.Table),
            _ when IsSpecial(tag) => (_last[(int)tag], top.Scope),
            _ => (_last[(int)tag], top.Special),
        };
        return found > barrier ? found : _stack.Count;
    }

    private int Last(HtmlTag one, HtmlTag other) => Math.Max(_last[(int)one], _last[(int)other]);

    private int LastHeading() =>
        Math.Max(Math.Max(Last(HtmlTag.H1, HtmlTag.H2), Last(HtmlTag.H3, HtmlTag.H4)), Last(HtmlTag.H5, HtmlTag.H6));

    /// <summary>The outermost of those places that are in the innermost table.</summary>
    private int KeptInTable(int table, params ReadOnlySpan<int> places)
    {
        var kept = _stack.Count;
        foreach (var place in places)
        {
            kept = place > table && place < kept ? place : kept;
        }

        return kept;
    }

    private int FindUnknown(int name)
    {
        var at = _last[(int)HtmlTag.Unknown];
        for (var compared = 0; at >= 0 && compared < MaxUnknownCompared; compared++, at = _stack[at].PreviousSame)
        {
            if (_stack[at].Name == name)
            {
                return at;
            }
        }

        return -1;
    }

    /// <summary>The formatting elements (13.2.4.3), which overlap with others instead of ending with them.</summary>
    public static bool IsFormatting(HtmlTag tag) =>
        tag
            is HtmlTag.A
                or HtmlTag.B
                or HtmlTag.Big
                or HtmlTag.Code
                or HtmlTag.Em
                or HtmlTag.Font
                or HtmlTag.I
                or HtmlTag.Nobr
                or HtmlTag.S
                or HtmlTag.Small
                or HtmlTag.Strike
                or HtmlTag.Strong
                or HtmlTag.Tt
                or HtmlTag.U;

    public static bool HasNoContent(HtmlTag tag) =>
        tag
            is HtmlTag.Area
                or HtmlTag.Base
                or HtmlTag.Br
                or HtmlTag.Col
                or HtmlTag.Embed
                or HtmlTag.Frame
                or HtmlTag.Hr
                or HtmlTag.Img
                or HtmlTag.Input
                or HtmlTag.Link
                or HtmlTag.Meta
                or HtmlTag.Param
                or HtmlTag.Source
                or HtmlTag.Track
                or HtmlTag.Wbr;

    public static bool IsHeading(HtmlTag tag) => tag is HtmlTag.H1 or HtmlTag.H2 or HtmlTag.H3 or HtmlTag.H4 or HtmlTag.H5 or HtmlTag.H6;

    private static bool IsScope(HtmlTag tag) =>
        tag is HtmlTag.Table or HtmlTag.Td or HtmlTag.Th or HtmlTag.Caption or HtmlTag.Object or HtmlTag.Template;

    private static bool IsSpecial(HtmlTag tag) =>
        EndsParagraph(tag)
        || tag
            is HtmlTag.Button
                or HtmlTag.Caption
                or HtmlTag.Colgroup
                or HtmlTag.Frameset
                or HtmlTag.Iframe
                or HtmlTag.Noembed
                or HtmlTag.Noframes
                or HtmlTag.Noscript
                or HtmlTag.Object
                or HtmlTag.Script
                or HtmlTag.Select
                or HtmlTag.Style
                or HtmlTag.Tbody
                or HtmlTag.Td
                or HtmlTag.Template
                or HtmlTag.Textarea
                or HtmlTag.Tfoot
                or HtmlTag.Th
                or HtmlTag.Thead
                or HtmlTag.Title
                or HtmlTag.Tr;

    /// <summary>The elements before which an open paragraph ends.</summary>
    private static bool EndsParagraph(HtmlTag tag) =>
        IsHeading(tag)
        || tag
            is HtmlTag.Address
                or HtmlTag.Article
                or HtmlTag.Aside
                or HtmlTag.Blockquote
                or HtmlTag.Center
                or HtmlTag.Dd
                or HtmlTag.Details
                or HtmlTag.Dialog
                or HtmlTag.Dir
                or HtmlTag.Div
                or HtmlTag.Dl
                or HtmlTag.Dt
                or HtmlTag.Fieldset
                or HtmlTag.Figcaption
                or HtmlTag.Figure
                or HtmlTag.Footer
                or HtmlTag.Form
                or HtmlTag.Header
                or HtmlTag.Hgroup
                or HtmlTag.Hr
                or HtmlTag.Li
                or HtmlTag.Listing
                or HtmlTag.Main
                or HtmlTag.Menu
                or HtmlTag.Nav
                or HtmlTag.Ol
                or HtmlTag.P
                or HtmlTag.Plaintext
                or HtmlTag.Pre
                or HtmlTag.Search
                or HtmlTag.Section
                or HtmlTag.Summary
                or HtmlTag.Table
                or HtmlTag.Ul
                or HtmlTag.Xmp;
}
