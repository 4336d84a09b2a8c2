using System.IO.Compression;
using Relay.Infrastructure.HttpFetching;

namespace Relay.UnitTests.Infrastructure.HttpFetching;

public sealed class BodyReaderTests
{
    private static readonly byte[] Page = [.. Enumerable.Range(0, 200_000).Select(index => (byte)('a' + (index * index % 23)))];

    public static TheoryData<string, string> Encodings =>
        new()
        {
            { "gzip", "gzip" },
            { "br", "br" },
            { "deflate", "zlib" },
            { "deflate", "deflate" },
        };

    [Theory]
    [MemberData(nameof(Encodings))]
    public async Task A_compressed_body_is_read_to_its_end_or_to_the_limit(string encoding, string format)
    {
        var (body, isWhole) = await ReadAsync(encoding, Compress(format), Page.Length);
        (body.AsSpan().SequenceEqual(Page), isWhole).Should().Be((true, true));

        (body, isWhole) = await ReadAsync(encoding, Compress(format), Page.Length - 1);
        (body.Length, isWhole).Should().Be((Page.Length - 1, false));
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public async Task A_compressed_body_that_was_cut_is_no_whole_one(string encoding, string format)
    {
        var whole = Compress(format);
        foreach (var length in (int[])[1, whole.Length / 2, whole.Length - 1])
        {
            // Of the first byte nothing comes: that is no page.
            var read = () => ReadAsync(encoding, whole[..length], Page.Length);
            if (length == 1)
            {
                await read.Should().ThrowAsync<InvalidDataException>($"{length} bytes of {format} came");
                continue;
            }

            var (body, isWhole) = await read();
            (isWhole, body.Length > 0, Page.AsSpan().StartsWith(body)).Should().Be((false, true, true), $"{length} bytes of {format} came");
        }
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public async Task A_body_that_is_not_compressed_as_it_says_is_a_fault_of_the_sites(string encoding, string format)
    {
        var broken = Compress(format);
        broken.AsSpan(0, 16).Fill(0xFF);

        await FluentActions.Awaiting(() => ReadAsync(encoding, broken, Page.Length)).Should().ThrowAsync<InvalidDataException>();
    }

    [Theory]
    [InlineData("")]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    public async Task Nothing_is_an_empty_page_whatever_it_says_of_its_compression(string encoding)
    {
        var (body, isWhole) = await ReadAsync(encoding, [], 100);

        (body.Length, isWhole).Should().Be((0, true));
    }

    private static async Task<(byte[] Body, bool IsWhole)> ReadAsync(string encoding, byte[] wire, int maxBytes)
    {
        using var content = new StreamContent(new MemoryStream(wire));
        if (encoding.Length > 0)
        {
            content.Headers.ContentEncoding.Add(encoding);
        }

        var read = await BodyReader.ReadAsync(content, maxBytes, TestContext.Current.CancellationToken);
        return (read.Bytes, read.IsWhole);
    }

    private static byte[] Compress(string format)
    {
        var wire = new MemoryStream();
        using (
            Stream stream = format switch
            {
                "gzip" => new GZipStream(wire, CompressionLevel.Fastest),
                "br" => new BrotliStream(wire, CompressionLevel.Fastest),
                "zlib" => new ZLibStream(wire, CompressionLevel.Fastest),
                _ => new DeflateStream(wire, CompressionLevel.Fastest),
            }
        )
        {
            stream.Write(Page);
        }

        return wire.ToArray();
    }
}
