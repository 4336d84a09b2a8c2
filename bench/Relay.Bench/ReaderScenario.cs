using System.Diagnostics;
using System.Text;
using Relay.Application.Fetching;
using Relay.Domain.Fetching;
using Relay.Infrastructure.Html;
using Relay.Infrastructure.HttpFetching;
using SmartReader;

namespace Relay.Bench;

/// <summary>
/// The readable text of the project's pages by the relay and by two other readers, compared with what a browser without scripts shows:
/// <c>turndown</c> behind Mozilla's Readability (npm), and SmartReader (NuGet). <c>DETAILS=5</c> shows the five worst pages of each.
/// </summary>
internal static class ReaderScenario
{
    /// <summary>Writes the pages and what two readers make of them, and has a script do the rest.</summary>
    public static async Task CompareAsync(string claude, CancellationToken cancellationToken)
    {
        _ = claude;
        Scenarios.Title("Readers: words of the pages in tests/Pages");
        var folder = Directory.CreateTempSubdirectory("claude-relay-bench-").FullName;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(FindRoot(), "tests", "Pages"), "*.html"))
        {
            var (name, url) = (Path.GetFileNameWithoutExtension(file), new Uri("https://pages.example.net/"));
            var typeFile = Path.ChangeExtension(file, ".type");
            var (type, charset) = ContentKinds.Read(
                File.Exists(typeFile) ? (await File.ReadAllTextAsync(typeFile, cancellationToken)).Trim() : "text/html; charset=utf-8"
            );
            var document = new FetchedDocument(
                url,
                ContentKinds.Of(type)!.Value,
                charset,
                await File.ReadAllBytesAsync(file, cancellationToken),
                IsWhole: true
            );
            // The others can't find out the encoding: they get the page decoded.
            var html = Encoding.UTF8.GetString(PageDecoder.Decode(document.Body, charset, document.Kind, isWhole: true).Utf8.Span);
            var page = new PageReader()
                .Read(document, new PageView(PageFormat.Text, Strip: true, FetchRequest.MaxMaxBytes, 0), cancellationToken)
                .Value;
            await File.WriteAllTextAsync(Path.Combine(folder, name + ".html"), html, cancellationToken);
            await File.WriteAllBytesAsync(Path.Combine(folder, name + ".relay"), page.Content.ToArray(), cancellationToken);
            await File.WriteAllTextAsync(Path.Combine(folder, name + ".smartreader"), ReadSmartly(url, html), cancellationToken);
        }

        var converters =
            Environment.GetEnvironmentVariable("CLAUDE_RELAY_TEST_CONVERTERS")
            ?? throw new InvalidOperationException("CLAUDE_RELAY_TEST_CONVERTERS is not set; bench/run.sh sets it.");
        using var node = Process.Start("node", [Path.Combine(converters, "compare.mjs"), folder, "/usr/bin/chromium"]);
        await node.WaitForExitAsync(cancellationToken);
        Directory.Delete(folder, recursive: true);
    }

    private static string ReadSmartly(Uri url, string html)
    {
        // Short pages are pages, too.
        using var reader = new Reader(url.AbsoluteUri, html) { CharThreshold = 1 };
        var article = reader.GetArticle();
        return $"{article.Title}\n{article.TextContent}";
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "ClaudeRelay.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("This is no checkout.");
        }

        return folder.FullName;
    }
}
