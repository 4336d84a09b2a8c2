using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Relay.Api.Hosting;
using Relay.Application.Configuration;
using Relay.OpenApiTests;
using Relay.UnitTests.Architecture;

namespace Relay.UnitTests.Documents;

/// <summary>Texts that a caller or an operator reads are plain English, and lines of code are short.</summary>
public sealed partial class PlainEnglishTests
{
    private const int LongestLine = 140;

    [Theory]
    [InlineData("What is there already stays.")]
    [InlineData("The limit is gone. Where there is room, more fits.")]
    [InlineData("Give it a name of its own.")]
    [InlineData("The list is none.")]
    [InlineData("Ask whoever runs the relay.")]
    public void A_text_against_the_rules_is_found(string text) => FindFaults(text).Should().ContainSingle();

    [Theory]
    [InlineData("What is a relay?")]
    [InlineData("Give it its own name. The list is empty.")]
    [InlineData("Say which model answers, and what it costs.")]
    public void A_text_that_keeps_the_rules_is_not_found(string text) => FindFaults(text).Should().BeEmpty();

    [Fact]
    public void Messages_of_the_program_are_plain_English() =>
        Rule.ForEach(
            from file in Sources("src")
            from line in File.ReadLines(file)
            where !line.TrimStart().StartsWith("//", StringComparison.Ordinal)
            from text in Literal().Matches(line).Select(match => match.Groups["text"].Value)
            where char.IsAsciiLetterUpper(text[0]) && text.Contains(' ', StringComparison.Ordinal)
            select (file, text),
            found => FindFault(found.file, found.text),
            "callers and operators read them"
        );

    [Fact]
    public void Help_of_settings_is_plain_English()
    {
        using var home = new TemporaryHome();
        var app = RelayHost.Build(["--relay-home", home.Home.Path, "--log-level", "error"]);

        Rule.ForEach(app.Services.GetServices<SettingDescription>(), setting => FindFault(setting.Name, setting.Help), "operators read it");
    }

    [Fact]
    public void Descriptions_of_the_API_are_plain_English() =>
        Rule.ForEach(
            Description().Matches(GeneratedDescription.Json).Select(match => match.Groups["text"].Value),
            text => FindFault("/openapi/v1.json", text),
            "callers read them"
        );

    [Fact]
    public void Documents_are_plain_English() =>
        Rule.ForEach(
            from file in Directory.EnumerateFiles(Checkout.Root, "*.md", SearchOption.AllDirectories)
            where !Generated().IsMatch(Path.GetRelativePath(Checkout.Root, file))
            from paragraph in Paragraph().Split(Fence().Replace(File.ReadAllText(file), string.Empty))
            where !paragraph.StartsWith('#')
            select (file, text: string.Join(' ', paragraph.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))),
            found => FindFault(found.file, found.text),
            "users and contributors read them"
        );

    [Theory]
    [InlineData("    /// <summary>What it costs.</summary>")]
    [InlineData("/// <summary>\n/// Where a request begins.\n/// </summary>")]
    [InlineData("/// <param name=\"keyId\">Whose.</param>")]
    [InlineData("return 0; // That is the end.")]
    [InlineData("    // Who waits is next.\n    // A second line.")]
    public void A_comment_against_the_rules_is_found(string code) => CommentsOf(code).Where(IsRelative).Should().ContainSingle();

    [Theory]
    [InlineData("    /// <summary>\n    /// The cost of a request, and the key\n    /// that pays.\n    /// </summary>")]
    [InlineData("    // Two lines of one sentence, of\n    // which the second begins here.")]
    [InlineData("var url = \"https://example.com/What it is\";")]
    public void A_comment_that_keeps_the_rules_is_not_found(string code) => CommentsOf(code).Where(IsRelative).Should().BeEmpty();

    [Fact]
    public void Comments_begin_with_a_noun_or_a_verb() =>
        Rule.ForEach(
            from file in Code()
            where Path.GetFileName(file) != $"{nameof(PlainEnglishTests)}.cs" // Its examples are against the rule.
            from comment in CommentsOf(File.ReadAllText(file))
            select (file, comment),
            found => IsRelative(found.comment) ? $"{Name(found.file)}: {found.comment}" : null,
            "a relative clause without a noun has two readings"
        );

    [Fact]
    public void Comments_are_without_phrases_that_have_two_readings() =>
        Rule.ForEach(
            from file in Code()
            from line in File.ReadLines(file).Select(line => line.TrimStart())
            where line.StartsWith("//", StringComparison.Ordinal)
            select (file, line),
            found => CommentPhrase().IsMatch(found.line) ? $"{Name(found.file)}: {found.line}" : null,
            "they say 'its own', or name the one who is meant"
        );

    [Fact]
    public void Names_of_tests_begin_with_a_noun_or_a_verb() =>
        Rule.ForEach(
            from file in Code()
            from name in TestName().Matches(File.ReadAllText(file)).Select(match => match.Groups["text"].Value)
            select (file, name),
            found => IsRelative(found.name.Replace('_', ' ')) ? $"{Name(found.file)}: {found.name}" : null,
            "the name of a test is a sentence"
        );

    [Fact]
    public void Lines_of_code_are_short() =>
        Rule.ForEach(
            Code().SelectMany(CodeOf),
            line => line.Text.Length > LongestLine ? $"{line.File}:{line.Number}" : null,
            $"a line has at most {LongestLine} characters"
        );

    /// <summary>The lines of a file, without the lines inside raw strings, which are data.</summary>
    private static IEnumerable<(string File, int Number, string Text)> CodeOf(string file)
    {
        var isData = false;
        foreach (var (index, line) in File.ReadLines(file).Index())
        {
            var begins = !isData && line.TrimEnd().EndsWith("\"\"\"", StringComparison.Ordinal);
            if (!isData && !line.Contains("\"\"\"", StringComparison.Ordinal))
            {
                yield return (Name(file), index + 1, line);
            }

            isData = begins || (isData && !line.TrimStart().StartsWith("\"\"\"", StringComparison.Ordinal));
        }
    }

    /// <summary>The first line of each comment, and of each element of a documentation comment.</summary>
    private static IEnumerable<string> CommentsOf(string code) => Comment().Matches(code).Select(match => match.Groups["text"].Value);

    private static bool IsRelative(string comment) => Relative().IsMatch(comment);

    private static string? FindFault(string file, string text) =>
        FindFaults(text).FirstOrDefault() is { } fault
            ? $"{(Path.IsPathRooted(file) && File.Exists(file) ? Name(file) : file)}: {fault}"
            : null;

    private static IEnumerable<string> FindFaults(string text) =>
        Sentence()
            .Split(text)
            .Select(sentence => sentence.TrimStart(' ', '-', '*', '|', '"', '\''))
            .Where(sentence => !sentence.EndsWith('?') && (Opening().IsMatch(sentence) || Phrase().IsMatch(sentence)));

    private static IEnumerable<string> Code() => ((string[])["src", "tests", "clients", "bench"]).SelectMany(Sources);

    private static IEnumerable<string> Sources(string folder) =>
        Directory
            .EnumerateFiles(Path.Combine(Checkout.Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(file => !Generated().IsMatch(Path.GetRelativePath(Checkout.Root, file)));

    private static string Name(string file) => Path.GetRelativePath(Checkout.Root, file);

    [GeneratedRegex(@"^(What|Who|Where|That|Whoever|Whatever)\b", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Opening();

    [GeneratedRegex(
        @"^(What|Who|Whose|Where|That|Which|When|How|Whoever|Whatever)\b",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Relative();

    [GeneratedRegex(
        @"(<(summary|remarks|returns|content|param\s[^>]*|exception\s[^>]*)>\s*(///\s*)?"
            + @"|(?<![/:])// (?<!^[ ]*//.*\n[ ]*// ))(?<text>[^\n]+)",
        RegexOptions.ExplicitCapture | RegexOptions.Multiline,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Comment();

    [GeneratedRegex(@"\b(void|Task) (?<text>\w+_\w+)\(", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TestName();

    [GeneratedRegex(
        @"\b(of (its|their) own|(is|are) none|whoever|in vain)\b",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Phrase();

    // Without "is none", which is plain after "there": "null when there is none".
    [GeneratedRegex(
        @"\b(of (its|their) own|whoever|in vain)\b",
        RegexOptions.ExplicitCapture | RegexOptions.IgnoreCase,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex CommentPhrase();

    [GeneratedRegex(@"(?<=[.!?])\s+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Sentence();

    [GeneratedRegex(@"\$?""(?<text>(?:[^""\\]|\\.)+)""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Literal();

    [GeneratedRegex(@"""description"":""(?<text>(?:[^""\\]|\\.)*)""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Description();

    [GeneratedRegex(@"\n\s*\n|\n(?=[-|\d#])", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Paragraph();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Fence();

    [GeneratedRegex(@"(^|/)(artifacts|node_modules|\.tools|\.git|bin|obj)/", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Generated();
}
