using System.Globalization;
using System.Net;
using System.Text;
using Relay.Domain.Fetching;

namespace Relay.Infrastructure.Html;

/// <summary>Writes the text of a PDF as markup: a heading with each page's number, and its paragraphs.</summary>
internal static class PdfMarkup
{
    /// <summary>Markup in UTF-8. Text of the file can't become a tag or a character reference.</summary>
    public static byte[] Write(PdfText text)
    {
        var html = new StringBuilder();
        for (var index = 0; index < text.Pages.Count; index++)
        {
            html.Append(CultureInfo.InvariantCulture, $"<h2>Page {index + 1}</h2>\n");
            var page = text.Pages[index];
            if (page.Paragraphs.Count == 0)
            {
                html.Append(
                    page.IsReadable
                        ? "<p>(This page has no text. It may be a picture.)</p>\n"
                        : "<p>(This page is damaged and can't be read.)</p>\n"
                );
            }

            foreach (var paragraph in page.Paragraphs)
            {
                html.Append("<p>")
                    .Append(WebUtility.HtmlEncode(paragraph).Replace("\n", "<br>\n", StringComparison.Ordinal))
                    .Append("</p>\n");
            }
        }

        return Encoding.UTF8.GetBytes(html.ToString());
    }
}
