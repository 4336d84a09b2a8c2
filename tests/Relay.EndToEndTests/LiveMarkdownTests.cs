using System.Diagnostics;
using System.Text;
using System.Text.Json;
using FluentAssertions;
using Relay.EndToEndTests.Harness;
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
        var markdown = Enumerable.Range(0, Pages).Select(_ => PageRenderer.ToMarkdown(Encoding.UTF8.GetBytes(HostileMarkup.Make(random)), HostileMarkup.Url, token).Text).ToList();
        // Two that are alive, or else a reader that sees nothing would pass.
        markdown.AddRange(["[x](https://evil.example/)", "a <b onclick=x>"]);

        var problems = await ReadAsync(markdown, token);

        problems[^2..].Should().Equal("a link: https://evil.example/", "HTML: <b onclick=x>");
        problems.Zip(markdown).Take(Pages).Where(pair => pair.First is not null).Select(pair => $"{pair.First} in {pair.Second}").Should().BeEmpty("seed {0}", seed);
    }

    private static async Task<List<string?>> ReadAsync(List<string> markdown, CancellationToken cancellationToken)
    {
        using var node = Process.Start(new ProcessStartInfo("node", [Path.Combine(TestMachine.Converters, "live.mjs"), HostileMarkup.Honest]) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false })!;
        var answer = node.StandardOutput.ReadToEndAsync(cancellationToken);
        foreach (var text in markdown)
        {
            await node.StandardInput.WriteAsync((JsonSerializer.Serialize(text) + "\n").AsMemory(), cancellationToken);
        }

        node.StandardInput.Close();
        return [.. (await answer).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<string?>(line))];
    }
}
