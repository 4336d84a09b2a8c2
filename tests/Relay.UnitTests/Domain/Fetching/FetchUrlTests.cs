using System.Net;
using Relay.Domain.Fetching;
using Relay.Tests.Corpus;

namespace Relay.UnitTests.Domain.Fetching;

public sealed class FetchUrlTests
{
    public static TheoryData<string> RowIds => [.. SsrfCorpus.Rows("url").Select(row => row.Id)];

    [Theory]
    [MemberData(nameof(RowIds))]
    public void The_corpus_is_judged_as_it_says(string id)
    {
        var row = SsrfCorpus.Rows("url").Single(row => row.Id == id);

        var url = FetchUrl.Parse(row.Input.GetString(), FetchRules.Default, out var refusal);

        (url is not null).Should().Be(row.IsAllowed, "{0}: {1} ({2})", row.Input, row.Why, refusal);
    }

    /// <summary>A syntax error in a private address may be called either.</summary>
    [Theory]
    [MemberData(nameof(RowIds))]
    public void The_corpus_is_refused_for_the_reason_it_says(string id)
    {
        var row = SsrfCorpus.Rows("url").Single(row => row.Id == id);

        FetchUrl.Parse(row.Input.GetString(), FetchRules.Default, out var refusal);

        string[] reasons = row.Code switch
        {
            "ok" => [],
            "target_forbidden" => [nameof(UrlRefusal.TargetForbidden)],
            "scheme_forbidden" => [nameof(UrlRefusal.SchemeForbidden)],
            "userinfo_forbidden" => [nameof(UrlRefusal.UserinfoForbidden)],
            "port_forbidden" => [nameof(UrlRefusal.PortForbidden)],
            "name_forbidden" => [nameof(UrlRefusal.NameForbidden)],
            "invalid_url" when row.Input.GetString()!.Contains("0x", StringComparison.Ordinal) =>
            [
                nameof(UrlRefusal.InvalidUrl),
                nameof(UrlRefusal.TargetForbidden),
            ],
            "invalid_url" => [nameof(UrlRefusal.InvalidUrl)],
            _ => throw new InvalidOperationException(row.Code),
        };
        if (!row.IsAllowed)
        {
            reasons.Should().Contain(refusal.ToString(), "{0}: {1}", row.Input, row.Why);
        }
    }

    [Theory]
    [InlineData("https://example.com", "https://example.com/")]
    [InlineData("HTTPS://EXAMPLE.COM./A?b=1#c", "https://example.com/A?b=1")]
    [InlineData("http://example.com:080/", "http://example.com/")]
    [InlineData("http://example.com?@127.0.0.1/", "http://example.com/?@127.0.0.1/")]
    [InlineData("https://example.com/a%2Fb%00c", "https://example.com/a%2Fb%00c")]
    [InlineData("https://example.com/%0d%0aX:%201", "https://example.com/%0d%0aX:%201")]
    [InlineData("https://example.com/straße?q=ü", "https://example.com/stra%C3%9Fe?q=%C3%BC")]
    [InlineData("https://8.8.8.8/", "https://8.8.8.8/")]
    [InlineData("https://a_b.example.com/", "https://a_b.example.com/")]
    public void The_fetched_URL_is_the_one_that_was_sent(string text, string fetched) =>
        FetchUrl.Parse(text, FetchRules.Default, out _)!.Uri.AbsoluteUri.Should().Be(fetched);

    [Theory]
    [InlineData("https://bücher.de/", "xn--bcher-kva.de")]
    [InlineData("https://BÜCHER.DE/", "xn--bcher-kva.de")]
    [InlineData("https://straße.de/", "xn--strae-oqa.de")]
    [InlineData("https://例え.テスト.jp/", "xn--r8jz45g.xn--zckzah.jp")]
    [InlineData("https://пример.рф/", "xn--e1afmkfd.xn--p1ai")]
    [InlineData("https://παράδειγμα.gr/", "xn--hxajbheg2az3al.gr")]
    [InlineData("https://ไทย.th/", "xn--o3cw4h.th")]
    [InlineData("https://ไทย.ไทย/", "xn--o3cw4h.xn--o3cw4h")]
    [InlineData("https://スーパー.jp/", "xn--zck5b0gb.jp")]
    public void International_names_are_resolved_as_browsers_do(string text, string host) =>
        FetchUrl.Parse(text, FetchRules.Default, out _)!.Host.Should().Be(host);

    [Theory]
    [InlineData("https://example.com/x", "http://127.0.0.1/")]
    [InlineData("https://example.com/x", "//127.0.0.1/")]
    [InlineData("https://example.com/x", "///127.0.0.1/")]
    [InlineData("https://example.com/x", "/\\127.0.0.1/")]
    [InlineData("https://example.com/x", "\\\\127.0.0.1\\")]
    [InlineData("https://example.com/x", "javascript:alert(1)")]
    [InlineData("https://example.com/x", "https://a b.com/")]
    [InlineData("https://example.com/x", "/a\tb")]
    [InlineData("https://example.com/x", "http:relative")]
    [InlineData("https://example.com/x", "//example.com@127.0.0.1/")]
    public void A_redirect_is_judged_like_a_URL(string from, string location) =>
        FetchUrl.Parse(from, FetchRules.Default, out _)!.Resolve(location, FetchRules.Default, out _).Should().BeNull();

    [Theory]
    [InlineData("../x", "https://example.com/a/x")]
    [InlineData("?q=1", "https://example.com/a/b/c?q=1")]
    [InlineData("#frag", "https://example.com/a/b/c?d")]
    [InlineData("", "https://example.com/a/b/c?d")]
    [InlineData("x:y", null)]
    [InlineData("./x:y", "https://example.com/a/b/x:y")]
    [InlineData("/a?u=http://127.0.0.1/", "https://example.com/a?u=http://127.0.0.1/")]
    [InlineData("//example.org", "https://example.org/")]
    [InlineData("http://example.org:80/ü", "http://example.org/%C3%BC")]
    public void A_redirect_leads_where_a_browser_would_go(string location, string? target) =>
        FetchUrl
            .Parse("https://example.com/a/b/c?d#e", FetchRules.Default, out _)!
            .Resolve(location, FetchRules.Default, out _)
            ?.Uri.AbsoluteUri.Should()
            .Be(target);

    [Fact]
    public void Exactly_allowed_targets_are_taken_with_any_name_and_port()
    {
        var rules = FetchRules.Default with
        {
            Allowed = new HashSet<string>(StringComparer.Ordinal)
            {
                "wiki.home.arpa:80",
                "192.168.1.10:8080",
                "[fd00::1]:443",
                "wiki:8080",
            },
        };

        string[] taken = ["http://wiki.home.arpa/", "http://192.168.1.10:8080/", "https://[fd00:0::1]/", "http://WIKI:8080/"];
        taken.Should().OnlyContain(text => IsTaken(text, rules));
        string[] refused =
        [
            "https://wiki.home.arpa/",
            "http://192.168.1.10/",
            "http://192.168.1.11:8080/",
            "http://x.wiki.home.arpa/",
            "http://[fd00::1]/",
        ];
        refused.Should().OnlyContain(text => !IsTaken(text, rules));
    }

    [Fact]
    public void Denied_names_are_refused_by_whole_labels()
    {
        var rules = FetchRules.Default with
        {
            DeniedNames = new HashSet<string>(StringComparer.Ordinal) { "example.com", "*.example.org" },
        };

        string[] refused = ["https://example.com/", "https://EXAMPLE.com./", "https://a.example.org/", "https://a.b.example.org/"];
        refused.Should().OnlyContain(text => !IsTaken(text, rules));
        string[] taken = ["https://www.example.com/", "https://example.org/", "https://myexample.org/"];
        taken.Should().OnlyContain(text => IsTaken(text, rules));
    }

    /// <summary>
    /// Each accepted URL is one host, the same for the framework, no private address, and accepted in the same way when
    /// it is read again.
    /// </summary>
    [Fact]
    public void No_mutation_of_the_corpus_gets_a_private_address_through()
    {
        var random = new Random(Fuzz.Seed);
        string[] seeds = [.. SsrfCorpus.Rows("url").Select(row => row.Input.GetString()!).Where(text => text.Length < 300)];
        var accepted = 0;
        Fuzz.For(
            TimeSpan.FromSeconds(1.5),
            () =>
            {
                var text = Mutate(seeds[random.Next(seeds.Length)], seeds[random.Next(seeds.Length)], random);
                if (FetchUrl.Parse(text, FetchRules.Default, out _) is not { } url)
                {
                    return;
                }

                accepted++;
                url.Uri.Host.Should().Be(url.Host, text);
                url.Uri.Scheme.Should().BeOneOf("http", "https");
                (url.Uri.UserInfo + url.Uri.Fragment).Should().BeEmpty(text);
                if (IPAddress.TryParse(url.Host, out var address))
                {
                    url.Address.Should().Be(address, text);
                    AddressTable.IsPublic(address).Should().BeTrue(text);
                }
                else
                {
                    url.Host.Should().MatchRegex(@"^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)+$", text);
                }

                FetchUrl.Parse(url.Uri.AbsoluteUri, FetchRules.Default, out _)!.Origin.Should().Be(url.Origin, text);
            }
        );
        accepted.Should().BePositive();
    }

    private static bool IsTaken(string text, FetchRules rules) => FetchUrl.Parse(text, rules, out _) is not null;

    private static string Mutate(string text, string other, Random random)
    {
        const string spice =
            "/\\@:?#[]%.0x123456789abcdefgh-_ \t\r\n\u00ad\u200b\u2460\uff0e\u3002\u00e9\u0131\u017f\ud835\udfcf\ud800\u0000\u007f\u0660";
        var letters = text.ToList();
        for (var count = random.Next(1, 6); count > 0; count--)
        {
            var at = random.Next(letters.Count + 1);
            switch (random.Next(5))
            {
                case 0 when at < letters.Count:
                    letters.RemoveAt(at);
                    break;
                case 1:
                    letters.Insert(at, spice[random.Next(spice.Length)]);
                    break;
                case 2 when at < letters.Count:
                    letters[at] = spice[random.Next(spice.Length)];
                    break;
                case 3:
                    var from = random.Next(other.Length + 1);
                    letters.InsertRange(at, other[from..random.Next(from, Math.Min(other.Length, from + 12) + 1)]);
                    break;
                case 4 when at < letters.Count:
                    letters[at] = char.IsUpper(letters[at]) ? char.ToLowerInvariant(letters[at]) : char.ToUpperInvariant(letters[at]);
                    break;
            }
        }

        return new string([.. letters]);
    }
}
