using System.Globalization;
using System.Text;
using Relay.Tests.Corpus;

namespace Relay.UnitTests.Infrastructure.Pdf;

/// <summary>Files that are made to take time, memory or stack.</summary>
internal static class HostilePdfs
{
    private static ReadOnlySpan<byte> HugeRange =>
        "1 begincodespacerange <00000000> <FFFFFFFF> endcodespacerange 1 beginbfrange <00000000> <7FFFFFFF> <0000> endbfrange"u8;

    private static readonly byte[] Zeros = new byte[1 << 20];

    public static readonly Dictionary<string, Func<byte[]>> All = new(StringComparer.Ordinal)
    {
        ["content that inflates to 600 MB"] = () =>
            PdfFile.WithContent("/Filter /FlateDecode", PdfFile.Deflate(Encoding.ASCII.GetBytes(new string(' ', 1 << 20)), 600)),
        ["content that inflates twice"] = () =>
            PdfFile.WithContent("/Filter [/FlateDecode /FlateDecode]", PdfFile.Deflate(PdfFile.Deflate(Zeros, 600))),
        ["content of many filters"] = () =>
            PdfFile.WithContent($"/Filter [{string.Concat(Enumerable.Repeat("/ASCIIHexDecode ", 200_000))}]", "41>"u8.ToArray()),
        ["a run of letters without end"] = () =>
            PdfFile.WithContent(
                "/Filter /RunLengthDecode",
                [.. Enumerable.Repeat<byte[]>([129, (byte)' '], 1_000_000).SelectMany(pair => pair), 128]
            ),
        ["fifty million letters"] = () =>
            PdfFile.WithContent(
                "/Filter /FlateDecode",
                PdfFile.Deflate(Encoding.ASCII.GetBytes($"BT /F1 1 Tf ({new string('a', 10_000)}) Tj ET\n"), 5000)
            ),
        ["a predictor of huge columns"] = () =>
            PdfFile.WithContent(
                "/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 2147483647 /Colors 32 /BitsPerComponent 16 >>",
                PdfFile.Deflate(Zeros)
            ),
        ["objects in a stream that inflates"] = () =>
            ObjectStream(PdfFile.Deflate([.. "2 0 << /Type /Pages /Kids [] /Count 0 >> "u8, .. Zeros], 600), "/N 1 /First 4"),
        ["objects in a stream, more of them than there are"] = () =>
            ObjectStream(PdfFile.Deflate("2 0 << /Type /Pages /Kids [] /Count 0 >>"u8.ToArray()), "/N 2147483647 /First 4"),
        ["an object in a stream that it describes"] = () =>
            ObjectStream(PdfFile.Deflate("3 0 << /Type /ObjStm >>"u8.ToArray()), "/N 1 /First 4 /Extends 3 0 R"),
        ["objects in a stream, many of them"] = () =>
            ObjectStream(
                PdfFile.Deflate(
                    Encoding.ASCII.GetBytes("2 0 " + string.Concat(Enumerable.Range(0, 300_000).Select(number => $"{number + 100} 0 ")))
                ),
                "/N 300001 /First 4"
            ),
        ["a page tree a hundred thousand deep"] = () => Tree(100_000, wide: 1, count: 1),
        ["a page tree of many branches"] = () => SharedTree(levels: 30),
        ["a page tree that holds itself"] = () => Raw(tree => $"<< /Type /Pages /Count 3 /Kids [{tree} 0 R {tree} 0 R] >>"),
        ["a page tree whose page is its parent"] = () =>
            Raw(tree =>
                $"<< /Type /Pages /Count 1 /Parent {tree} 0 R /Kids [<< /Type /Pages /Count 1 /Parent {tree} 0 R /Kids [{tree} 0 R] >>] >>"
            ),
        ["a count of two thousand million pages"] = () => Raw(_ => "<< /Type /Pages /Count 2147483647 /Kids [] >>"),
        ["a count below zero"] = () => Raw(_ => "<< /Type /Pages /Count -5 /Kids [] >>"),
        ["a hundred thousand times the same page"] = () => Tree(1, wide: 100_000, count: 100_000),
        ["an object that is a reference to itself"] = () => Raw(tree => $"{tree} 0 R"),
        ["a length that refers to its own stream"] = () => PdfFile.WithContent("/Length 4 0 R", "BT ET"u8.ToArray()),
        ["a form that draws itself"] = PdfFile.FormThatDrawsItself,
        ["forms that draw each other twice, thirty deep"] = () =>
            PdfFile.WithContent(
                string.Empty,
                "/X Do"u8.ToArray(),
                "/XObject << /X {0} >>",
                file =>
                    Enumerable
                        .Range(0, 30)
                        .Aggregate(
                            0,
                            (before, _) =>
                                file.AddStream(
                                    $"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << "
                                        + $"{(before == 0 ? string.Empty : $"/X {before} 0 R")} >> >>",
                                    before == 0 ? "BT ET"u8.ToArray() : "/X Do /X Do"u8.ToArray()
                                )
                        )
            ),
        ["arrays in arrays, a million deep"] = () => PdfFile.WithContent(string.Empty, Encoding.ASCII.GetBytes(new string('[', 1_000_000))),
        ["dictionaries in dictionaries, in an object"] = () => Raw(_ => string.Concat(Enumerable.Repeat("<< /A ", 500_000))),
        ["arrays in arrays, in an object"] = () => Raw(_ => new string('[', 2_000_000)),
        ["brackets of a text, in each other"] = () =>
            PdfFile.WithContent(string.Empty, Encoding.ASCII.GetBytes("BT (" + new string('(', 2_000_000))),
        ["states that are saved without end"] = () =>
            PdfFile.WithContent(
                "/Filter /FlateDecode",
                PdfFile.Deflate(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("q ", 1000))), 10_000)
            ),
        ["paths without end"] = () =>
            PdfFile.WithContent(
                "/Filter /FlateDecode",
                PdfFile.Deflate(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("1 1 m 2 2 l W n ", 1000))), 3000)
            ),
        ["a table that names itself as the one before"] = () =>
            Encoding.ASCII.GetBytes(
                "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 2 /Root "
                    + "1 0 R "
                    + "/Prev 58 >>\nstartxref\n58\n%%EOF"
            ),
        ["a table of two thousand million entries"] = () =>
            Encoding.ASCII.GetBytes(
                "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\nxref\n0 2147483647\n0000000000 65535 f \ntrailer\n<< /Size "
                    + "2147483647 /Root 1 0 R >>\nstartxref\n58\n%%EOF"
            ),
        ["two hundred thousand objects, and a table that is wrong"] = () =>
        {
            var file = new PdfFile();
            for (var number = 0; number < 200_000; number++)
            {
                file.Add("<< /Type /Catalog >>");
            }

            return file.Write(1, hasTable: false);
        },
        ["many marks and no object"] = () =>
            Encoding.ASCII.GetBytes("%PDF-1.4\n" + string.Concat(Enumerable.Repeat("obj endobj xref startxref ", 100_000))),
        ["a font whose letters are all letters"] = () =>
            PdfFile.WithContent(
                string.Empty,
                "BT /F2 12 Tf (abc) Tj ET"u8.ToArray(),
                "/Font << /F2 {0} >>",
                file =>
                    file.Add(
                        "<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H "
                            + "/DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /A "
                            + "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /W [0 2147483647 500] >>] "
                            + $"/ToUnicode {file.AddStream(string.Empty, HugeRange.ToArray())} 0 R >>"
                    )
            ),
        ["a page of no size"] = () =>
            PdfFile.WithContent(string.Empty, "1e308 0 0 1e308 1e308 1e308 cm BT /F1 1e308 Tf (a) Tj ET"u8.ToArray()),
    };

    private static byte[] Raw(Func<int, string> tree)
    {
        var file = new PdfFile();
        var (catalog, number) = (file.Reserve(), file.Reserve());
        file.Set(catalog, $"<< /Type /Catalog /Pages {number} 0 R >>");
        file.Set(number, tree(number));
        return file.Write(catalog);
    }

    private static byte[] Tree(int deep, int wide, int count)
    {
        var file = new PdfFile();
        var catalog = file.Reserve();
        var content = file.AddStream(string.Empty, "BT ET"u8.ToArray());
        var below = file.Add($"<< /Type /Page /MediaBox [0 0 9 9] /Contents {content} 0 R >>");
        for (var level = 0; level < deep; level++)
        {
            below = file.Add($"<< /Type /Pages /Count {count} /Kids [{string.Join(' ', Enumerable.Repeat($"{below} 0 R", wide))}] >>");
        }

        file.Set(catalog, $"<< /Type /Catalog /Pages {below} 0 R >>");
        return file.Write(catalog);
    }

    /// <summary>Each level holds the one below twice: as many pages as two to the power of the levels.</summary>
    private static byte[] SharedTree(int levels)
    {
        var file = new PdfFile();
        var catalog = file.Reserve();
        var below = file.Add("<< /Type /Page /MediaBox [0 0 9 9] >>");
        for (var level = 1; level <= levels; level++)
        {
            below = file.Add(
                string.Create(CultureInfo.InvariantCulture, $"<< /Type /Pages /Count {1L << level} /Kids [{below} 0 R {below} 0 R] >>")
            );
        }

        file.Set(catalog, $"<< /Type /Catalog /Pages {below} 0 R >>");
        return file.Write(catalog);
    }

    /// <summary>A file of version 1.5: the page tree is object 2, in stream 3, and the table is stream 4.</summary>
    private static byte[] ObjectStream(byte[] data, string dictionary)
    {
        using var file = new MemoryStream();
        var offsets = new List<int>();
        void Say(params byte[][] parts)
        {
            offsets.Add((int)file.Position);
            foreach (var part in parts)
            {
                file.Write(part);
            }
        }

        static byte[] Letters(string text) => Encoding.Latin1.GetBytes(text);
        Say(Letters("%PDF-1.5\n"));
        Say(Letters("1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"));
        Say(
            Letters($"3 0 obj\n<< /Type /ObjStm /Filter /FlateDecode {dictionary} /Length {data.Length} >>\nstream\n"),
            data,
            Letters("\nendstream\nendobj\n")
        );
        byte[] table =
        [
            .. Entry(0, 0, 0xFFFF),
            .. Entry(1, offsets[1], 0),
            .. Entry(2, 3, 0),
            .. Entry(1, offsets[2], 0),
            .. Entry(1, (int)file.Position, 0),
        ];
        Say(
            Letters($"4 0 obj\n<< /Type /XRef /Size 5 /W [1 4 2] /Root 1 0 R /Length {table.Length} >>\nstream\n"),
            table,
            Letters("\nendstream\nendobj\n")
        );
        Say(Letters($"startxref\n{offsets[3]}\n%%EOF\n"));
        return file.ToArray();
    }

    private static byte[] Entry(byte kind, int place, int last) =>
        [kind, (byte)(place >> 24), (byte)(place >> 16), (byte)(place >> 8), (byte)place, (byte)(last >> 8), (byte)last];
}
