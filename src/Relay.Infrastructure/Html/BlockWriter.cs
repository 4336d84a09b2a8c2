using System.Globalization;
using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>Writes blocks below each other, up to a length. Their lines begin with the marks of their lists and quotes.</summary>
internal sealed class BlockWriter(bool asMarkdown, long maxLength)
{
    /// <summary>The deepest level of lists and quotes. Deeper ones are written as if they were on that level.</summary>
    private const int MaxContainers = 40;

    private readonly StringBuilder _output = new();
    private readonly List<Container> _containers = [];

    /// <summary>The text before a further line in all open containers.</summary>
    private string _indent = string.Empty;

    /// <summary>The number of open containers that have a block already, and the length of their indent.</summary>
    private (int Count, int Indent) _begun;

    /// <summary>The number of open lists and quotes beyond the deepest level.</summary>
    private int _beyond;

    /// <summary>A list, an item of one, or a quote.</summary>
    private sealed class Container(HtmlTag tag)
    {
        public HtmlTag Tag { get; } = tag;

        /// <summary>The number of the next item; null for lists without numbers.</summary>
        public int? Number { get; set; }

        public string? Marker { get; init; }

        /// <summary>The text before its further lines.</summary>
        public string Indent { get; init; } = string.Empty;

        /// <summary>Whether its first block stands directly below the block before.</summary>
        public bool IsTight { get; set; }
    }

    public int Length => _output.Length;

    /// <summary>Whether a block was cut at the greatest length.</summary>
    public bool IsCut { get; private set; }

    public override string ToString() => _output.ToString();

    public static bool IsList(HtmlTag tag) => tag is HtmlTag.Ul or HtmlTag.Ol or HtmlTag.Menu or HtmlTag.Dir;

    /// <summary>Begins a list, which is numbered from its <c>start</c> attribute.</summary>
    public void OpenList(HtmlTag tag, string? start) =>
        Push(
            new Container(tag)
            {
                Number =
                    tag != HtmlTag.Ol ? null
                    : int.TryParse(start, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number
                    : 1,
            }
        );

    public void OpenQuote() => Push(new Container(HtmlTag.Blockquote) { Indent = asMarkdown ? "> " : "  " });

    public void OpenItem()
    {
        var list = _containers.Count > 0 ? _containers[^1] : null;
        var marker = list?.Number is { } number ? string.Create(CultureInfo.InvariantCulture, $"{number}. ") : "- ";
        var isFirst = list is not { IsTight: true };
        if (list is not null && _beyond == 0)
        {
            list.Number++;
        }

        var isNested = _containers.Count > 1 && _containers[^2].Tag == HtmlTag.Li;
        Push(
            new Container(HtmlTag.Li)
            {
                Marker = marker,
                Indent = new string(' ', marker.Length),
                IsTight = !isFirst || isNested,
            }
        );
    }

    /// <summary>Ends the list, item or quote at hand.</summary>
    public void Close()
    {
        if (_beyond > 0)
        {
            _beyond--;
        }
        else if (_containers.Count > 0)
        {
            _indent = _indent[..^_containers[^1].Indent.Length];
            _containers.RemoveAt(_containers.Count - 1);
            _begun = (Math.Min(_begun.Count, _containers.Count), Math.Min(_begun.Indent, _indent.Length));
        }
    }

    /// <summary>Writes a block. A tight one stands directly below the block before.</summary>
    public void Write(string text, bool isTight = false)
    {
        if (text.Length == 0)
        {
            return;
        }

        var between = _indent.AsSpan(0, _begun.Indent);
        var first = _begun.Count == _containers.Count ? _indent : between.ToString();
        for (var index = _begun.Count; index < _containers.Count; index++)
        {
            var container = _containers[index];
            if (container.Marker is not null && index > 0)
            {
                // An empty item before it was not written: this item stands apart from the text above its list.
                _containers[index - 1].IsTight = true;
            }

            isTight |= container.Marker is not null && container.IsTight;
            first += container.Marker ?? container.Indent;
        }

        _begun = (_containers.Count, _indent.Length);
        if (_output.Length > 0)
        {
            _output.Append('\n');
            if (!isTight)
            {
                _output.Append(between.TrimEnd()).Append('\n');
            }
        }

        var prefix = first;
        for (var start = 0; start <= text.Length; )
        {
            if (_output.Length > maxLength)
            {
                IsCut = true;
                return;
            }

            var end = text.IndexOf('\n', start) is var at and >= 0 ? at : text.Length;
            _ = start > 0 ? _output.Append('\n') : _output;
            _output.Append(end == start ? prefix.AsSpan().TrimEnd() : prefix).Append(text, start, end - start);
            (prefix, start) = (_indent, end + 1);
        }
    }

    /// <summary>Writes code unchanged, in a fence that no line of the code closes.</summary>
    public void WriteCode(string code, string? language)
    {
        if (code.Length > 0)
        {
            var fence = new string('`', Math.Max(3, InlineLine.LongestRun(code) + 1));
            Write(asMarkdown ? $"{fence}{language}\n{code}\n{fence}" : code);
        }
    }

    private void Push(Container container)
    {
        if (_containers.Count < MaxContainers)
        {
            _containers.Add(container);
            _indent += container.Indent;
        }
        else
        {
            _beyond++;
        }
    }
}
