using System.Buffers;

namespace Relay.Infrastructure.Html;

/// <summary>The attributes of a tag, in the order in which they are written; of two of one name the first counts.</summary>
internal ref struct HtmlAttributes(ReadOnlySpan<byte> rest)
{
    private static readonly SearchValues<byte> NameEnds = SearchValues.Create("\t\n\f\r />="u8);
    private static readonly SearchValues<byte> UnquotedEnds = SearchValues.Create("\t\n\f\r >"u8);
    private static readonly SearchValues<byte> Between = SearchValues.Create("\t\n\f\r /"u8);
    private static readonly SearchValues<byte> Spaces = SearchValues.Create("\t\n\f\r "u8);

    private ReadOnlySpan<byte> _rest = rest;

    public HtmlAttribute Current { get; private set; }

    /// <summary>For <c>foreach</c>.</summary>
    public readonly HtmlAttributes GetEnumerator() => this;

    public bool MoveNext()
    {
        Skip(Between);
        if (_rest.Length == 0 || _rest[0] == '>')
        {
            return false;
        }

        // The first letter may be a '='.
        var length = 1 + _rest[1..].IndexOfAny(NameEnds);
        length = length == 0 ? _rest.Length : length;
        var name = _rest[..length];
        _rest = _rest[length..];
        Skip(Spaces);
        if (_rest.Length == 0 || _rest[0] != '=')
        {
            Current = new HtmlAttribute(name, default);
            return true;
        }

        _rest = _rest[1..];
        Skip(Spaces);
        if (_rest.Length > 0 && _rest[0] is (byte)'"' or (byte)'\'')
        {
            var end = _rest[1..].IndexOf(_rest[0]);
            end = end < 0 ? _rest.Length - 1 : end;
            Current = new HtmlAttribute(name, _rest.Slice(1, end));
            _rest = _rest[Math.Min(_rest.Length, end + 2)..];
        }
        else
        {
            var end = _rest.IndexOfAny(UnquotedEnds);
            end = end < 0 ? _rest.Length : end;
            Current = new HtmlAttribute(name, _rest[..end]);
            _rest = _rest[end..];
        }

        return true;
    }

    public static string? Find(HtmlAttributes attributes, ReadOnlySpan<byte> lowerCaseName)
    {
        foreach (var attribute in attributes)
        {
            if (attribute.Is(lowerCaseName))
            {
                return attribute.Text;
            }
        }

        return null;
    }

    private void Skip(SearchValues<byte> letters) => _rest = _rest.IndexOfAnyExcept(letters) is var at and >= 0 ? _rest[at..] : default;
}
