using System.Buffers;
using System.IO.Compression;
using System.IO.Pipelines;

namespace Relay.Infrastructure.HttpFetching;

/// <summary>The bytes of a body, decompressed. <c>IsCutOff</c>: the site ended the body too early.</summary>
internal sealed record FetchedBody(byte[] Bytes, bool IsWhole, bool IsCutOff);

/// <summary>Reads a body, decompressed, up to a number of decompressed bytes. The length on the wire does not matter.</summary>
internal static class BodyReader
{
    private const int FirstBuffer = 64 * 1024;
    private const int WireBuffer = 16 * 1024;

    /// <summary>The compression that the relay asks sites for.</summary>
    public const string AcceptEncoding = "gzip, deflate, br";

    /// <summary>Compressions that the relay does not read. Any other word has no meaning: servers put charsets and "none" there.</summary>
    private static readonly HashSet<string> Unread = new(StringComparer.OrdinalIgnoreCase)
    {
        "zstd",
        "compress",
        "x-compress",
        "dcb",
        "dcz",
        "exi",
        "pack200-gzip",
        "bzip2",
        "x-bzip2",
        "xz",
        "lzma",
        "aes128gcm",
        "snappy",
        "lz4",
    };

    /// <summary>
    /// Reads the body's first bytes, and tells whether they are all. A compressed body that is cut off is read up to the cut.
    /// </summary>
    /// <exception cref="FetchFaultException">The body has another compression, or several.</exception>
    /// <exception cref="InvalidDataException">The body is not compressed as its header says.</exception>
    /// <exception cref="IOException">The connection was lost.</exception>
    public static async Task<FetchedBody> ReadAsync(HttpContent content, int maxBytes, CancellationToken cancellationToken)
    {
        var encoding = CompressionOf(content);
        await using var wire = new WireStream(await content.ReadAsStreamAsync(cancellationToken), isForgiving: encoding is not null);
        await using var plain = encoding is null ? wire : await DecodeAsync(wire, encoding, cancellationToken);
        return await ReadToAsync(plain, wire, maxBytes, cancellationToken);
    }

    private static string? CompressionOf(HttpContent content)
    {
        var header = content.Headers.NonValidated.TryGetValues("Content-Encoding", out var values)
            ? string.Join(',', values)
            : string.Empty;
        var found = (string?)null;
        foreach (var word in header.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var known = word.ToLowerInvariant() switch
            {
                "gzip" or "x-gzip" => "gzip",
                "br" => "br",
                "deflate" => "deflate",
                var other => Unread.Contains(other) ? throw new FetchFaultException(FetchFault.UnsupportedEncoding) : null,
            };
            if (known is not null && found is not null)
            {
                throw new FetchFaultException(FetchFault.UnsupportedEncoding);
            }

            found ??= known;
        }

        return found;
    }

    private static async Task<FetchedBody> ReadToAsync(Stream stream, WireStream wire, int maxBytes, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Min(FirstBuffer, maxBytes + 1));
        try
        {
            var length = 0;
            while (length <= maxBytes)
            {
                if (length == buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent(Math.Min(buffer.Length * 2, maxBytes + 1));
                    buffer.AsSpan(0, length).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }

                int read;
                try
                {
                    read = await ReadPieceAsync(
                        stream,
                        buffer.AsMemory(length, Math.Min(buffer.Length, maxBytes + 1) - length),
                        cancellationToken
                    );
                }
                catch (InvalidDataException) when (length > 0 && wire.HasEnded)
                {
                    return new FetchedBody(buffer.AsSpan(0, length).ToArray(), IsWhole: false, IsCutOff: true);
                }

                if (read == 0)
                {
                    return new FetchedBody(buffer.AsSpan(0, length).ToArray(), IsWhole: true, IsCutOff: false);
                }

                length += read;
            }

            return new FetchedBody(buffer.AsSpan(0, maxBytes).ToArray(), IsWhole: false, IsCutOff: false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads a piece. The framework's Brotli throws an InvalidOperationException for a site's invalid data.</summary>
    private static async ValueTask<int> ReadPieceAsync(Stream stream, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await stream.ReadAsync(buffer, cancellationToken);
        }
        catch (InvalidOperationException exception) when (stream is BrotliStream && exception is not ObjectDisposedException)
        {
            throw new InvalidDataException("The body is not Brotli.", exception);
        }
    }

    /// <summary>
    /// The body, decompressed. A cut is detected only with the switch in <c>Directory.Build.props</c>. A body without a byte does not
    /// count as cut, because some sites send an empty page so.
    /// </summary>
    private static async Task<Stream> DecodeAsync(Stream wire, string encoding, CancellationToken cancellationToken)
    {
        var reader = PipeReader.Create(wire, new StreamPipeReaderOptions(bufferSize: WireBuffer));
        var buffer = (await reader.ReadAtLeastAsync(2, cancellationToken)).Buffer;
        var head = buffer.Slice(0, Math.Min(2, buffer.Length)).ToArray();
        reader.AdvanceTo(buffer.Start);
        var compressed = reader.AsStream();
        return encoding switch
        {
            _ when head.Length == 0 => compressed,
            "gzip" => new GZipStream(compressed, CompressionMode.Decompress),
            "br" => new BrotliStream(compressed, CompressionMode.Decompress),
            // "deflate" means zlib's format (RFC 9110, 8.4.1.2), and some sites send it without its envelope.
            _ => IsZlib(head)
                ? new ZLibStream(compressed, CompressionMode.Decompress)
                : new DeflateStream(compressed, CompressionMode.Decompress),
        };
    }

    /// <summary>Whether it begins with a zlib header (RFC 1950, 2.2): method 8, and a check over both bytes.</summary>
    private static bool IsZlib(ReadOnlySpan<byte> head) =>
        head.Length == 2 && (head[0] & 0x0F) == 8 && ((head[0] << 8) | head[1]) % 31 == 0;
}
