using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>Finds elements by their names, in any case, without making a string.</summary>
internal static class HtmlTags
{
    private const int Slots = 1024;
    private const int Shift = 54;
    private const ulong Spread = 0x9E3779B97F4A7C15;
    private const int MaxName = 14;

    private static readonly ulong[] Keys = new ulong[Slots];
    private static readonly HtmlTag[] Tags = new HtmlTag[Slots];
    private static readonly (byte[] Name, HtmlTag Tag)[] LongNames;

    static HtmlTags()
    {
        var longNames = new List<(byte[], HtmlTag)>();
        foreach (var tag in Enum.GetValues<HtmlTag>()[1..])
        {
            var name = Encoding.ASCII.GetBytes(tag == HtmlTag.AnnotationXml ? "annotation-xml" : tag.ToString().ToLowerInvariant());
            if (name.Length > sizeof(ulong))
            {
                longNames.Add((name, tag));
                continue;
            }

            var key = KeyOf(name);
            var slot = SlotOf(key);
            while (Keys[slot] != 0)
            {
                slot = (slot + 1) & (Slots - 1);
            }

            (Keys[slot], Tags[slot]) = (key, tag);
        }

        LongNames = [.. longNames];
    }

    public static HtmlTag Find(ReadOnlySpan<byte> name)
    {
        if (name.Length is 0 or > MaxName)
        {
            return HtmlTag.Unknown;
        }

        if (name.Length > sizeof(ulong))
        {
            foreach (var (known, tag) in LongNames)
            {
                if (Ascii.EqualsIgnoreCase(name, known))
                {
                    return tag;
                }
            }

            return HtmlTag.Unknown;
        }

        var key = KeyOf(name);
        for (var slot = SlotOf(key); Keys[slot] != 0; slot = (slot + 1) & (Slots - 1))
        {
            if (Keys[slot] == key)
            {
                return Tags[slot];
            }
        }

        return HtmlTag.Unknown;
    }

    private static int SlotOf(ulong key) => (int)((key * Spread) >> Shift);

    /// <summary>Up to eight letters as a number. The bit that distinguishes ASCII's capitals is set in all of them.</summary>
    private static ulong KeyOf(ReadOnlySpan<byte> name)
    {
        var key = 0UL;
        foreach (var letter in name)
        {
            key = (key << 8) | (uint)(letter | 0x20);
        }

        return key;
    }
}
