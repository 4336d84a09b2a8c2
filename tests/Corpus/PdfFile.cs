using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Relay.Tests.Corpus;

/// <summary>Makes PDF files, good and bad ones, object by object.</summary>
internal sealed class PdfFile
{
    private readonly List<byte[]?> _objects = [];

    /// <summary>A number for an object that comes later.</summary>
    public int Reserve()
    {
        _objects.Add(null);
        return _objects.Count;
    }

    /// <summary>Adds an object.</summary>
    public int Add(string text)
    {
        var number = Reserve();
        Set(number, text);
        return number;
    }

    /// <summary>The object of a number.</summary>
    public void Set(int number, string text) => _objects[number - 1] = Encoding.Latin1.GetBytes(text);

    /// <summary>Adds a stream as it is; <c>/Length</c> is added to its dictionary.</summary>
    public int AddStream(string dictionary, byte[] data)
    {
        var number = Reserve();
        _objects[number - 1] =
        [
            .. Encoding.Latin1.GetBytes($"<< {dictionary} /Length {data.Length} >>\nstream\n"),
            .. data,
            .. "\nendstream"u8,
        ];
        return number;
    }

    /// <summary>The file.</summary>
    /// <param name="root">The catalog's number.</param>
    /// <param name="trailer">Further entries of the trailer.</param>
    /// <param name="hasTable">Whether the table of cross-references is right.</param>
    public byte[] Write(int root, string trailer = "", bool hasTable = true)
    {
        using var file = new MemoryStream();
        void Say(string text) => file.Write(Encoding.Latin1.GetBytes(text));
        Say("%PDF-1.7\n%\u00E2\u00E3\u00CF\u00D3\n");
        var offsets = new List<long>();
        for (var index = 0; index < _objects.Count; index++)
        {
            offsets.Add(file.Position);
            Say(string.Create(CultureInfo.InvariantCulture, $"{index + 1} 0 obj\n"));
            file.Write(_objects[index] ?? "null"u8.ToArray());
            Say("\nendobj\n");
        }

        var start = file.Position;
        Say(string.Create(CultureInfo.InvariantCulture, $"xref\n0 {_objects.Count + 1}\n0000000000 65535 f \n"));
        foreach (var offset in offsets)
        {
            Say(string.Create(CultureInfo.InvariantCulture, $"{(hasTable ? offset : offset + 7):0000000000} 00000 n \n"));
        }

        Say(
            string.Create(
                CultureInfo.InvariantCulture,
                $"trailer\n<< /Size {_objects.Count + 1} /Root {root} 0 R {trailer} >>\nstartxref\n{(hasTable ? start : 5)}\n%%EOF\n"
            )
        );
        return file.ToArray();
    }

    /// <summary>A good file with one line after the other on each page; the lines of a page are separated by line feeds.</summary>
    public static byte[] Of(string? title, params string[] pages) => Of(title, hasTable: true, pages);

    /// <summary>The same, with a table of cross-references that may be wrong.</summary>
    public static byte[] Of(string? title, bool hasTable, params string[] pages) =>
        WithPages(
            title is null ? string.Empty : $"/Info << /Title ({title}) >>",
            hasTable,
            [.. pages.Select(text => (Encoding.Latin1.GetBytes(ContentOf(text)), string.Empty))]
        );

    /// <summary>A file that says that it is encrypted.</summary>
    public static byte[] Encrypted() =>
        WithPages(
            $"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{new string('1', 64)}> /U <{new string('2', 64)}> >> /ID [<01><01>]",
            hasTable: true,
            ("BT ET"u8.ToArray(), string.Empty)
        );

    /// <summary>A file of pages with these content streams, each with its dictionary.</summary>
    public static byte[] WithPages(string trailer, bool hasTable, params (byte[] Content, string Dictionary)[] pages)
    {
        var file = new PdfFile();
        var (catalog, tree) = (file.Reserve(), file.Reserve());
        var font = file.Add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>");
        var kids = pages.Select(page => file.AddPage(tree, font, file.AddStream(page.Dictionary, page.Content))).ToList();
        file.Set(catalog, $"<< /Type /Catalog /Pages {tree} 0 R >>");
        file.Set(tree, $"<< /Type /Pages /Count {kids.Count} /Kids [{string.Join(' ', kids.Select(kid => $"{kid} 0 R"))}] >>");
        return file.Write(catalog, trailer, hasTable);
    }

    /// <summary>A file of one page with a content stream.</summary>
    /// <param name="dictionary">The stream's dictionary.</param>
    /// <param name="content">The stream, as its dictionary says that it is written.</param>
    /// <param name="resources">The page's resources instead of the font F1.</param>
    /// <param name="prepare">Adds objects; its result is put in the place of <c>{0}</c> in the resources.</param>
    public static byte[] WithContent(string dictionary, byte[] content, string resources = "", Func<PdfFile, int>? prepare = null)
    {
        var file = new PdfFile();
        var (catalog, tree) = (file.Reserve(), file.Reserve());
        var font = file.Add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>");
        var stream = file.AddStream(dictionary, content);
        var extra = prepare is null ? 0 : prepare(file);
        var used = extra == 0 ? $"/Font << /F1 {font} 0 R >>" : resources.Replace("{0}", $"{extra} 0 R", StringComparison.Ordinal);
        var page = file.Add($"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 612 792] /Contents {stream} 0 R /Resources << {used} >> >>");
        file.Set(catalog, $"<< /Type /Catalog /Pages {tree} 0 R >>");
        file.Set(tree, $"<< /Type /Pages /Count 1 /Kids [{page} 0 R] >>");
        return file.Write(catalog);
    }

    /// <summary>A file that overflows the stack of a reader which follows it.</summary>
    public static byte[] FormThatDrawsItself() =>
        WithContent(
            string.Empty,
            "/X Do"u8.ToArray(),
            "/XObject << /X {0} >>",
            file =>
                file.AddStream("/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << >> >>", "/X Do /X Do"u8.ToArray())
        );

    /// <summary>Zlib's format, as FlateDecode reads it.</summary>
    public static byte[] Deflate(byte[] data) => Deflate(data, 1);

    /// <summary>The same bytes many times, compressed.</summary>
    public static byte[] Deflate(byte[] piece, int times)
    {
        using var output = new MemoryStream();
        using (var zlib = new ZLibStream(output, CompressionLevel.Optimal))
        {
            for (var count = 0; count < times; count++)
            {
                zlib.Write(piece);
            }
        }

        return output.ToArray();
    }

    private int AddPage(int tree, int font, int content) =>
        Add(
            $"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R /Resources << /Font << /F1 {font} 0 R >> "
                + $">> >>"
        );

    private static string ContentOf(string text)
    {
        var content = new StringBuilder("BT /F1 12 Tf 72 720 Td 14 TL\n");
        foreach (var line in text.Split('\n'))
        {
            content
                .Append('(')
                .Append(
                    line.Replace("\\", "\\\\", StringComparison.Ordinal)
                        .Replace("(", "\\(", StringComparison.Ordinal)
                        .Replace(")", "\\)", StringComparison.Ordinal)
                )
                .Append(") Tj T*\n");
        }

        return content.Append("ET").ToString();
    }
}
