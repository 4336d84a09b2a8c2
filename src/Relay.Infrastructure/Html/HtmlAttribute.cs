using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>One attribute of a tag: name and value as they are written, the value without its quotes.</summary>
internal readonly ref struct HtmlAttribute(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
{
    public ReadOnlySpan<byte> Name { get; } = name;

    public ReadOnlySpan<byte> Value { get; } = value;

    /// <summary>Whether it has a name, in any case.</summary>
    public bool Is(ReadOnlySpan<byte> lowerCaseName) => Ascii.EqualsIgnoreCase(Name, lowerCaseName);

    public string Text => CharacterReferences.Decode(Value, inAttribute: true);
}
