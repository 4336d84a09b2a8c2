using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>Writes a formula of MathML on one line: by the TeX that it carries, else element by element.</summary>
internal sealed class MathWriter
{
    /// <summary>The deepest level of elements. Deeper ones are written on that level: each level copies its text once.</summary>
    private const int MaxDepth = 64;
    private const string DisplayStyle = @"{\displaystyle";

    private readonly List<Element> _open = [new Element("math")];
    private int _unread;
    private bool _isTex;
    private StringBuilder? _tex;

    private sealed class Element(string name)
    {
        public string Name { get; } = name;

        public List<string> Parts { get; } = [];

        public string Opening { get; init; } = "(";

        public string Closing { get; init; } = ")";
    }

    public string? Tex => Tidy(_tex?.ToString());

    /// <summary>TeX without commands for its size; null for nothing.</summary>
    public static string? Tidy(string? tex)
    {
        var text = tex?.Trim();
        if (text is not null && text.StartsWith(DisplayStyle, StringComparison.Ordinal) && text.EndsWith('}'))
        {
            text = text[DisplayStyle.Length..^1].Trim();
        }

        return string.IsNullOrEmpty(text) ? null : text;
    }

    public static void Write(ref MarkupWalker walker, InlineWriter inline)
    {
        var text = HtmlAttributes.Find(walker.Attributes, "alttext"u8);
        var math = new MathWriter();
        walker.ReadMath(math);
        if ((math.Tex ?? Tidy(text)) is { } tex)
        {
            inline.AppendFormula(tex);
        }
        else
        {
            inline.Append(math.Write());
        }
    }

    public void Read(in HtmlTokenizer tokens, string text)
    {
        switch (tokens.Kind)
        {
            case HtmlTokenKind.Text when _isTex:
                _tex!.Append(text);
                break;
            case HtmlTokenKind.Text when _unread == 0:
                Add(string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
                break;
            case HtmlTokenKind.StartTag:
                Open(tokens);
                break;
            case HtmlTokenKind.EndTag:
                Close(NameOf(tokens.Name));
                break;
        }
    }

    public string Write()
    {
        while (_open.Count > 1)
        {
            End();
        }

        return Write(_open[0]);
    }

    private void Open(in HtmlTokenizer tokens)
    {
        var name = NameOf(tokens.Name);
        if (_unread > 0 || name is "annotation" or "annotation-xml" or "mphantom")
        {
            if (!tokens.IsSelfClosing)
            {
                _unread++;
                _isTex =
                    _unread == 1
                    && name == "annotation"
                    && _tex is null
                    && HtmlAttributes.Find(tokens.Attributes, "encoding"u8)?.Contains("tex", StringComparison.OrdinalIgnoreCase) == true;
                _tex ??= _isTex ? new StringBuilder() : null;
            }
        }
        else if (tokens.IsSelfClosing)
        {
            Add(name == "mspace" ? " " : string.Empty);
        }
        else if (_open.Count < MaxDepth)
        {
            _open.Add(
                name == "mfenced"
                    ? new Element(name)
                    {
                        Opening = HtmlAttributes.Find(tokens.Attributes, "open"u8) ?? "(",
                        Closing = HtmlAttributes.Find(tokens.Attributes, "close"u8) ?? ")",
                    }
                    : new Element(name)
            );
        }
    }

    private void Close(string name)
    {
        if (_unread > 0)
        {
            _unread--;
            _isTex = false;
            return;
        }

        var at = _open.FindLastIndex(element => element.Name == name);
        while (at > 0 && _open.Count > at)
        {
            End();
        }
    }

    private void End()
    {
        var element = _open[^1];
        _open.RemoveAt(_open.Count - 1);
        Add(Write(element), isElement: true);
    }

    private void Add(string text, bool isElement = false)
    {
        // U+2061 to U+2064 are invisible signs of applied functions, products and sums.
        var seen = text.Trim('\u2061', '\u2062', '\u2063', '\u2064');
        if (seen.Length > 0 || isElement)
        {
            _open[^1].Parts.Add(seen);
        }
    }

    private static string Write(Element element)
    {
        var parts = element.Parts;
        string Part(int index) => index < parts.Count ? parts[index] : string.Empty;
        string Low(int index) => Part(index).Length == 0 ? string.Empty : "_" + ScriptText.Group(Part(index));
        string High(int index) => Part(index).Length == 0 ? string.Empty : "^" + ScriptText.Group(Part(index));
        return element.Name switch
        {
            "mfrac" => Factor(Part(0)) + "/" + Factor(Part(1)),
            "msup" => Base(Part(0)) + High(1),
            "msub" or "munder" => Base(Part(0)) + Low(1),
            "mover" => Part(1).Length == 1 && !char.IsLetterOrDigit(Part(1)[0]) ? Part(0) + Part(1) : Base(Part(0)) + High(1),
            "msubsup" or "munderover" => Base(Part(0)) + Low(1) + High(2),
            "msqrt" => "\u221A" + Factor(Join(parts)),
            "mroot" => Factor(Part(0)) + "^(1/" + Factor(Part(1)) + ")",
            "mfenced" => element.Opening + string.Join(", ", parts) + element.Closing,
            "mtable" => string.Join("; ", parts),
            "mtr" or "mlabeledtr" => string.Join(", ", parts),
            "semantics" => Part(0),
            _ => Join(parts),
        };
    }

    private static string Factor(string text) => text.Length == 0 ? text : ScriptText.Group(text);

    /// <summary>The base of a power. A fraction or a sum needs brackets.</summary>
    private static string Base(string text) =>
        text.Length > 0 && text.AsSpan().IndexOfAny("+-\u2212/=") >= 0 ? ScriptText.Group(text) : text;

    /// <summary>Joins parts on one line. A space separates two numbers, and a letter from a power, an index or a fraction.</summary>
    private static string Join(List<string> parts)
    {
        var text = new StringBuilder();
        var isCompound = false;
        foreach (var part in parts)
        {
            if (
                text.Length > 0
                && part.Length > 0
                && char.IsLetterOrDigit(part[0])
                && (isCompound ? char.IsLetterOrDigit(text[^1]) : char.IsDigit(text[^1]) && char.IsDigit(part[0]))
            )
            {
                text.Append(' ');
            }

            text.Append(part);
            isCompound = part.AsSpan().IndexOfAny('^', '_', '/') >= 0 || (part.Length == 0 && isCompound);
        }

        return text.ToString();
    }

    private static string NameOf(ReadOnlySpan<byte> name) => Encoding.UTF8.GetString(name[..Math.Min(name.Length, 32)]).ToLowerInvariant();
}
