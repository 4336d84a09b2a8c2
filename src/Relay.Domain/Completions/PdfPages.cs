using System.IO.Compression;

namespace Relay.Domain.Completions;

/// <summary>
/// Estimates how many pages a PDF has, without a reader for the format: counts the objects of type <c>/Page</c>, also in compressed
/// streams of objects. A file that was changed and saved again may hold old pages, and an encrypted file hides its pages.
/// </summary>
internal static class PdfPages
{
    /// <summary>Bytes at the beginning of a file in which its signature must stand.</summary>
    private const int SignatureRange = 1024;

    /// <summary>Longest distance between the name of a stream's type and its first byte.</summary>
    private const int MaxDictionary = 1024;

    /// <summary>Bytes of one stream, and of all together, that are decompressed at most.</summary>
    private const int MaxStream = 4 * 1024 * 1024;

    private const int MaxInflated = 32 * 1024 * 1024;

    /// <summary>Whether bytes are a PDF.</summary>
    public static bool IsPdf(ReadOnlySpan<byte> file) => file[..Math.Min(file.Length, SignatureRange)].IndexOf("%PDF-"u8) >= 0;

    /// <summary>The estimate, at least 1.</summary>
    public static int Count(byte[] file) => Math.Max(1, CountIn(file) + CountInStreams(file));

    /// <summary>Counts <c>/Type /Page</c> with any blanks between, and skips longer names such as <c>/Pages</c>.</summary>
    private static int CountIn(ReadOnlySpan<byte> text)
    {
        var count = 0;
        for (var at = text.IndexOf("/Type"u8); at >= 0; at = text.IndexOf("/Type"u8))
        {
            text = text[(at + "/Type"u8.Length)..];
            var name = text.TrimStart(" \t\r\n\f\0"u8);
            if (name.StartsWith("/Page"u8) && (name.Length == "/Page"u8.Length || !IsNameByte(name["/Page"u8.Length])))
            {
                count++;
            }
        }

        return count;
    }

    private static bool IsNameByte(byte value) => value > (byte)' ' && !"/<>[](){}%"u8.Contains(value);

    private static int CountInStreams(byte[] file)
    {
        var (count, left, from) = (0, MaxInflated, 0);
        var buffer = Array.Empty<byte>();
        while (left > 0 && file.AsSpan(from).IndexOf("/ObjStm"u8) is var at and >= 0)
        {
            from += at + "/ObjStm"u8.Length;
            var start = file.AsSpan(from, Math.Min(MaxDictionary, file.Length - from)).IndexOf("stream"u8);
            if (start < 0)
            {
                continue;
            }

            from += start + "stream"u8.Length;
            from += file.AsSpan(from) is [(byte)'\r', (byte)'\n', ..] ? 2 : 1;
            if (from >= file.Length)
            {
                break;
            }

            buffer = buffer.Length == 0 ? new byte[MaxStream] : buffer;
            var length = Inflate(file, from, buffer.AsSpan(0, Math.Min(left, MaxStream)));
            left -= length;
            count += CountIn(buffer.AsSpan(0, length));
        }

        return count;
    }

    /// <summary>Decompresses up to the first fault.</summary>
    private static int Inflate(byte[] file, int from, Span<byte> into)
    {
        using var stream = new ZLibStream(new MemoryStream(file, from, file.Length - from, writable: false), CompressionMode.Decompress);
        var length = 0;
        try
        {
            while (length < into.Length && stream.Read(into[length..]) is var read and > 0)
            {
                length += read;
            }
        }
        catch (InvalidDataException)
        {
            return length; // Another compression, or damage: the stream adds no pages.
        }

        return length;
    }
}
