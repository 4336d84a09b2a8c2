using System.Collections.Concurrent;
using Relay.Domain.Fetching;
using Relay.Tests.Corpus;

namespace Relay.EndToEndTests;

/// <summary>The corpus' scenarios over real networks: names, sockets, TLS, redirects and bodies that mean no good.</summary>
[Collection(nameof(TestInternet))]
public sealed class FetchScenarioTests(TestInternet internet)
{
    private const int AtOnce = 8;

    /// <summary>
    /// Below the 256 MiB of an unpacked bomb, above the 111 to 166 MB that the garbage collector let five pages of 5 MB take.
    /// </summary>
    internal const long MaxGrowth = 200_000_000;

    /// <summary>Memory of a relay at rest.</summary>
    private const long AtRest = 150_000_000;

    /// <summary>
    /// Rows that are more than one fetch. <c>The_connection_to_the_site_ends_with_the_caller</c> plays body-014, and
    /// <c>Refused_pages_are_charged</c> the others.
    /// </summary>
    private static readonly string[] PlayedElsewhere = ["body-014", "rate-001", "rate-003", "rate-005"];

    [OnlyWithAll]
    [Fact]
    public async Task Every_scenario_ends_as_the_corpus_says_and_nothing_private_is_ever_asked()
    {
        var groups = SsrfCorpus
            .Rows("scenario")
            .Where(row => !PlayedElsewhere.Contains(row.Id, StringComparer.Ordinal))
            .Select(row => new SsrfScenario(row))
            .GroupBy(scenario => string.Join(';', scenario.Settings), StringComparer.Ordinal);
        var wrong = new ConcurrentQueue<string>();
        foreach (var group in groups)
        {
            await using var relay = await internet.StartRelayAsync(settings: [("FETCH_TIMEOUT", "5s"), .. group.First().Settings]);
            await Parallel.ForEachAsync(
                group,
                new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = TestContext.Current.CancellationToken },
                async (scenario, _) =>
                {
                    if (await PlayAsync(scenario, relay) is { } problem)
                    {
                        wrong.Enqueue($"{scenario.Row.Id} {scenario.Row.Why}: {problem}");
                    }
                }
            );
            (TestMachine.MemoryOf(relay.Program.ProcessId, "VmHWM") - AtRest).Should().BeLessThan(MaxGrowth);
        }

        wrong.Should().BeEmpty();
        internet
            .Sites.Connections.Select(connection => connection.Address)
            .Distinct()
            .Where(address => !AddressTable.IsPublic(address))
            .Select(address => address.ToString())
            .Should()
            .Equal("192.168.1.10"); // The one target in FETCH_ALLOW.
        (internet.NearSites.Connections.Count + internet.Proxies.Connections.Count).Should().Be(0);
    }

    [Fact]
    public async Task A_name_is_looked_up_once_and_what_it_becomes_later_is_never_asked()
    {
        var scenario = new SsrfScenario(SsrfCorpus.Rows("scenario").Single(row => row.Id == "rebind-001"));
        var relay = await internet.SharedRelayAsync();

        (await PlayAsync(scenario, relay)).Should().BeNull();

        internet.Names.LookUpsOf(scenario.NameOf("site.example.net")).Should().Be(1);
        internet
            .Sites.Requests.Last(request => request.Host == scenario.NameOf("site.example.net"))
            .Request.Address.ToString()
            .Should()
            .Be("93.184.215.14");
    }

    [Fact]
    public async Task Nothing_is_carried_from_one_host_to_the_next()
    {
        var scenario = new SsrfScenario(SsrfCorpus.Rows("scenario").Single(row => row.Id == "redirect-064"));
        var relay = await internet.SharedRelayAsync();

        (await PlayAsync(scenario, relay)).Should().BeNull();

        var second = internet.Sites.Requests.Last(request => request.Host == scenario.NameOf("www.example.org")).Request;
        string?[] carried =
        [
            second.Header("Cookie"),
            second.Header("Authorization"),
            second.Header("Referer"),
            second.Header("traceparent"),
        ];
        carried.Should().OnlyContain(header => header == null);
        second.Header("User-Agent").Should().StartWith("Mozilla/5.0 ").And.Contain("claude-relay");
        second.Header("Accept-Encoding").Should().Be("gzip, deflate, br");
    }

    [Fact]
    public async Task Another_service_that_a_site_names_is_not_looked_up()
    {
        var scenario = new SsrfScenario(SsrfCorpus.Rows("scenario").Single(row => row.Id == "http3-001"));
        var relay = await internet.SharedRelayAsync();

        (await PlayAsync(scenario, relay)).Should().BeNull();

        internet.Names.LookUpsOf(scenario.NameOf("internal.example.net")).Should().Be(0);
    }

    [OnlyWithAll]
    [Fact]
    public async Task Refused_pages_are_charged_and_redirects_are_one_page()
    {
        await using var relay = await internet.StartRelayAsync(settings: [("FETCH_RPM", "10")]);
        var redirects = new SsrfScenario(SsrfCorpus.Rows("scenario").Single(row => row.Id == "rate-005"));

        (await PlayAsync(redirects, relay)).Should().BeNull();
        var refused = await relay.FetchAsync(new { url = "http://127.0.0.1/" });
        refused.ErrorCode.Should().Be("url_rejected");
        refused.Headers.GetValues("RateLimit").Single().Should().Contain("\"fetch-minute\";r=8");
        for (var more = 0; more < 8; more++)
        {
            (await relay.FetchAsync(new { url = "http://127.0.0.1/" })).ErrorCode.Should().Be("url_rejected");
        }

        var last = await relay.FetchAsync(new { url = redirects.Url });
        (last.Status, last.ErrorCode).Should().Be((429, "rate_limited"));
        last.Headers.RetryAfter!.Delta!.Value.TotalSeconds.Should().BeInRange(1, 61);
        (await relay.Program.CompleteAsync(relay.Key, new { prompt = "hi" }))
            .Status.Should()
            .Be(200, "completions have limits of their own");
        var usage = (await relay.Program.GetAsync("/v1/usage", relay.Key)).Json;
        usage.GetProperty("fetches")[0].GetProperty("requests").GetInt64().Should().Be(10);
        usage.GetProperty("total").GetProperty("fetches").GetInt64().Should().Be(10);
        usage.GetProperty("total").GetProperty("requests").GetInt64().Should().Be(1);
    }

    [Fact]
    public async Task The_connection_to_the_site_ends_with_the_caller()
    {
        var gone = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        internet.Names.Set("endless.example.net", ["93.184.215.14"]);
        internet.Sites.Sites["endless.example.net"] = new Site(
            async (_, stream, cancellationToken) =>
            {
                asked.TrySetResult();
                await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"u8.ToArray(), cancellationToken);
                try
                {
                    while (true)
                    {
                        await stream.WriteAsync("a"u8.ToArray(), cancellationToken);
                        await Task.Delay(20, cancellationToken);
                    }
                }
                catch (IOException)
                {
                    gone.TrySetResult();
                }
            }
        );
        var relay = await internet.SharedRelayAsync();
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

        var fetch = relay.FetchAsync(new { url = "https://endless.example.net/" }, leaving.Token);
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        await leaving.CancelAsync();

        await gone.Task.WaitAsync(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        await ((Func<Task>)(() => fetch)).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task A_certificate_without_its_issuer_is_refused_and_the_issuer_is_not_fetched()
    {
        internet.Names.Set("issuer.example.net", ["93.184.215.14"]);
        internet.Sites.Sites["issuer.example.net"] = Site.Page("a") with { Certificate = SiteCertificate.WithMissingIssuer };
        var relay = await internet.SharedRelayAsync();

        (await relay.FetchAsync(new { url = "https://issuer.example.net/" })).ErrorCode.Should().Be("fetch_failed");

        internet.NearSites.Connections.Should().BeEmpty();
    }

    /// <summary>Null when it ended as it should.</summary>
    private async Task<string?> PlayAsync(SsrfScenario scenario, InternetRelay relay)
    {
        scenario.Install(internet);
        for (var request = 0; request < scenario.Requests; request++)
        {
            var answer = await relay.FetchAsync(scenario.Body);
            if (!IsExpected(scenario.Row, answer))
            {
                return $"{answer}\n{string.Join('\n', relay.Program.Log
                    .Where(line => line.Contains(scenario.Row.Id, StringComparison.Ordinal)))}";
            }
        }

        return null;
    }

    private static bool IsExpected(SsrfRow row, RelayAnswer answer) =>
        row.Code switch
        {
            "ok" => answer.Status == 200 && answer.Json.GetProperty("ok").GetBoolean(),
            "upstream_timeout" => (answer.Status, answer.ErrorCode) == (504, "timeout"),
            "body_too_large" => (answer.Status, answer.ErrorCode) == (413, "too_large"),
            "unsupported_content_type" => (answer.Status, answer.ErrorCode) == (415, "unsupported_content_type"),
            // By its text where that says it; everything else looks the same.
            _ => (answer.Status, answer.ErrorCode) is (400, "url_rejected") or (502, "fetch_failed"),
        };
}
