using System.Buffers.Binary;

namespace Relay.Domain.Completions;

/// <summary>The kind and the size of a picture, read from its first bytes.</summary>
/// <param name="MediaType"><c>image/png</c>, <c>image/jpeg</c>, <c>image/gif</c> or <c>image/webp</c>.</param>
/// <param name="Width">In pixels.</param>
/// <param name="Height">In pixels.</param>
internal readonly record struct ImageHeader(string MediaType, int Width, int Height)
{
    private static ReadOnlySpan<byte> PngSignature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Width times height.</summary>
    public long Pixels => (long)Width * Height;

    /// <summary>The kind; null for no picture of the four kinds.</summary>
    public static string? KindOf(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith(PngSignature) ? "image/png"
        : bytes is [0xFF, 0xD8, 0xFF, ..] ? "image/jpeg"
        : bytes.StartsWith("GIF87a"u8) || bytes.StartsWith("GIF89a"u8) ? "image/gif"
        : bytes.StartsWith("RIFF"u8) && bytes.Length >= 12 && bytes[8..].StartsWith("WEBP"u8) ? "image/webp"
        : null;

    /// <summary>Reads a header; null when it holds no valid size.</summary>
    public static ImageHeader? Read(ReadOnlySpan<byte> bytes)
    {
        var kind = KindOf(bytes);
        var size = kind switch
        {
            "image/png" => ReadPng(bytes),
            "image/jpeg" => ReadJpeg(bytes),
            "image/gif" => ReadGif(bytes),
            "image/webp" => ReadWebP(bytes),
            _ => null,
        };
        return size is { Width: > 0, Height: > 0 } read ? new ImageHeader(kind!, read.Width, read.Height) : null;
    }

    private static (int Width, int Height)? ReadPng(ReadOnlySpan<byte> bytes)
    {
        const int SizeAt = 16;
        if (bytes.Length < SizeAt + 8 || !bytes[12..].StartsWith("IHDR"u8))
        {
            return null;
        }

        // A size of more than 31 bits is wrong: the cast makes it negative.
        return (
            (int)BinaryPrimitives.ReadUInt32BigEndian(bytes[SizeAt..]),
            (int)BinaryPrimitives.ReadUInt32BigEndian(bytes[(SizeAt + 4)..])
        );
    }

    /// <summary>A size that holds every frame before the first scan. Metadata lies in segments, which are skipped.</summary>
    private static (int Width, int Height)? ReadJpeg(ReadOnlySpan<byte> bytes)
    {
        const byte HuffmanTables = 0xC4;
        const byte Reserved = 0xC8;
        const byte ArithmeticTables = 0xCC;
        (int Width, int Height)? largest = null;
        var at = 2;
        while (at + 4 <= bytes.Length && bytes[at] == 0xFF)
        {
            var marker = bytes[at + 1];
            if (marker == 0xFF)
            {
                at++; // A fill byte.
                continue;
            }

            if (marker is 0x01 or (>= 0xD0 and <= 0xD8))
            {
                at += 2; // A marker without a segment.
                continue;
            }

            if (marker is 0xD9 or 0xDA)
            {
                return largest; // The end, or the first scan.
            }

            var length = BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 2)..]);
            if (length < 2 || at + 2 + length > bytes.Length)
            {
                return null;
            }

            if (marker is >= 0xC0 and <= 0xCF and not (HuffmanTables or Reserved or ArithmeticTables))
            {
                if (length < 7)
                {
                    return null;
                }

                var (height, width) = (
                    BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 5)..]),
                    BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 7)..])
                );
                if (height == 0 || width == 0)
                {
                    return null; // A height of 0 stands for one that only the end of the scan tells.
                }

                largest = (Math.Max(largest?.Width ?? 0, width), Math.Max(largest?.Height ?? 0, height));
            }

            at += 2 + length;
        }

        return null; // Without a scan it is not a valid JPEG.
    }

    /// <summary>
    /// The size of the screen, or more where a frame lies beyond it: some programs make the picture as large as its frames.
    /// </summary>
    private static (int Width, int Height)? ReadGif(ReadOnlySpan<byte> bytes)
    {
        const int HeaderLength = 13;
        const byte Extension = 0x21;
        const byte Frame = 0x2C;
        if (bytes.Length < HeaderLength)
        {
            return null;
        }

        var (width, height) = (
            (int)BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]),
            (int)BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..])
        );
        var at = HeaderLength + ColorTableLength(bytes[10]);
        while (at < bytes.Length)
        {
            if (bytes[at] == Extension)
            {
                at = SkipBlocks(bytes, at + 2);
            }
            else if (bytes[at] == Frame && at + 10 <= bytes.Length)
            {
                width = Math.Max(
                    width,
                    BinaryPrimitives.ReadUInt16LittleEndian(bytes[(at + 1)..]) + BinaryPrimitives.ReadUInt16LittleEndian(bytes[(at + 5)..])
                );
                height = Math.Max(
                    height,
                    BinaryPrimitives.ReadUInt16LittleEndian(bytes[(at + 3)..]) + BinaryPrimitives.ReadUInt16LittleEndian(bytes[(at + 7)..])
                );
                at = SkipBlocks(bytes, at + 10 + ColorTableLength(bytes[at + 9]) + 1);
            }
            else
            {
                break; // The end, or damage: no frame follows.
            }
        }

        return (width, height);
    }

    private static int ColorTableLength(byte flags) => (flags & 0x80) == 0 ? 0 : 3 << ((flags & 7) + 1);

    /// <summary>Skips length-prefixed blocks and the empty one that ends them.</summary>
    private static int SkipBlocks(ReadOnlySpan<byte> bytes, int at)
    {
        while (at < bytes.Length && bytes[at] != 0)
        {
            at += 1 + bytes[at];
        }

        return at + 1;
    }

    private static (int Width, int Height)? ReadWebP(ReadOnlySpan<byte> bytes)
    {
        const int Data = 20;
        if (bytes.Length < Data + 10)
        {
            return null;
        }

        var chunk = bytes[12..];
        if (chunk.StartsWith("VP8X"u8))
        {
            return (1 + Read24(bytes[(Data + 4)..]), 1 + Read24(bytes[(Data + 7)..]));
        }

        if (chunk.StartsWith("VP8L"u8) && bytes[Data] == 0x2F)
        {
            var bits = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(Data + 1)..]);
            return (1 + (int)(bits & 0x3FFF), 1 + (int)((bits >> 14) & 0x3FFF));
        }

        return chunk.StartsWith("VP8 "u8) && bytes[(Data + 3)..].StartsWith((ReadOnlySpan<byte>)[0x9D, 0x01, 0x2A])
            ? (
                BinaryPrimitives.ReadUInt16LittleEndian(bytes[(Data + 6)..]) & 0x3FFF,
                BinaryPrimitives.ReadUInt16LittleEndian(bytes[(Data + 8)..]) & 0x3FFF
            )
            : null;
    }

    private static int Read24(ReadOnlySpan<byte> bytes) => bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);
}
