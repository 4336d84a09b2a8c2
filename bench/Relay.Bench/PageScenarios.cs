using System.Buffers;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using AngleSharp;
using AngleSharp.Html.Parser;
using Relay.Infrastructure.Html;

namespace Relay.Bench;

/// <summary>The cost of fetching a page, and of stripping it.</summary>
internal static class PageScenarios
{
    private const int Rounds = 15;

    /// <summary>Stripping pages that look like real ones, beside a parser that makes a tree of them; and pages that mean no good.</summary>
    public static Task StripAsync(string claude, CancellationToken cancellationToken)
    {
        _ = claude;
        Scenarios.Title("Strip: megabytes a second of one core, and AngleSharp's parse and serialize of the same pages");
        foreach (
            var (name, html) in (IEnumerable<(string, byte[])>)
                [
                    ("article, 40 % script and style", MakeArticle(800)),
                    ("shop, mostly markup", MakeShop(2500)),
                    ("app, mostly script", MakeApp(1200)),
                ]
        )
        {
            var output = new ArrayBufferWriter<byte>(html.Length);
            var text = Encoding.UTF8.GetString(html);
            var (own, tree) = (new Distribution(), new Distribution());
            for (var round = 0; round < Rounds; round++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                own.Add(
                    Measure(() =>
                    {
                        for (var time = 0; time < 20; time++)
                        {
                            output.ResetWrittenCount();
                            HtmlStripper.Strip(html, output, CancellationToken.None);
                        }
                    }) / 20
                );
                tree.Add(Measure(() => _ = new HtmlParser().ParseDocument(text).ToHtml()));
            }

            Console.WriteLine(
                $"  {name, -32} {html.Length / 1000, 6} KB -> {output.WrittenCount / 1000, 5} KB   "
                    + $"{html.Length / 1000 / own.At(0.5), 7:0} MB/s   "
                    + $"AngleSharp {html.Length / 1000 / tree.At(0.5), 5:0} MB/s   ratio {tree.At(0.5) / own.At(0.5), 6:0.0}"
            );
        }

        foreach (
            var (unit, times) in (IEnumerable<(string, int)>)
                [
                    ("<div>", 500_000),
                    ("<a x=\"'>\" ", 250_000),
                    ("<!-- ", 500_000),
                    ("<", 2_500_000),
                    ("&", 2_500_000),
                    ("<svg>", 500_000),
                    ("<script><!--<script>", 125_000),
                    ("</script ", 277_000),
                    ("<p", 1_250_000),
                    ("<b>", 833_000),
                    ("<template>", 250_000),
                    ("<x a=b c='d' e>", 166_000),
                    ("-", 2_500_000),
                    ("<!---", 500_000),
                ]
        )
        {
            var html = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(unit, times)));
            var output = new ArrayBufferWriter<byte>(html.Length);
            var hostile = new Distribution();
            for (var round = 0; round < Rounds; round++)
            {
                output.ResetWrittenCount();
                hostile.Add(Measure(() => HtmlStripper.Strip(html, output, CancellationToken.None)));
            }

            Console.WriteLine($"  2.5 MB of {unit, -22} p50 {hostile.At(0.5), 6:0.0} ms   max {hostile.At(1), 6:0.0} ms");
        }

        return Task.CompletedTask;
    }

    /// <summary>A page of 500 KB through the relay, and by a bare client; then many slow ones at once.</summary>
    public static async Task FetchAsync(string claude, CancellationToken cancellationToken)
    {
        _ = claude;
        const int fetches = 150;
        const int slow = 200;
        Scenarios.Title("Fetch: a page of 500 KB through the relay, and the same page by a bare HttpClient");
        var page = MakeArticle(800)[..500_000];
        await using var site = await StartSiteAsync(page, cancellationToken);
        var address = new Uri(site.Urls.First());
        await using var bed = await Bed.WithFakeClaudeAsync(
            cancellationToken,
            ("FETCH_ALLOW", $"{address.Host}:{address.Port}"),
            ("FETCH_RPM", "1000000"),
            ("FETCH_DAILY", "1000000"),
            ("FETCH_CONCURRENCY", "1000"),
            ("FETCH_PER_KEY_CONCURRENCY", "1000"),
            ("FETCH_PER_HOST_CONCURRENCY", "1000"),
            ("FETCH_TIMEOUT", "60s")
        );
        using var http = new HttpClient { Timeout = TimeSpan.FromMinutes(2) };
        foreach (var delay in (int[])[0, 10, 50])
        {
            var url = new Uri(address, $"/page?delay={delay}");
            foreach (var strip in (bool[])[false, true])
            {
                var (bare, relayed) = (new Distribution(), new Distribution());
                for (var number = 0; number < fetches; number++)
                {
                    var (one, other) = (
                        await TimeAsync(() => http.GetStringAsync(url, cancellationToken)),
                        await TimeAsync(() => RelayAsync(http, bed, url, strip, cancellationToken))
                    );
                    if (number >= 20)
                    {
                        bare.Add(one);
                        relayed.Add(other);
                    }
                }

                Console.WriteLine(
                    $"  a site that takes {delay, 2} ms, strip {strip, -5}  bare {bare}   relay {relayed}   ratio of p50 "
                        + $"{relayed.At(0.5) / bare.At(0.5):0.00}, of p95 {relayed.At(0.95) / bare.At(0.95):0.00}   "
                        + $"added {relayed.At(0.5) - bare.At(0.5):0.0} ms"
                );
            }
        }

        var before = bed.Relay.ResidentMegabytes;
        var all = Enumerable
            .Range(0, slow)
            .Select(_ => RelayAsync(http, bed, new Uri(address, "/slow"), true, cancellationToken))
            .ToArray();
        var most = before;
        while (!Task.WhenAll(all).IsCompleted)
        {
            await Task.WhenAny(Task.WhenAll(all), Task.Delay(250, cancellationToken));
            most = Math.Max(most, bed.Relay.ResidentMegabytes);
        }

        await Task.WhenAll(all);
        Console.WriteLine(
            $"  {slow} fetches at once of a site that sends 1 KB every 100 ms for 10 s: relay {before:0} MB before, {most:0} MB at most, "
                + $"{bed.Relay.ResidentMegabytes:0} MB after"
        );
    }

    private static double Measure(Action action)
    {
        var started = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    private static async Task<double> TimeAsync<T>(Func<Task<T>> action)
    {
        var started = Stopwatch.GetTimestamp();
        await action();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    private static async Task<string> RelayAsync(HttpClient http, Bed bed, Uri url, bool strip, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(bed.Relay.Address, "/v1/fetch"))
        {
            Content = JsonContent.Create(new { url, strip }),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bed.Key);
        using var response = await http.SendAsync(request, cancellationToken);
        var body = await response.Content.ReadAsStringAsync(cancellationToken);
        return response.IsSuccessStatusCode ? body : throw new InvalidOperationException($"{(int)response.StatusCode}: {body}");
    }

    private static async Task<WebApplication> StartSiteAsync(byte[] page, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.MapGet(
            "/page",
            async (HttpContext context, int delay) =>
            {
                await Task.Delay(delay, context.RequestAborted);
                context.Response.ContentType = "text/html; charset=utf-8";
                context.Response.ContentLength = page.Length;
                await context.Response.Body.WriteAsync(page, context.RequestAborted);
            }
        );
        app.MapGet(
            "/slow",
            async (HttpContext context) =>
            {
                context.Response.ContentType = "text/html; charset=utf-8";
                for (var times = 0; times < 100; times++)
                {
                    await context.Response.Body.WriteAsync(page.AsMemory(times * 1000, 1000), context.RequestAborted);
                    await Task.Delay(100, context.RequestAborted);
                }
            }
        );
        await app.StartAsync(cancellationToken);
        return app;
    }

    private static byte[] MakeArticle(int paragraphs) =>
        Make(
            Enumerable
                .Range(0, paragraphs)
                .Select(number =>
                    $"""
                        <p class="paragraph paragraph--{number
                            % 7}" data-id="{number}">Nobody had expected such interest in <a href="/topics/{number}?ref=article&amp;x={number}" title="More about it">the museum of boats</a>, least of all those who had <em>planned</em> it for three years; “we began with a table and two chairs”, says Mara, who runs it with her brother. The town paid a third of the cost, and the rest came from members, from a raffle and from a baker who wishes to remain unnamed.</p>
                        <script>window.ads=window.ads||[];ads.push(function(){"{"}if(a<{number}&&b>0){"{"}render('<div class="ad">'+x+'</div>'){"}}"});var s{number}=document.createElement('script');s{number}.async=true;document.head.appendChild(s{number});</script>
                        """
                ),
            "body{font:16px/1.5 sans-serif;margin:0} .paragraph{max-width:40em} nav a:hover{color:#c00}\n",
            400
        );

    private static byte[] MakeShop(int products) =>
        Make(
            Enumerable
                .Range(0, products)
                .Select(number =>
                    $"""<div class="product-card product-card--{number % 5}" data-sku="SKU-{number:000000}" data-track='click:product:{number}'><a class="product-link" href="/product/{number}/enamel-mug?color=blue&amp;size={number % 3}"><img class="lazy" src="/img/placeholder.png" data-src="/img/{number}.webp" alt="Enamel mug number {number}" width="240" height="240" loading="lazy"></a><h2 class="title"><a href="/product/{number}">Enamel mug number {number}</a></h2><span class="price" itemprop="price" content="12.50">€12.50</span><!-- stock: {number} --><svg class="icon" viewBox="0 0 24 24"><path d="M12 2l3 7h7l-5.5 4 2 7L12 16l-6.5 4 2-7L2 9h7z"/></svg></div>"""
                ),
            ".product-card{display:grid;gap:8px}\n",
            200
        );

    private static byte[] MakeApp(int scripts) =>
        Make(
            Enumerable
                .Range(0, scripts)
                .Select(number =>
                    $"<script>(self.chunks=self.chunks||[]).push([[{number}],{"{"}{number}:(e,t,n)=>{"{"}\"use strict\";n.r(t);const r=n(e),i=r<{number}?\"<p>\":\"</p>\";for(let o=0;o<r.length;o++)if(r[o]>i)t[o]=r[o].map(a=>a.id).filter(Boolean);return{"{"}...t,key:`k${"{"}i{"}"}`{"}}}"}]);</script>\n<div id=\"root{number}\"><span>Loading part {number}</span></div>"
                ),
            ".app{color:red}\n",
            1000
        );

    private static byte[] Make(IEnumerable<string> parts, string style, int styles) =>
        Encoding.UTF8.GetBytes(
            "<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>Page</title><style>"
                + string.Concat(Enumerable.Repeat(style, styles))
                + "</style></head><body>\n"
                + string.Join('\n', parts)
                + "\n</body></html>"
        );
}
