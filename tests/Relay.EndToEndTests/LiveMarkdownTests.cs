using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Relay.Infrastructure.Html;
using Relay.Tests.Corpus;

namespace Relay.EndToEndTests;

/// <summary>
/// The Markdown of hostile pages, read by CommonMark's own reader in JavaScript. The unit tests read it by Markdig: what one takes for
/// text, the other may take for a link.
/// </summary>
public sealed class LiveMarkdownTests
{
    private const int Pages = 5000;

    [Fact(Timeout = 120_000)]
    public async Task No_text_comes_alive_for_a_second_reader()
    {
        var token = TestContext.Current.CancellationToken;
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var pages = Enumerable
            .Range(0, Pages)
            .Select(_ => HostileMarkup.Make(random))
            .Select(html => new LivePage(
                PageRenderer.ToMarkdown(Encoding.UTF8.GetBytes(html), HostileMarkup.Url, token).Text,
                HostileMarkup.HasImage(html),
                HostileMarkup.HasAddress(html)
            ))
            .ToList();
        // Some that are alive, or else a reader that sees nothing would pass.
        pages.AddRange([
            new LivePage("[x](https://evil.example/)", HasImage: true, HasAddress: true),
            new LivePage("a <b onclick=x>", HasImage: true, HasAddress: true),
            new LivePage($"![x]({HostileMarkup.Honest})", HasImage: false, HasAddress: true),
            new LivePage("<a@evil.example>", HasImage: true, HasAddress: false),
            new LivePage($"![x]({HostileMarkup.Honest}) <a@evil.example>", HasImage: true, HasAddress: true),
        ]);

        var problems = await ReadAsync(pages, token);

        problems[^5..]
            .Should()
            .Equal(
                "a link: https://evil.example/",
                "HTML: <b onclick=x>",
                $"an image: {HostileMarkup.Honest}",
                "a link: mailto:a@evil.example",
                null
            );
        problems
            .Zip(pages)
            .Take(Pages)
            .Where(pair => pair.First is not null)
            .Select(pair => $"{pair.First} in {pair.Second.Markdown}")
            .Should()
            .BeEmpty("seed {0}", seed);
    }

    private static async Task<List<string?>> ReadAsync(List<LivePage> pages, CancellationToken cancellationToken)
    {
        using var node = Process.Start(
            new ProcessStartInfo("node", [Path.Combine(TestMachine.Converters, "live.mjs"), HostileMarkup.Honest])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                UseShellExecute = false,
            }
        )!;
        var answer = node.StandardOutput.ReadToEndAsync(cancellationToken);
        foreach (var page in pages)
        {
            await node.StandardInput.WriteAsync(
                (JsonSerializer.Serialize(page, JsonSerializerOptions.Web) + "\n").AsMemory(),
                cancellationToken
            );
        }

        node.StandardInput.Close();
        return
        [
            .. (await answer).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<string?>(line)),
        ];
    }

    /// <summary>The Markdown of a page, and two facts about the page itself.</summary>
    private sealed record LivePage(string Markdown, bool HasImage, bool HasAddress);
}
