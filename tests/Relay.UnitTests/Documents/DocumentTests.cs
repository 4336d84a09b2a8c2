using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Relay.Api.Hosting;
using Relay.Application.Configuration;
using Relay.UnitTests.Architecture;

namespace Relay.UnitTests.Documents;

/// <summary>The documents tell the truth: settings, links, and the tests that they name.</summary>
public sealed partial class DocumentTests
{
    private const string Begin = "<!-- settings -->\n";
    private const string End = "<!-- /settings -->\n";

    private static readonly string Root = Checkout.Root;

    /// <summary>Every Markdown file that somebody wrote.</summary>
    private static IReadOnlyList<string> Documents { get; } =
    [
        .. Directory
            .EnumerateFiles(Root, "*.md", SearchOption.AllDirectories)
            .Where(file => !Generated().IsMatch(Path.GetRelativePath(Root, file))),
    ];

    [Fact]
    public async Task The_table_of_settings_has_every_setting_with_its_default()
    {
        using var home = new TemporaryHome();
        await using var app = RelayHost.Build(["--relay-home", home.Home.Path, "--log-level", "error"]);
        var table = new StringBuilder("| name | default | |\n|---|---|---|\n");
        foreach (
            var setting in app
                .Services.GetServices<SettingDescription>()
                .Append(
                    new SettingDescription(
                        "RELAY_HOME",
                        "Keep keys, counts, settings and the audit log in this directory.",
                        "~/.local/share/claude-relay",
                        Secret: false
                    )
                )
                .OrderBy(setting => setting.Name, StringComparer.Ordinal)
        )
        {
            table.Append(
                null,
                $"| `{setting.Name}`{(setting.Reloads ? " ↻" : string.Empty)} | "
                    + $"{setting.Default.Replace("|", "\\|", StringComparison.Ordinal)} | "
                    + $"{setting.Help.Replace("|", "\\|", StringComparison.Ordinal)} |\n"
            );
        }

        var file = Path.Combine(Root, "docs", "settings.md");
        var text = await File.ReadAllTextAsync(file, Waiting.Token);
        var (begin, end) = (text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, text.IndexOf(End, StringComparison.Ordinal));
        if (Environment.GetEnvironmentVariable("RELAY_APPROVE_DOCS") == "1")
        {
            await File.WriteAllTextAsync(file, text[..begin] + table + text[end..], Waiting.Token);
            return;
        }

        text[begin..end].Should().Be(table.ToString(), "RELAY_APPROVE_DOCS=1 writes it anew; read what changes");
    }

    [Theory]
    [InlineData("README.md", 150)]
    [InlineData("docs/architecture.md", 120)]
    public void A_document_that_everybody_reads_first_is_short(string document, int lines) =>
        File.ReadLines(Path.Combine(Root, document)).Should().HaveCountLessThanOrEqualTo(lines);

    [Fact]
    public void Every_link_leads_somewhere()
    {
        Documents.Should().HaveCountGreaterThan(15);
        Rule.ForEach(
            from document in Documents
            from link in Link().Matches(WithoutCode(File.ReadAllText(document))).Select(match => match.Groups["target"].Value)
            where !link.Contains("://", StringComparison.Ordinal) && !link.StartsWith("mailto:", StringComparison.Ordinal)
            select (document, link),
            found => FindFault(found.document, found.link),
            "a reader follows them"
        );
    }

    [Fact]
    public void Every_test_that_a_document_names_exists()
    {
        var classes = Directory
            .EnumerateFiles(Path.Combine(Root, "tests"), "*Tests.cs", SearchOption.AllDirectories)
            .Select(Path.GetFileNameWithoutExtension)
            .ToHashSet(StringComparer.Ordinal);
        var methods = Directory
            .EnumerateFiles(Path.Combine(Root, "tests"), "*Tests.cs", SearchOption.AllDirectories)
            .SelectMany(file => Method().Matches(File.ReadAllText(file)).Select(match => match.Groups["name"].Value))
            .ToHashSet(StringComparer.Ordinal);
        var named = Documents
            .SelectMany(document =>
                Named()
                    .Matches(File.ReadAllText(document))
                    .Select(match =>
                        (
                            Document: Path.GetRelativePath(Root, document),
                            Class: match.Groups["class"].Value,
                            Method: match.Groups["method"].Value
                        )
                    )
            )
            .ToList();

        named.Should().NotBeEmpty();
        Rule.ForEach(
            named,
            name =>
                classes.Contains(name.Class) && (name.Method.Length == 0 || methods.Contains(name.Method))
                    ? null
                    : $"{name.Document}: {name.Class}.{name.Method}",
            "what a document says a test shows, a test must show"
        );
    }

    [Fact]
    public void Every_promise_and_every_layer_of_the_threat_model_names_the_test_that_shows_it()
    {
        var security = File.ReadAllText(Path.Combine(Root, "SECURITY.md"));
        var promises = Promise()
            .Matches(Section(security, "## What the relay promises"))
            .Select(match => $"promise {match.Groups["number"].Value}")
            .ToList();
        var layers = Rows(Section(security, "## The threat model"));
        var shown = Rows(Section(security, "## The tests"));

        promises.Should().HaveCountGreaterThan(5);
        layers.Should().HaveCountGreaterThan(5);
        shown.Keys.Should().BeEquivalentTo(promises.Concat(layers.Keys), "a claim that no test shows is a hope");
        Rule.ForEach(shown, row => Named().IsMatch(row.Value) ? null : row.Key, "each row names a test");
    }

    /// <summary>The rows of a table by their first cell, without its head.</summary>
    private static Dictionary<string, string> Rows(string section) =>
        section
            .Split('\n')
            .Where(line => line.StartsWith("| ", StringComparison.Ordinal))
            .Skip(1)
            .Select(line => line.Trim('|', ' ').Split(" | ", 2))
            .ToDictionary(cells => cells[0], cells => cells[1], StringComparer.Ordinal);

    private static string? FindFault(string document, string link)
    {
        var parts = link.Split('#', 2);
        var target = parts[0].Length == 0 ? document : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(document)!, parts[0]));
        var name = $"{Path.GetRelativePath(Root, document)} → {link}";
        if (!File.Exists(target) && !Directory.Exists(target))
        {
            return name;
        }

        return parts.Length == 1 || !target.EndsWith(".md", StringComparison.Ordinal) || Anchors(target).Contains(parts[1]) ? null : name;
    }

    /// <summary>As GitHub makes them: lower case, without punctuation, blanks as hyphens.</summary>
    private static HashSet<string> Anchors(string file) =>
        WithoutCode(File.ReadAllText(file))
            .Split('\n')
            .Where(line => line.StartsWith('#'))
            .Select(line => NotInAnchor().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), string.Empty).Replace(' ', '-'))
            .ToHashSet(StringComparer.Ordinal);

    private static string Section(string text, string heading)
    {
        var begin = text.IndexOf(heading + "\n", StringComparison.Ordinal);
        begin.Should().BeGreaterThanOrEqualTo(0, $"there is a section '{heading}'");
        var end = text.IndexOf("\n## ", begin + heading.Length, StringComparison.Ordinal);
        return end < 0 ? text[begin..] : text[begin..end];
    }

    private static string WithoutCode(string text) => Fence().Replace(text, string.Empty);

    [GeneratedRegex(@"(^|/)(artifacts|node_modules|\.tools|\.git|bin|obj)/", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Generated();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Link();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Fence();

    [GeneratedRegex(@"`(?<class>[A-Z]\w*Tests)(\.(?<method>\w+))?`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Named();

    [GeneratedRegex(@"public (async )?(void|Task|ValueTask) (?<name>\w+)\(", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Method();

    [GeneratedRegex(@"^(?<number>\d+)\. ", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Promise();

    [GeneratedRegex(@"[^\w\- ]", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NotInAnchor();
}
