using System.Globalization;
using System.Text.RegularExpressions;

namespace Relay.EndToEndTests.Harness;

/// <summary>One line of Prometheus' text format.</summary>
/// <param name="Name">The metric.</param>
/// <param name="Labels">Its labels, but for the exporter's own.</param>
/// <param name="Scope">The meter that counts: the relay's, or the runtime's.</param>
/// <param name="Value">The value.</param>
internal sealed record Series(string Name, IReadOnlyDictionary<string, string> Labels, string? Scope, double Value);

/// <summary>The answer of <c>/metrics</c>.</summary>
internal sealed partial class Scrape
{
    /// <summary>
    /// Speaks to the port that is for Prometheus. That is no part of the API, and the description does not have its answers.
    /// </summary>
    public static HttpClient Prometheus { get; } = new();

    private Scrape(string text) => All = [.. text.Split('\n').Where(line => line.Length > 0 && line[0] != '#').Select(Read)];

    /// <summary>Every line.</summary>
    public IReadOnlyList<Series> All { get; }

    /// <summary>The relay's own.</summary>
    public IEnumerable<Series> Own => All.Where(series => series.Scope == "ClaudeRelay");

    /// <summary>Asks the relay's own port, with the key of an admin.</summary>
    public static async Task<Scrape> OfAsync(RelayProgram relay, string adminKey)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Authorization = new("Bearer", adminKey);
        return await ReadAsync(await relay.Http.SendAsync(request, TestContext.Current.CancellationToken));
    }

    /// <summary>Asks the port that is for Prometheus.</summary>
    public static async Task<Scrape> OfAsync(RelayProgram relay) =>
        await ReadAsync(await Prometheus.GetAsync(UrlOf(relay), TestContext.Current.CancellationToken));

    /// <summary>The address of the metrics.</summary>
    public static Uri UrlOf(RelayProgram relay) =>
        new(relay.Log.Select(line => MetricsUrl().Match(line)).First(match => match.Success).Value);

    /// <summary>The sum of all series of a metric that have these labels.</summary>
    public double Sum(string name, params (string Name, string Value)[] labels) =>
        All.Where(series => series.Name == name && labels.All(label => series.Labels.GetValueOrDefault(label.Name) == label.Value))
            .Sum(series => series.Value);

    private static async Task<Scrape> ReadAsync(HttpResponseMessage response)
    {
        using (response)
        {
            response.EnsureSuccessStatusCode();
            return new Scrape(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
    }

    private static Series Read(string line)
    {
        var match = Line().Match(line);
        Assert.True(match.Success, line);
        var labels = Label()
            .Matches(match.Groups["labels"].Value)
            .ToDictionary(label => label.Groups["name"].Value, label => label.Groups["value"].Value, StringComparer.Ordinal);
        labels.Remove("otel_scope_name", out var scope);
        return new Series(
            match.Groups["name"].Value,
            labels,
            scope,
            double.Parse(match.Groups["value"].Value.Replace("+Inf", "Infinity", StringComparison.Ordinal), CultureInfo.InvariantCulture)
        );
    }

    [GeneratedRegex(
        """^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?<labels>.*)\})? (?<value>[^ ]+)$""",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Line();

    [GeneratedRegex(
        """(?<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?<value>([^"\\]|\\.)*)",?""",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Label();

    [GeneratedRegex("http://127.0.0.1:[0-9]+/metrics", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex MetricsUrl();
}
