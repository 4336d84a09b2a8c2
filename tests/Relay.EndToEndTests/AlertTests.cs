using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>The rules in deploy/prometheus, by Prometheus itself.</summary>
public sealed partial class AlertTests
{
    private static string Rules => Path.Combine(TestMachine.Root, "deploy", "prometheus");

    [Theory(Timeout = 180_000)]
    [InlineData("check", "config", "prometheus.yaml")]
    [InlineData("check", "rules", "alerts.yaml")]
    [InlineData("test", "rules", "alerts.test.yaml")]
    public async Task Prometheus_takes_the_files_and_each_rule_fires_when_it_should(string verb, string what, string file)
    {
        using var promtool = Start("promtool", Rules, [verb, what, file]);
        var output = promtool.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = await promtool.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await promtool.WaitForExitAsync(TestContext.Current.CancellationToken);

        promtool.ExitCode.Should().Be(0, $"{await output}{error}");
    }

    [Fact]
    public void Every_rule_has_a_test_in_which_it_fires()
    {
        string Read(string file) => File.ReadAllText(Path.Combine(Rules, file));
        var rules = Alert().Matches(Read("alerts.yaml")).Select(match => match.Groups["name"].Value).ToList();
        rules.Should().HaveCountGreaterThan(10);
        FiringTest()
            .Matches(Read("alerts.test.yaml"))
            .Select(match => match.Groups["name"].Value)
            .Distinct(StringComparer.Ordinal)
            .Should()
            .BeEquivalentTo(rules);
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_Prometheus_that_scrapes_a_relay_sees_its_outage()
    {
        using var directory = new TemporaryDirectory();
        await using var relay = await FakeRelay.StartAsync(script: null, ("METRICS_PORT", "0"));
        var port = FreePort();
        // The rules as they are, but for what would take minutes.
        File.WriteAllText(
            Path.Combine(directory.Path, "alerts.yaml"),
            Waits().Replace(File.ReadAllText(Path.Combine(Rules, "alerts.yaml")), "for: 500ms")
        );
        var config = File.ReadAllText(Path.Combine(Rules, "prometheus.yaml"))
            .Replace("127.0.0.1:9464", Scrape.UrlOf(relay.Program).Authority, StringComparison.Ordinal)
            .Replace("15s", "250ms", StringComparison.Ordinal);
        config.Should().Contain("250ms").And.Contain(Scrape.UrlOf(relay.Program).Authority);
        File.WriteAllText(Path.Combine(directory.Path, "prometheus.yaml"), config);
        using var prometheus = Start(
            "prometheus",
            directory.Path,
            ["--config.file=prometheus.yaml", "--storage.tsdb.path=data", $"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        );
        _ = prometheus.StandardOutput.ReadToEndAsync(CancellationToken.None);
        _ = prometheus.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            using var api = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}/") };
            await EventuallyAsync(async () => await QueryAsync(api, "relay_ready") == 1, "it is scraped");
            (await relay.AskAsync()).Status.Should().Be(200);
            await EventuallyAsync(
                async () => await QueryAsync(api, """sum(relay_admissions_total{relay_outcome="ok"})""") == 1,
                "it sees a request"
            );
            (await FiringAsync(api))
                .Should()
                .BeSubsetOf(["RelayPoolMisses"], "nothing is wrong yet; it keeps no spares, so that each completion starts a process");

            // Anthropic fails.
            relay.Script(new FakeScript { Behavior = FakeBehavior.ErrorResult, ErrorStatus = 500 });
            await EventuallyAsync(
                async () =>
                {
                    (await relay.AskAsync()).Status.Should().Be(502);
                    return (await FiringAsync(api)).IsSupersetOf(["RelayModelFailing", "RelayErrors"]);
                },
                "the model's failing is an alert"
            );

            // A process that is not locked down: the first violation there is.
            relay.Script(new FakeScript { InitTools = ["Bash"] });
            (await relay.AskAsync()).ErrorCode.Should().Be("lockdown_violation");
            await EventuallyAsync(async () => (await FiringAsync(api)).Contains("RelayLockdownViolation"), "the violation is an alert");

            // Claude Code is gone, and then the relay.
            File.Delete(Path.Combine(relay.Directory, "claude"));
            await EventuallyAsync(async () => (await FiringAsync(api)).Contains("RelayNotReady"), "that it is not ready is an alert");
            await relay.Program.StopAsync();
            await EventuallyAsync(async () => (await FiringAsync(api)).Contains("RelayDown"), "that it is down is an alert");
        }
        finally
        {
            prometheus.Kill();
            await prometheus.WaitForExitAsync(CancellationToken.None);
        }
    }

    private static Process Start(string program, string directory, string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(TestMachine.Prometheus, program), arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        return Process.Start(start)!;
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            (watch.Elapsed < TimeSpan.FromSeconds(20)).Should().BeTrue(what);
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    private static async Task<double?> QueryAsync(HttpClient api, string query)
    {
        if (await GetAsync(api, $"api/v1/query?query={Uri.EscapeDataString(query)}") is not { } answer)
        {
            return null;
        }

        var result = answer.GetProperty("data").GetProperty("result");
        return result.GetArrayLength() == 0
            ? null
            : double.Parse(result[0].GetProperty("value")[1].GetString()!, System.Globalization.CultureInfo.InvariantCulture);
    }

    private static async Task<HashSet<string>> FiringAsync(HttpClient api) =>
        [
            .. (await GetAsync(api, "api/v1/alerts"))!
                .Value.GetProperty("data")
                .GetProperty("alerts")
                .EnumerateArray()
                .Where(alert => alert.GetProperty("state").GetString() == "firing")
                .Select(alert => alert.GetProperty("labels").GetProperty("alertname").GetString()!),
        ];

    /// <summary>Null while it does not listen, or is still starting.</summary>
    private static async Task<JsonElement?> GetAsync(HttpClient api, string path)
    {
        try
        {
            using var response = await api.GetAsync(path, TestContext.Current.CancellationToken);
            return response.IsSuccessStatusCode
                ? JsonElement.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))
                : null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [GeneratedRegex("for: [0-9]+m", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Waits();

    [GeneratedRegex("- alert: (?<name>[A-Za-z]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Alert();

    [GeneratedRegex(@"alertname: (?<name>[A-Za-z]+)\n\s+exp_alerts:\n", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex FiringTest();
}
