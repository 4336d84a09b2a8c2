using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Relay.Tests.Corpus;

namespace Relay.EndToEndTests;

/// <summary>Pages, and their failures, as a caller gets them.</summary>
[Collection(nameof(TestInternet))]
public sealed class FetchedPageTests(TestInternet internet)
{
    /// <summary>One page never ends, and the other takes long to read.</summary>
    [OnlyWithAll]
    [Fact]
    public async Task A_relay_that_is_stopped_while_it_fetches_and_renders_exits_in_its_time_and_has_counted_the_pages()
    {
        var asked = new SemaphoreSlim(0);
        var slow = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("<blockquote><ul><li><a href=x>y</a>", 540_000)));
        internet.Names.Set("never.example.net", ["93.184.215.14"]);
        internet.Names.Set("slow.example.net", ["93.184.215.14"]);
        internet.Sites.Sites["never.example.net"] = new Site(
            async (_, stream, cancellationToken) =>
            {
                asked.Release();
                await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"u8.ToArray(), cancellationToken);
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            }
        );
        internet.Sites.Sites["slow.example.net"] = new Site(
            async (_, stream, cancellationToken) =>
            {
                await stream.WriteAsync(
                    Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {slow.Length}\r\n\r\n"),
                    cancellationToken
                );
                await stream.WriteAsync(slow, cancellationToken);
                asked.Release();
            }
        );
        await using var relay = await internet.StartRelayAsync(
            settings: [("DRAIN_TIMEOUT", "1s"), ("FETCH_TIMEOUT", "60s"), ("FETCH_MAX_PAGE_BYTES", "20MB")]
        );
        var fetches = new[]
        {
            relay.FetchAsync(new { url = "http://never.example.net/" }),
            relay.FetchAsync(new { url = "http://slow.example.net/", format = "markdown" }),
        };
        await asked.WaitAsync(TestContext.Current.CancellationToken);
        await asked.WaitAsync(TestContext.Current.CancellationToken);
        var started = Stopwatch.GetTimestamp();

        var code = await relay.Program.StopAsync();

        code.Should().Be(0, string.Join('\n', relay.Program.Log));
        Stopwatch
            .GetElapsedTime(started)
            .Should()
            .BeLessThan(TimeSpan.FromSeconds(8), "a second for what runs, and some for the end of a busy machine's processes");
        await ((Func<Task>)(() => fetches[0])).Should().ThrowAsync<HttpRequestException>();
        (await relay.Program.RelayctlAsync("usage", "--json")).Output.Should().MatchRegex("\"pages\": 2\\b");
    }

    [Theory]
    [InlineData("html", Traits = ["Extent", "all"])]
    [InlineData("text", Traits = ["Extent", "all"])]
    [InlineData("markdown")]
    public async Task A_page_comes_in_the_form_that_was_asked_for_and_nothing_else_is_asked(string format)
    {
        var host = $"article-{format}.example.net";
        internet.Names.Set(host, ["93.184.215.14"]);
        var text = string.Concat(
            Enumerable.Repeat(
                "<p>The museum of boats opened on Monday, and by noon, to everybody's surprise, hundreds had come to see it.</p>",
                12
            )
        );
        internet.Sites.Sites[host] = Site.Page(
            $$"""<html lang=en><head><title>Boats</title><link rel=stylesheet href=/s.css><script src=/s.js></script><script type="application/ld+json">{"a":1}</script></head><body><nav><a href=/n>News</a></nav><article><h1>Boats</h1>{{text}}<img src=/i.png></article></body></html>"""
        );
        var relay = await internet.SharedRelayAsync();

        var answer = await relay.FetchAsync(new { url = $"https://{host}/a?secret=1", format });

        answer.Status.Should().Be(200, answer.Body);
        answer
            .Json.EnumerateObject()
            .Select(member => member.Name)
            .Should()
            .Equal(
                "ok",
                "status",
                "final_url",
                "truncated",
                format,
                "content_type",
                "charset",
                "title",
                "description",
                "language",
                "canonical",
                "json_ld",
                "open_graph",
                "needs_javascript",
                "redirects",
                "total_chars",
                "next_offset",
                "bytes",
                "duration_ms"
            );
        answer.Json.GetProperty(format).GetString().Should().Contain("museum of boats").And.NotContain("s.js");
        answer.Json.GetProperty("json_ld")[0].GetProperty("a").GetInt32().Should().Be(1);
        internet.Sites.Requests.Count(request => request.Host == host).Should().Be(1);
        var id = answer.Headers.GetValues("X-Request-Id").Single();
        bool IsOfThisFetch(JsonElement entry) =>
            entry.GetProperty("action").GetString() == "fetch" && entry.GetProperty("request_id").GetString() == id;
        await relay.Program.EventuallyAsync(() => Task.FromResult(relay.Program.Audit.Any(IsOfThisFetch)), "nothing was audited");
        var line = relay.Program.Audit.Single(IsOfThisFetch);
        line.GetProperty("host").GetString().Should().Be(host);
        string.Join('\n', [.. relay.Program.Log, line.GetRawText()]).Should().NotContain("secret=1");
    }

    /// <summary>A private address, an unknown name, a closed port and a wrong certificate must not be told apart.</summary>
    [OnlyWithAll]
    [Fact]
    public async Task Every_failure_behind_the_URL_has_one_answer_at_one_time()
    {
        internet.Names.Set("private.example.net", ["10.1.2.3"]);
        internet.Names.Set("metadata.example.net", ["169.254.169.254"]);
        internet.Names.Set("own.example.net", [TestInternet.OwnPublicAddress]);
        internet.Names.Set("neighbour.example.net", ["93.184.220.77"]);
        internet.Names.Set("refused.example.net", ["93.184.215.14"]);
        internet.Names.Set("selfsigned.example.net", ["93.184.215.14"]);
        internet.Names.Set("ssh.example.net", ["93.184.215.14"]);
        internet.Names.Set("inside.example.net", ["93.184.215.14"]);
        internet.Sites.Sites["selfsigned.example.net"] = Site.Page("a") with { Certificate = SiteCertificate.SelfSigned };
        internet.Sites.Sites["ssh.example.net"] = Site.Sending("SSH-2.0-OpenSSH_9.6\r\n"u8.ToArray());
        internet.Sites.Sites["inside.example.net"] = Site.Sending(302, "Location: http://192.168.0.1/\r\n", []);
        await using var relay = await internet.StartRelayAsync(settings: [("FETCH_PORTS", "80,81,443")]);
        // The first fetch of a relay also looks around in its own network.
        await relay.FetchAsync(new { url = "https://unknown.example.net/" });
        var seen = new List<(string Name, string Body, double Seconds)>();
        foreach (var name in (string[])["private", "metadata", "own", "neighbour", "unknown", "refused", "selfsigned", "ssh", "inside"])
        {
            var watch = Stopwatch.StartNew();
            var answer = await relay.FetchAsync(new { url = $"https://{name}.example.net{(name == "refused" ? ":81" : string.Empty)}/" });
            seen.Add(
                (
                    name,
                    $"{answer.Status} {answer.Body.Replace(answer.Json.GetProperty("request_id")
                .GetString()!, "id", StringComparison.Ordinal)}",
                    watch.Elapsed.TotalSeconds
                )
            );
        }

        seen.Select(one => one.Body)
            .Distinct(StringComparer.Ordinal)
            .Should()
            .ContainSingle()
            .Which.Should()
            .StartWith("502")
            .And.Contain("fetch_failed");
        seen.Should()
            .OnlyContain(
                one => one.Seconds > 0.9 && one.Seconds < 1.3,
                string.Join(", ", seen.Select(one => $"{one.Name} {one.Seconds:0.000}"))
            );
        await relay.Program.EventuallyAsync(
            () => Task.FromResult(relay.Program.Audit.Count(entry => entry.GetProperty("action").GetString() == "fetch") == 10),
            "not all were audited"
        );
        var reasons = relay
            .Program.Audit.Where(entry => entry.GetProperty("action").GetString() == "fetch")
            .Skip(1)
            .Select(entry => entry.GetProperty("detail").GetString());
        reasons
            .Should()
            .Equal(
                "target_forbidden",
                "target_forbidden",
                "target_forbidden",
                "target_forbidden",
                "dns_failure",
                "upstream_connect",
                "tls_error",
                "upstream_protocol",
                "target_forbidden"
            );
    }

    /// <summary>Read to the cap and no further, whatever they say of their size, and answered as the beginning that they are.</summary>
    [Theory]
    [InlineData("bomb:gzip:256MiB", "gzip")]
    [InlineData("bomb:br:256MiB", "br", Traits = ["Extent", "all"])]
    [InlineData("bomb:deflate:256MiB", "deflate", Traits = ["Extent", "all"])]
    public async Task A_bomb_costs_no_more_than_the_cap(string body, string encoding)
    {
        var host = $"bomb-{encoding}.example.net";
        internet.Names.Set(host, ["93.184.215.14"]);
        internet.Sites.Sites[host] = Site.Sending(
            200,
            $"Content-Type: text/html\r\nContent-Encoding: {encoding}\r\n",
            SsrfScenario.Expand(body)
        );
        await using var relay = await internet.StartRelayAsync();
        var before = TestMachine.MemoryOf(relay.Program.ProcessId, "VmHWM");

        for (var time = 0; time < 5; time++)
        {
            var answer = await relay.FetchAsync(new { url = $"https://{host}/", max_bytes = 1000 });
            answer.Status.Should().Be(200, answer.Body);
            (answer.Json.GetProperty("truncated").GetBoolean(), answer.Json.GetProperty("bytes").GetInt64()).Should().Be((true, 5_000_000));
            answer.Json.GetProperty("total_chars").ValueKind.Should().Be(JsonValueKind.Null);
        }

        (TestMachine.MemoryOf(relay.Program.ProcessId, "VmHWM") - before).Should().BeLessThan(FetchScenarioTests.MaxGrowth);
    }

    [Fact]
    public async Task A_PDF_is_read_by_a_process_of_the_relay_and_a_hostile_one_takes_nothing_with_it()
    {
        internet.Names.Set("pdf.example.net", ["93.184.215.14"]);
        internet.Sites.Sites["pdf.example.net"] = new Site(
            async (request, stream, cancellationToken) =>
                await stream.WriteAsync(
                    Site.Response(
                        200,
                        "Content-Type: application/octet-stream\r\n",
                        request.Target == "/good" ? PdfFile.Of("A report", "Page one.", "Page two.") : PdfFile.FormThatDrawsItself()
                    ),
                    cancellationToken
                )
        );
        var relay = await internet.SharedRelayAsync();

        var hostile = await relay.FetchAsync(new { url = "https://pdf.example.net/hostile", format = "text" });
        var good = await relay.FetchAsync(new { url = "https://pdf.example.net/good", format = "markdown" });

        hostile.Status.Should().BeOneOf(200, 415);
        good.Status.Should().Be(200, good.Body);
        (
            good.Json.GetProperty("markdown").GetString(),
            good.Json.GetProperty("title").GetString(),
            good.Json.GetProperty("pages").GetInt32(),
            good.Json.GetProperty("truncated").GetBoolean()
        )
            .Should()
            .Be(("## Page 1\n\nPage one.\n\n## Page 2\n\nPage two.", "A report", 2, false));
    }

    [Fact]
    public async Task Errors_name_the_wrong_field()
    {
        var relay = await internet.SharedRelayAsync();
        (string Body, string Field)[] wrong =
        [
            ("{\"url\":1}", "url"),
            ("{}", "url"),
            ("{\"url\":\"https://a.example.net/\",\"max_bytes\":0}", "max_bytes"),
            ("{\"url\":\"https://a.example.net/\",\"max_bytes\":2000001}", "max_bytes"),
            ("{\"url\":\"https://a.example.net/\",\"format\":\"pdf\"}", "format"),
            ("{\"url\":\"https://a.example.net/\",\"offset\":-1}", "offset"),
            ("{\"url\":\"https://a.example.net/\",\"accept_language\":\"de\\r\\nX: y\"}", "accept_language"),
            ("{\"url\":\"https://a.example.net/\",\"headers\":{\"Host\":\"127.0.0.1\"}}", "headers"),
        ];

        foreach (var (body, field) in wrong)
        {
            ErrorAnswer.Check(await relay.FetchAsync(body), 400, "invalid_request", field);
        }
    }

    [OnlyWithAll]
    [Fact]
    public async Task A_site_that_is_busy_is_asked_once_more_when_it_said_and_one_that_is_gone_is_left_alone_for_a_while()
    {
        var asked = new List<TimeSpan>();
        var watch = Stopwatch.StartNew();
        internet.Names.Set("busy.example.net", ["93.184.215.14"]);
        internet.Names.Set("down.example.net", ["93.184.215.14"]);
        internet.Sites.Sites["busy.example.net"] = new Site(
            async (_, stream, cancellationToken) =>
            {
                asked.Add(watch.Elapsed);
                await stream.WriteAsync(
                    Site.Response(asked.Count == 2 ? 200 : 503, "Content-Type: text/html\r\nRetry-After: 1\r\n", "<p>hi</p>"u8.ToArray()),
                    cancellationToken
                );
            }
        );
        await using var relay = await internet.StartRelayAsync(settings: [("FETCH_PORTS", "81,443")]);

        var busy = await relay.FetchAsync(new { url = "https://busy.example.net/" });
        var stillBusy = await relay.FetchAsync(new { url = "https://busy.example.net/" });
        for (var time = 0; time < 5; time++)
        {
            (await relay.FetchAsync(new { url = "http://down.example.net:81/" })).ErrorCode.Should().Be("fetch_failed");
        }

        (busy.Json.GetProperty("status").GetInt32(), stillBusy.Json.GetProperty("status").GetInt32(), asked.Count)
            .Should()
            .Be((200, 503, 4));
        (asked[1] - asked[0]).Should().BeGreaterThan(TimeSpan.FromSeconds(0.9));
        await relay.Program.EventuallyAsync(
            () =>
                Task.FromResult(
                    relay.Program.Audit.Any(entry => entry.TryGetProperty("detail", out var detail) && detail.GetString() == "host_broken")
                ),
            "the host was never left alone"
        );
    }
}
