using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Domain.Completions;

public sealed class ImageBlockTests
{
    private const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

    public static TheoryData<string, string> Whole =>
        new()
        {
            { "image/png", Png },
            { "image/png", Pictures.Png(8000, 8000) },
            { "image/jpeg", Pictures.Jpeg(8000, 1) },
            { "image/jpeg", Pictures.Jpeg(1, 8000, frame: 0xC2) },
            { "image/gif", Pictures.Gif(8000, 8000) },
            { "image/webp", Pictures.WebP("VP8 ", 8000, 8000) },
            { "image/webp", Pictures.WebP("VP8L", 8000, 8000) },
            { "image/webp", Pictures.WebP("VP8X", 8000, 8000) },
        };

    public static TheoryData<string> Large =>
        [
            Pictures.Png(8001, 1),
            Pictures.Png(1, 8001),
            Pictures.Png(16_000, 16_000),
            Pictures.Png(int.MaxValue, int.MaxValue),
            Pictures.Jpeg(8001, 1),
            Pictures.Jpeg(1, 65_535),
            Pictures.Jpeg(65_535, 65_535, frame: 0xC9),
            Pictures.Gif(8001, 1),
            Pictures.Gif(1, 65_535),
            Pictures.Gif(1, 1, frameWidth: 8001),
            Pictures.Gif(1, 1, frameLeft: 8000, frameWidth: 1),
            Pictures.WebP("VP8 ", 8001, 1),
            Pictures.WebP("VP8L", 1, 8001),
            Pictures.WebP("VP8X", 16_000, 16_000),
            Pictures.WebP("VP8X", 0xFF_FFFF, 1),
        ];

    public static TheoryData<string> Damaged =>
        [
            "iVBORw0KGgoAAAAN",
            Pictures.Png(0, 1),
            Pictures.Png(1, 0),
            Pictures.Png(0x8000_0000, 1),
            Pictures.Png(uint.MaxValue, uint.MaxValue),
            "/9j/4AAQSkZJRgABAQEA",
            Pictures.Jpeg(1, 0),
            Pictures.Jpeg(1, 1, hasScan: false),
            Pictures.Jpeg(1, 1, frame: 0xC4),
            "/9j/",
            "/9j//w==",
            "R0lGODlh",
            Pictures.Gif(0, 0, frameWidth: 0),
            "UklGRiQAAABXRUJQVlA4",
            Convert.ToBase64String([.. "RIFF....WEBPVP8 "u8, .. new byte[20]]),
        ];

    [Theory]
    [MemberData(nameof(Whole))]
    public void A_picture_is_of_the_kind_that_its_bytes_are_of(string kind, string base64)
    {
        var picture = ImageBlock.Create("x", base64).Value;

        (picture.MediaType, picture.Reveal()).Should().Be((kind, base64));
    }

    [Theory]
    [MemberData(nameof(Large))]
    public void A_picture_of_more_pixels_than_Anthropic_takes_is_refused(string base64) =>
        ImageBlock
            .Create("x", base64)
            .Error!.Should()
            .Match<RelayError>(error =>
                error.Code == ErrorCode.InvalidRequest && error.Field == "x" && error.Message.Contains("at most 8000")
            );

    [Theory]
    [MemberData(nameof(Damaged))]
    public void A_picture_that_hides_its_size_is_refused(string base64) =>
        ImageBlock.Create("x", base64).Error!.Message.Should().Contain("damaged");

    [Theory]
    [InlineData(null, "base64")]
    [InlineData("", "base64")]
    [InlineData(" ", "base64")]
    [InlineData("iVBO!Rw0K", "base64")]
    [InlineData("iVBOR", "base64")]
    [InlineData("AAAAAAAAAAAAAAAA", "kind")]
    [InlineData("PHN2Zy8+", "kind")]
    public void The_error_says_that_it_is_not_a_picture(string? base64, string why) =>
        ImageBlock.Create("messages[0].content[1]", base64).Error!.Message.Should().Contain(why).And.Contain("messages[0].content[1]");

    [Fact]
    public void Base64_is_taken_as_clients_write_it_and_handed_on_as_Anthropic_wants_it()
    {
        foreach (
            var written in (string[])
                [
                    Png.TrimEnd('='),
                    Png.Insert(20, "\n"),
                    Png.Insert(40, "\r\n"),
                    $" {Png}\t",
                    string.Join('\n', Png.Chunk(10).Select(part => new string(part))),
                ]
        )
        {
            ImageBlock.Create("x", written).Value.Reveal().Should().Be(Png);
        }
    }

    [Fact]
    public void A_picture_has_a_most_of_bytes()
    {
        var bytes = new byte[ImageBlock.MaxBytes + 1];
        Convert.FromBase64String(Png).CopyTo(bytes, 0);

        ImageBlock.Create("x", Convert.ToBase64String(bytes.AsSpan(0, ImageBlock.MaxBytes))).Error.Should().BeNull();
        ImageBlock.Create("x", Convert.ToBase64String(bytes)).Error!.Code.Should().Be(ErrorCode.TooLarge);
    }

    [Fact]
    public void Nothing_that_is_cut_or_changed_anywhere_is_more_than_a_refusal()
    {
        var random = new Random(7);
        foreach (var (_, base64) in Whole.Select(row => row.Data))
        {
            var whole = Convert.FromBase64String(base64);
            for (var length = 0; length < whole.Length; length++)
            {
                ImageBlock.Create("x", Convert.ToBase64String(whole.AsSpan(0, length)));
            }

            for (var times = 0; times < 2000; times++)
            {
                var changed = (byte[])whole.Clone();
                changed[random.Next(changed.Length)] = (byte)random.Next(256);
                changed[random.Next(changed.Length)] = (byte)random.Next(256);
                if (ImageBlock.Create("x", Convert.ToBase64String(changed)).TryGet(out var picture, out _))
                {
                    picture.Pixels.Should().BeInRange(1, (long)ImageBlock.MaxSide * ImageBlock.MaxSide);
                }
            }
        }
    }
}
