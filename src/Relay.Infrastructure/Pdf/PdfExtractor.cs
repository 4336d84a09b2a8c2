using UglyToad.PdfPig;
using UglyToad.PdfPig.Exceptions;

namespace Relay.Infrastructure.Pdf;

/// <summary>
/// Reads a file through PdfPig, page by page. Nothing can stop PdfPig within a page, and a hostile file can make it fill the memory or
/// the stack. Only the process that <see cref="PdfProgram"/> runs in bounds it.
/// </summary>
internal static class PdfExtractor
{
    public const int MaxPages = 2000;

    /// <summary>Most letters of all pages. A longer text is cut behind the page that exceeds the bound.</summary>
    public const int MaxLetters = 4_000_000;

    private const int MaxTitle = 1000;

    /// <summary>The frames of a file, or of its beginning.</summary>
    public static IEnumerable<PdfFrame> Read(byte[] file)
    {
        var (document, problem) = Open(file);
        if (document is null && problem == PdfProblem.Broken && PdfSalvage.AddEnd(file) is { } mended)
        {
            (document, problem) = Open(mended);
        }

        using (document)
        {
            if (document is null)
            {
                yield return new PdfFrame(Error: problem);
                yield break;
            }

            var count = document.NumberOfPages;
            yield return new PdfFrame(Count: count, Title: TitleOf(document));
            var letters = 0;
            var number = 1;
            for (; number <= count && number <= MaxPages && letters < MaxLetters; number++)
            {
                var page = ReadPage(document, number);
                letters += page.Paragraphs!.Sum(paragraph => paragraph.Length);
                yield return page;
            }

            yield return new PdfFrame(IsEnd: true, IsWhole: number > count);
        }
    }

    private static (PdfDocument? Document, PdfProblem? Problem) Open(byte[] file)
    {
        try
        {
            var document = PdfDocument.Open(
                file,
                new ParsingOptions
                {
                    UseLenientParsing = true,
                    SkipMissingFonts = true,
                    ClipPaths = false,
                }
            );
            if (document.NumberOfPages > 0)
            {
                return (document, null);
            }

            document.Dispose();
            return (null, PdfProblem.Broken);
        }
        catch (PdfDocumentEncryptedException)
        {
            return (null, PdfProblem.Encrypted);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // PdfPig throws exceptions of every kind on broken files. The first frame reports it.
            return (null, PdfProblem.Broken);
        }
    }

    private static PdfFrame ReadPage(PdfDocument document, int number)
    {
        try
        {
            return new PdfFrame(Paragraphs: PdfLayout.ParagraphsOf(document.GetPage(number).Letters), IsReadable: true);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // Other pages may still be good.
            return new PdfFrame(Paragraphs: [], IsReadable: false);
        }
    }

    private static string? TitleOf(PdfDocument document)
    {
        var title = PdfLayout.Clean(document.Information.Title ?? string.Empty).Trim();
        return title.Length == 0 ? null
            : title.Length > MaxTitle ? title[..MaxTitle]
            : title;
    }
}
