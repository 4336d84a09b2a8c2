using System.Text;
using System.Text.Unicode;
using Relay.Domain.Fetching;
using Relay.Infrastructure.Html;

namespace Relay.UnitTests.Infrastructure.Html;

public sealed class PageDecoderTests
{
    public static TheoryData<string> Labels => [.. EncodingLabels.All];

    public static TheoryData<string, string, string> Texts =>
        new()
        {
            { "shift_jis", "shift_jis", "日本語のニュース、記事の本文です。" },
            { "euc-jp", "euc-jp", "日本語のニュース、記事の本文です。" },
            { "iso-2022-jp", "iso-2022-jp", "日本語のニュース" },
            { "gb2312", "gbk", "中文新闻内容，简体字。" },
            { "gb18030", "gb18030", "中文新闻内容，简体字。" },
            { "big5", "big5", "繁體中文新聞內容。" },
            { "ks_c_5601-1987", "euc-kr", "한국어 뉴스 기사 본문입니다." },
            { "koi8-r", "koi8-r", "Новости на русском языке" },
            { "windows-1251", "windows-1251", "Новости на русском языке" },
            { "iso-8859-1", "windows-1252", "Grüße für 5 € — “heute”" },
            { "latin5", "windows-1254", "İstanbul’da çığ ş ğ" },
            { "windows-1255", "windows-1255", "חדשות בעברית" },
            { "windows-1256", "windows-1256", "أخبار" },
            { "tis-620", "windows-874", "ข่าวภาษาไทย" },
            { "iso-8859-7", "iso-8859-7", "Ελληνικά νέα" },
            { "iso-8859-15", "iso-8859-15", "œuvre 5 €" },
            { "macintosh", "macintosh", "café" },
            { "utf-16be", "utf-16be", "<p>ü" },
        };

    [Theory]
    [MemberData(nameof(Labels))]
    public void Every_label_of_the_web_has_a_decoder_in_any_case(string label)
    {
        var page = Decode("a"u8.ToArray(), $" {label.ToUpperInvariant()}\t");

        page.Charset.Should().Be(EncodingLabels.Find(label)!.Name);
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void Text_in_an_encoding_is_read_as_it_was_written(string label, string name, string text)
    {
        var bytes = (
            name == "utf-16be"
                ? Encoding.BigEndianUnicode
                : CodePagesEncodingProvider.Instance.GetEncoding(
                    label == "latin5" ? "windows-1254"
                    : label == "tis-620" ? "windows-874"
                    : label == "iso-8859-1" ? "windows-1252"
                    : label
                ) ?? Encoding.GetEncoding(label)
        ).GetBytes(text);

        var page = Decode(bytes, label);

        (page.Charset, TextOf(page)).Should().Be((name, text));
    }

    [Theory]
    [InlineData(
        "windows-1251",
        "Сегодня в городе прошёл большой праздник, на который пришли тысячи жителей и гостей. Организаторы рассказали, что в следующем "
            + "году он будет ещё больше."
    )]
    [InlineData(
        "shift_jis",
        "今日の東京は晴れでした。多くの人々が公園に集まり、桜の花を楽しみました。来年もまた開催される予定です。詳しくはホームページをご覧ください。"
    )]
    [InlineData("big5", "今天台北天氣晴朗，許多民眾前往公園欣賞櫻花。主辦單位表示，明年將擴大舉辦，歡迎大家踴躍參加，詳情請見網站。")]
    [InlineData("euc-kr", "오늘 서울은 맑은 날씨였습니다. 많은 사람들이 공원에 모여 벚꽃을 즐겼습니다. 내년에도 다시 개최될 예정입니다.")]
    public void Text_without_any_declaration_is_recognized(string name, string text)
    {
        var page = Decode(CodePagesEncodingProvider.Instance.GetEncoding(name)!.GetBytes(text), null);

        (page.Charset, TextOf(page)).Should().Be((name, text));
    }

    [Theory]
    // The corpus' rows.
    [InlineData("utf-8", new byte[] { 0xFF, 0xFE, 0x41, 0 }, "utf-16le", "A")]
    [InlineData("shift_jis", new byte[] { 0x93, 0xFA, 0x96, 0x7B }, "shift_jis", "日本")]
    [InlineData("utf8", new byte[] { 0xC3, 0xA9 }, "utf-8", "é")]
    [InlineData("hz-gb-2312", new byte[] { 0x7E, 0x7B, 0x3C }, "replacement", "\uFFFD")]
    [InlineData("utf-16", new byte[] { 0x3C, 0, 0x73, 0 }, "utf-16le", "<s")]
    [InlineData("utf-8", new byte[] { 0xED, 0xA0, 0x80, 0xC0, 0xAF }, "utf-8", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD")]
    // Bytes that their encoding does not have.
    [InlineData("windows-1252", new byte[] { 0x81, 0x8D, 0x8F, 0x90, 0x9D }, "windows-1252", "\u0081\u008D\u008F\u0090\u009D")]
    [InlineData("utf-8", new byte[] { 0xEF, 0xBB, 0xBF, 0x41 }, "utf-8", "A")]
    [InlineData("iso-8859-10", new byte[] { 0xA1, 0xFF }, "iso-8859-10", "Ąĸ")]
    [InlineData("iso-8859-14", new byte[] { 0xA1, 0xFF }, "iso-8859-14", "Ḃÿ")]
    [InlineData("iso-8859-16", new byte[] { 0xA4, 0xFF }, "iso-8859-16", "€ÿ")]
    [InlineData("x-user-defined", new byte[] { 0x41, 0x80, 0xFF }, "x-user-defined", "A\uF780\uF7FF")]
    [InlineData("no-such-thing", new byte[] { 0xC3, 0xA9 }, "utf-8", "é")]
    [InlineData(null, new byte[] { 0x61, 0xE9 }, "windows-1252", "aé")]
    public void Sources_of_the_encoding_count_in_this_order_and_nothing_is_an_error(string? label, byte[] body, string name, string text)
    {
        var page = Decode(body, label);

        (page.Charset, TextOf(page)).Should().Be((name, text));
    }

    [Theory]
    [InlineData("<meta charset=koi8-r>", "koi8-r")]
    [InlineData("<META CharSet = 'KOI8-R'>", "koi8-r")]
    [InlineData("<meta http-equiv=Content-Type content='text/html; charset=koi8-r'>", "koi8-r")]
    [InlineData("<!-- <meta charset=big5> --><meta charset=koi8-r>", "koi8-r")]
    [InlineData("<a title='<meta charset=big5>'><meta charset=koi8-r>", "koi8-r")]
    [InlineData("<meta charset=utf-16>é", "utf-8")]
    [InlineData("<meta charset=x-user-defined>", "windows-1252")]
    [InlineData("<?xml version='1.0' encoding='koi8-r'?>", "koi8-r")]
    [InlineData("<meta name=x content='charset=big5'>", "utf-8")]
    [InlineData("<meta charset=nonsense><meta charset=koi8-r>", "koi8-r")]
    public void The_declaration_of_a_page_counts_where_nothing_else_does(string html, string name)
    {
        Decode(Encoding.UTF8.GetBytes(html), null).Charset.Should().Be(name);
        Decode(Encoding.UTF8.GetBytes(html), "big5").Charset.Should().Be("big5");
    }

    [Theory]
    [InlineData("<script>{1,024 spaces}</script><meta charset=koi8-r>", "koi8-r")]
    [InlineData("<body>{1,024 spaces}<meta charset=koi8-r>", "utf-8")]
    [InlineData("<head>{1,024 spaces}</head><meta charset=koi8-r>", "utf-8")]
    public void A_charset_is_declared_in_the_head_however_long_that_is(string html, string name) =>
        Decode(Encoding.UTF8.GetBytes(html.Replace("{1,024 spaces}", new string(' ', 1024), StringComparison.Ordinal)), null)
            .Charset.Should()
            .Be(name);

    [Fact]
    public void JSON_is_UTF_8() =>
        PageDecoder.Decode(new byte[] { 0x22, 0xE9, 0x22 }, null, DocumentKind.Data, isWhole: true).Charset.Should().Be("utf-8");

    [Fact]
    public void A_character_that_was_cut_off_says_nothing_about_the_encoding_and_is_left_out()
    {
        var bytes = Encoding.UTF8.GetBytes("日本")[..5];

        var page = PageDecoder.Decode(bytes, null, DocumentKind.Text, isWhole: false);

        (page.Charset, TextOf(page)).Should().Be(("utf-8", "日"));
    }

    [Fact]
    public void Valid_UTF_8_is_not_copied()
    {
        ReadOnlyMemory<byte> body = Encoding.UTF8.GetBytes("日本");

        Decode(body.ToArray(), null).Utf8.Length.Should().Be(6);
        PageDecoder.Decode(body, "utf-8", DocumentKind.Html, isWhole: true).Utf8.Should().Be(body);
    }

    [Fact]
    public void Any_bytes_with_any_label_become_valid_text()
    {
        var random = new Random(Fuzz.Seed);
        string?[] labels = [null, .. EncodingLabels.All];
        Fuzz.For(
            TimeSpan.FromSeconds(1),
            () =>
            {
                var bytes = new byte[random.Next(200)];
                random.NextBytes(bytes);
                var kind = (DocumentKind)random.Next(3);

                var page = PageDecoder.Decode(bytes, labels[random.Next(labels.Length)], kind, random.Next(2) == 0);

                Utf8.IsValid(page.Utf8.Span).Should().BeTrue();
            }
        );
    }

    private static DecodedPage Decode(byte[] body, string? label) => PageDecoder.Decode(body, label, DocumentKind.Html, isWhole: true);

    private static string TextOf(DecodedPage page) => Encoding.UTF8.GetString(page.Utf8.Span);
}
