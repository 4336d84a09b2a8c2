using System.Buffers;
using System.Text;
using Relay.Infrastructure.Html;

namespace Relay.UnitTests.Infrastructure.Html;

/// <summary>Markup that nobody wrote, made of what parsers stumble over.</summary>
internal static class RandomMarkup
{
    private static readonly string[] Fragments =
    [
        "<",
        ">",
        "</",
        "<!",
        "<?",
        "&",
        "&a",
        "&lt",
        "&lt;",
        "&#1",
        "&#x26;",
        "amp;",
        ";",
        "-",
        "--",
        "-->",
        "--!>",
        "<!--",
        "<!-->",
        "<!--->",
        "<![CDATA[",
        "]]>",
        "<!doctype html>",
        "\"",
        "'",
        "=",
        "/",
        "\n",
        "<p>",
        "</p>",
        "<div class=a>",
        "</div>",
        "<b>",
        "</b>",
        "<br/>",
        "<a href=\"/x?a=1&amp;b=2\">",
        "</a>",
        "<img src=x alt='>'>",
        "text",
        "日本語",
        "é",
        " ",
        "<script>",
        "</script>",
        "<script type=application/ld+json>",
        "<script type=\"text/javascript\">",
        "</SCRIPT >",
        "<style>",
        "</style>",
        "<svg>",
        "<svg/>",
        "</svg>",
        "<path d='M0'/>",
        "<g>",
        "<foreignObject>",
        "</foreignObject>",
        "<desc>",
        "</desc>",
        "<math>",
        "</math>",
        "<mi>",
        "</mi>",
        "<template>",
        "</template>",
        "<title>",
        "</title>",
        "<textarea>",
        "</textarea>",
        "<iframe>",
        "</iframe>",
        "<xmp>",
        "</xmp>",
        "<noscript>",
        "</noscript>",
        "<table><tr><td>",
        "</table>",
        "<ul><li>",
        "</ul>",
        "<scr",
        "ipt>",
        "<!-- x -->",
        "<a b",
        "<a b=",
        "<a b='",
        "<a b=\"c",
        "=x>",
        "<plaintex",
        "t>",
    ];

    public static string Make(Random random, int most = 30) =>
        string.Concat(Enumerable.Range(0, random.Next(1, most)).Select(_ => Fragments[random.Next(Fragments.Length)]));

    public static string Strip(string html)
    {
        var output = new ArrayBufferWriter<byte>();
        HtmlStripper.Strip(Encoding.UTF8.GetBytes(html), output, Waiting.Token);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
