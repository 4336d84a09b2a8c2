using Relay.Tests.Corpus;

namespace Relay.EndToEndTests;

/// <summary>The corpus' URLs through the HTTP API, with a name server that notes every look-up.</summary>
public sealed class FetchUrlTests(TestInternet internet) : IClassFixture<TestInternet>
{
    private const string PublicAddress = "93.184.215.14";

    /// <summary>The framework reads international names in two ways; the relay in one.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true, Traits = ["Extent", "all"])]
    public async Task Every_URL_is_judged_as_the_corpus_says_and_a_refused_one_is_never_looked_up(bool withIcu)
    {
        internet.Names.Everybody = PublicAddress;
        await using var relay = await internet.StartRelayAsync(withIcu);
        File.ReadAllText($"/proc/{relay.Program.ProcessId}/maps").Contains("libicuuc", StringComparison.Ordinal).Should().Be(withIcu);
        var wrong = new List<string>();
        foreach (var row in SsrfCorpus.Rows("url"))
        {
            var (queries, connections, requests) = (
                internet.Names.Queries.Count,
                internet.Sites.Connections.Count,
                internet.Sites.Requests.Count
            );
            var answer = await relay.FetchAsync(new { url = row.Input.GetString() });
            var isRight = row.IsAllowed
                ? answer.Status == 200 && internet.Sites.Requests.Count == requests + 1
                : answer.Status == 400
                    && answer.ErrorCode == "url_rejected"
                    && internet.Names.Queries.Count == queries
                    && internet.Sites.Connections.Count == connections;
            if (!isRight)
            {
                wrong.Add($"{row.Id} {row.Input} {row.Why}: {answer}");
            }
        }

        wrong.Should().BeEmpty();
        internet
            .Sites.Connections.Select(connection => connection.Address.ToString())
            .Distinct(StringComparer.Ordinal)
            .Should()
            .Equal(PublicAddress);
        (internet.NearSites.Connections.Count + internet.Proxies.Connections.Count).Should().Be(0);
    }
}
