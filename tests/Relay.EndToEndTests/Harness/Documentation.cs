using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Relay.Domain;

namespace Relay.EndToEndTests.Harness;

/// <summary>A metric as docs/telemetry.md has it.</summary>
/// <param name="Prometheus">The name that Prometheus sees; <c>*</c> for a histogram's three.</param>
/// <param name="Labels">Its labels, as Prometheus sees them.</param>
internal sealed record DocumentedMetric(string Prometheus, IReadOnlySet<string> Labels)
{
    /// <summary>Whether a series is of it.</summary>
    public bool Covers(string series) =>
        Prometheus.EndsWith('*')
            ? ((string[])["_bucket", "_sum", "_count"]).Any(end => series == Prometheus[..^1] + end)
            : series == Prometheus;
}

/// <summary>A query of the dashboard or of a rule.</summary>
/// <param name="File">The file that has it.</param>
/// <param name="Text">PromQL.</param>
internal sealed partial record Query(string File, string Text)
{
    private static readonly HashSet<string> Words = new(
        [
            "sum",
            "rate",
            "increase",
            "histogram_quantile",
            "max",
            "min",
            "by",
            "or",
            "and",
            "unless",
            "on",
            "vector",
            "clamp_min",
            "avg",
            "absent",
            "changes",
        ],
        StringComparer.Ordinal
    );

    /// <summary>Each metric is documented, and was there; each label is one of theirs, and can have the value.</summary>
    public void ShouldBeOf(Scrape scrape, IReadOnlyList<DocumentedMetric> documented)
    {
        var bare = Grouping().Replace(Matchers().Replace(Text, string.Empty), string.Empty);
        var names = Name()
            .Matches(Duration().Replace(bare, string.Empty))
            .Select(match => match.Value)
            .Where(name => !Words.Contains(name))
            .Distinct(StringComparer.Ordinal)
            .ToList();
        names.Should().NotBeEmpty(Text);
        var allowed = new HashSet<string>(["le", "job", "instance"], StringComparer.Ordinal);
        foreach (var name in names.Where(name => name != "up"))
        {
            if (name != "relay_engine_problem")
            {
                scrape.All.Should().Contain(series => series.Name == name, $"{File}: {Text}");
            }

            if (!name.StartsWith("dotnet_", StringComparison.Ordinal))
            {
                allowed.UnionWith(documented.Single(metric => metric.Covers(name)).Labels);
            }
            else
            {
                allowed.UnionWith(scrape.All.Where(series => series.Name == name).SelectMany(series => series.Labels.Keys));
            }
        }

        foreach (var label in Grouping().Matches(Text).SelectMany(match => Name().Matches(match.Groups["labels"].Value)))
        {
            allowed.Should().Contain(label.Value, Text);
        }

        foreach (var match in Matchers().Matches(Text).SelectMany(match => Matcher().Matches(match.Value)))
        {
            var label = match.Groups["label"].Value;
            allowed.Should().Contain(label, Text);
            if (
                Documentation.Labels.TryGetValue(label, out var isValue)
                && match.Groups["value"].Value is { Length: > 0 } given
                && !given.Contains('.', StringComparison.Ordinal)
            )
            {
                given.Split('|').Should().OnlyContain(value => isValue(value), Text);
            }
        }
    }

    [GeneratedRegex(@"\{[^}]*\}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Matchers();

    [GeneratedRegex("(?<label>[a-z_]+)(=~|!~|!=|=)\"(?<value>[^\"]*)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Matcher();

    [GeneratedRegex(@"\bby \((?<labels>[^)]*)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Grouping();

    [GeneratedRegex(@"\[[^\]]*\]|\boffset [0-9]+[a-z]", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Duration();

    [GeneratedRegex("[a-z_][a-z0-9_]*", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Name();
}

/// <summary>The promises of docs/telemetry.md, and the queries of the files in deploy/.</summary>
internal static partial class Documentation
{
    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(TestMachine.Root, "docs", "telemetry.md"));

    private static readonly HashSet<string> Routes = new(
        [
            "(none)",
            "health",
            "health/ready",
            "metrics",
            "v1/chat/completions",
            "v1/complete",
            "v1/fetch",
            "v1/messages",
            "v1/messages/count_tokens",
            "v1/models",
            "v1/models/{id}",
            "v1/responses",
            "v1/usage",
        ],
        StringComparer.Ordinal
    );

    /// <summary>Values that are no fixed words.</summary>
    private static readonly Dictionary<string, Func<string, bool>> Open = new(StringComparer.Ordinal)
    {
        ["http_route"] = value => Routes.Contains(value),
        ["http_response_status_code"] = value =>
            int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var status) && status is >= 200 and < 600,
        ["gen_ai_request_model"] = value => value is "opus" or "sonnet" or "haiku" or "_OTHER",
        ["relay_version"] = value => Version.TryParse(value, out _),
        ["claude_version"] = value => Version.TryParse(value, out _),
    };

    /// <summary>The first table.</summary>
    public static IReadOnlyList<DocumentedMetric> Metrics { get; } =
    [
        .. from line in Lines
        where line.StartsWith("| `", StringComparison.Ordinal)
        let cells = line.Split('|')
        where cells.Length == 6
        select new DocumentedMetric(Word(cells[2]).Single(), Word(cells[3]).Select(Underscored).ToHashSet(StringComparer.Ordinal)),
    ];

    /// <summary>The second: whether a label may have a value.</summary>
    public static IReadOnlyDictionary<string, Func<string, bool>> Labels { get; } = ReadLabels();

    /// <summary>Every query of the dashboard and the rules.</summary>
    public static async Task<IReadOnlyList<Query>> QueriesAsync()
    {
        var dashboard = JsonElement.Parse(
            await File.ReadAllTextAsync(
                Path.Combine(TestMachine.Root, "deploy", "grafana", "claude-relay.json"),
                TestContext.Current.CancellationToken
            )
        );
        var rules = await File.ReadAllLinesAsync(
            Path.Combine(TestMachine.Root, "deploy", "prometheus", "alerts.yaml"),
            TestContext.Current.CancellationToken
        );
        return
        [
            .. dashboard
                .GetProperty("panels")
                .EnumerateArray()
                .SelectMany(panel => panel.TryGetProperty("targets", out var targets) ? targets.EnumerateArray().ToList() : [])
                .Select(target => new Query(
                    "the dashboard",
                    target.GetProperty("expr").GetString()!.Replace("$__rate_interval", "5m", StringComparison.Ordinal)
                )),
            .. rules
                .Select(line => Expression().Match(line))
                .Where(match => match.Success)
                .Select(match => new Query("the rules", match.Groups["expr"].Value)),
        ];
    }

    private static Dictionary<string, Func<string, bool>> ReadLabels()
    {
        var labels = new Dictionary<string, Func<string, bool>>(StringComparer.Ordinal);
        foreach (
            var cells in Lines
                .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
                .Select(line => line.Split('|'))
                .Where(cells => cells.Length == 4)
        )
        {
            var values = Word(cells[2]).ToHashSet(StringComparer.Ordinal);
            foreach (var label in Word(cells[1]).Select(Underscored))
            {
                labels[label] =
                    Open.GetValueOrDefault(label)
                    ?? (
                        label is "relay_outcome" or "error_type"
                            ? value => values.Contains(value) || Enum.GetValues<ErrorCode>().Any(code => code.WireName() == value)
                            : values.Contains
                    );
            }
        }

        labels.Should().ContainKeys("relay_outcome", "relay_fetch_outcome", "gen_ai_request_model");
        return labels;
    }

    private static IEnumerable<string> Word(string cell) => Code().Matches(cell).Select(match => match.Groups["word"].Value);

    private static string Underscored(string name) => name.Replace('.', '_');

    [GeneratedRegex("`(?<word>[^`]+)`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Code();

    [GeneratedRegex(@"^\s+expr: (?<expr>.+)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Expression();
}
