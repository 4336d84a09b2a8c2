using System.Net;

namespace Relay.Tests.Corpus;

/// <summary>Pages whose texts look like Markdown or HTML. All their links lead to one address.</summary>
internal static class HostileMarkup
{
    /// <summary>The one address that such a page links.</summary>
    public const string Honest = "https://example.com/honest";

    /// <summary>The page's own address.</summary>
    public static readonly Uri Url = new("https://example.com/");

    private static readonly string[] Texts =
    [
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "![x](http://evil.example/)",
        "<javascript:x>",
        "<a@evil.example>",
        "[x]: http://evil.example/",
        "[x][x]",
        "[x]",
        "![",
        "](",
        "](http://evil.example/)",
        "[",
        "]",
        "(",
        ")",
        "<",
        ">",
        "!",
        "`",
        "``",
        "```",
        "\\",
        "\\\\",
        "*",
        "**",
        "_",
        "~~",
        "~~~",
        "&lt;",
        "&#60;",
        "&lt",
        "&",
        ";",
        "|",
        "#",
        "# ",
        "> ",
        "- ",
        "1. ",
        "+ ",
        "=",
        "---",
        "| - |",
        ":-",
        "\r",
        "\n",
        "\t",
        "    ",
        " ",
        "a",
        "word",
        "$",
        "<!--",
        "-->",
        "<?",
        "<![CDATA[",
        "\u0000",
        "\u000B",
        "\u2028",
    ];

    private static readonly (string Before, string After)[] Elements =
    [
        ("<p>", "</p>"),
        ("<code>", "</code>"),
        ("<pre>", "</pre>"),
        ("<pre><code class='language-", "'>x</code></pre>"),
        ("<table><tr><td>a<td>", "</table>"),
        ("<table><tr><th>a<th><code>", "</code></table>"),
        ("<a href=/honest>", "</a>"),
        ("<h2>", "</h2>"),
        ("<ul><li>", "</ul>"),
        ("<ol><li>", "</ol>"),
        ("<blockquote>", "</blockquote>"),
        ("<img src=/honest alt='", "'>"),
        ("<img alt='", "'>"),
        ("<sup>", "</sup>"),
        ("<sub>", "</sub>"),
        ("<b>", "</b>"),
        ("<i>", "</i>"),
        ("<del>", "</del>"),
        ("<dl><dt>", "<dd>x</dl>"),
        ("<dl><dt>x<dd>", "</dl>"),
        ("<br>", string.Empty),
        ("<summary>", "</summary>"),
        ("<math alttext='", "'><mi>x</mi></math>"),
        ("<math><mtext>", "</mtext></math>"),
        ("<math><annotation encoding='application/x-tex'>", "</annotation></math>"),
        (string.Empty, string.Empty),
        ("<a href='javascript:", "'>x</a>"),
        ("<table class='", "'><tr><td>1<td><pre>x</pre></table>"),
        ("<button aria-expanded=false>", "</button>"),
        ("<blockquote><pre>", "</pre></blockquote>"),
        ("<ul><li><pre>", "</pre></ul>"),
    ];

    /// <summary>Whether the page shows the one address as an image.</summary>
    public static bool HasImage(string html) => html.Contains("<img src=/honest ", StringComparison.Ordinal);

    /// <summary>Whether the page links an address of mail.</summary>
    public static bool HasAddress(string html) => html.Contains("<a href='mailto:", StringComparison.Ordinal);

    /// <summary>One page.</summary>
    public static string Make(Random random) =>
        string.Concat(
            Enumerable
                .Range(0, random.Next(1, 8))
                .Select(_ =>
                {
                    var (before, after) = Elements[random.Next(Elements.Length)];
                    return before
                        + string.Concat(
                            Enumerable.Range(0, random.Next(0, 5)).Select(_ => WebUtility.HtmlEncode(Texts[random.Next(Texts.Length)]))
                        )
                        + after;
                })
        );
}
