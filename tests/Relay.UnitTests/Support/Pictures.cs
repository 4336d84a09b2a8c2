using System.Buffers.Binary;

namespace Relay.UnitTests.Support;

/// <summary>The first bytes of pictures of any size, as base64.</summary>
internal static class Pictures
{
    public static string Png(uint width, uint height)
    {
        byte[] bytes = [0x89, .. "PNG\r\n"u8, 0x1A, 0x0A, 0, 0, 0, 13, .. "IHDR"u8, .. new byte[8], 8, 2, 0, 0, 0];
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(16), width);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(20), height);
        return Convert.ToBase64String(bytes);
    }

    /// <summary>With a small picture inside of its metadata, and a byte that fills up.</summary>
    public static string Jpeg(ushort width, ushort height, byte frame = 0xC0, bool hasScan = true)
    {
        byte[] inner = [0xFF, 0xD8, 0xFF, 0xC0, 0, 8, 8, 0, 1, 0, 1, 1];
        byte[] bytes =
        [
            0xFF,
            0xD8,
            0xFF,
            0xE1,
            0,
            (byte)(inner.Length + 2),
            .. inner,
            0xFF,
            0xFF,
            0xC4,
            0,
            3,
            0,
            0xFF,
            frame,
            0,
            8,
            8,
            .. BigEndian(height),
            .. BigEndian(width),
            1,
            .. hasScan ? [0xFF, 0xDA, 0, 2] : Array.Empty<byte>(),
        ];
        return Convert.ToBase64String(bytes);
    }

    /// <summary>With a color table, a comment and one frame.</summary>
    public static string Gif(ushort width, ushort height, ushort frameLeft = 0, ushort frameWidth = 1)
    {
        byte[] bytes =
        [
            .. "GIF89a"u8,
            .. LittleEndian(width),
            .. LittleEndian(height),
            0x80,
            0,
            0,
            .. new byte[6],
            0x21,
            0xFE,
            2,
            0x2C,
            0x2C,
            0,
            0x2C,
            .. LittleEndian(frameLeft),
            0,
            0,
            .. LittleEndian(frameWidth),
            1,
            0,
            0,
            2,
            1,
            0x44,
            0,
            0x3B,
        ];
        return Convert.ToBase64String(bytes);
    }

    public static string WebP(string kind, uint width, uint height)
    {
        byte[] data = kind switch
        {
            "VP8 " => [0, 0, 0, 0x9D, 0x01, 0x2A, .. LittleEndian((ushort)width), .. LittleEndian((ushort)height)],
            "VP8L" => [0x2F, .. BitConverter.GetBytes((width - 1) | ((height - 1) << 14)), 0, 0, 0, 0, 0],
            _ => [0, 0, 0, 0, .. BitConverter.GetBytes(width - 1)[..3], .. BitConverter.GetBytes(height - 1)[..3]],
        };
        return Convert.ToBase64String([
            .. "RIFF"u8,
            0,
            0,
            0,
            0,
            .. "WEBP"u8,
            .. System.Text.Encoding.ASCII.GetBytes(kind),
            10,
            0,
            0,
            0,
            .. data,
        ]);
    }

    private static byte[] BigEndian(ushort value) => [(byte)(value >> 8), (byte)value];

    private static byte[] LittleEndian(ushort value) => [(byte)value, (byte)(value >> 8)];
}
