using System.Diagnostics;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;
using Relay.FakeClaude;
using Relay.Infrastructure.KeyFile;
using Relay.Infrastructure.Sqlite;

namespace Relay.EndToEndTests;

/// <summary>
/// The dashboard in a real browser, over a relay on which something has happened: an admin's whole day, once. Screenshots are in
/// artifacts/dashboard.
/// </summary>
public sealed class DashboardBrowserTests(DashboardRelay relay) : IClassFixture<DashboardRelay>
{
    private static readonly string Shots = Path.Combine(TestMachine.Root, "artifacts", "dashboard");

    [OnlyWithAll]
    [Fact(Timeout = 300_000)]
    public async Task An_admin_works_with_it_by_keyboard_at_a_desk_and_on_a_phone()
    {
        var left = await WorkAsync();

        var seen = await PlayAsync("day");
        await left.CancelAsync();
        left.Dispose();
        await AddManyKeysAsync();
        var many = await PlayAsync("many");

        // The numbers are those of the load.
        Text(seen, "health").Should().Be("✓ Ready");
        Text(seen, "shop")
            .Should()
            .Contain("6, 2 failed", "four completions, two refusals")
            .And.Contain(" / 500")
            .And.Contain("4 / 9")
            .And.Contain("$1.00 / $1.25");
        Text(seen, "cron").Should().Contain("1 running, 1 waiting");
        Text(seen, "nowCards")
            .Should()
            .Contain("verified")
            .And.Contain("in order")
            .And.Contain("cron")
            .And.Contain("1 running, 1 waiting")
            .And.Contain("1 / 1");
        Text(seen, "errors").Should().MatchRegex(@"unknown_model\s+2").And.MatchRegex(@"url_rejected\s+3").And.Contain("unauthorized");
        Text(seen, "latency").Should().MatchRegex(@"Completion\s+4\s").And.MatchRegex(@"First words\s+4\s");
        Text(seen, "traffic").Should().Contain("failed");
        Text(seen, "usage")
            .Should()
            .Contain("shop")
            .And.MatchRegex(@"crawler\s+\$0\.00\s+0\s+3\s")
            .And.MatchRegex(@"history\s+\$43\.50\s+435\s+0\s+1\.3M\s+43\.5K");
        Text(seen, "usageByModel").Should().Contain("haiku").And.Contain("opus");
        seen.GetProperty("usageBars").GetInt32().Should().Be(30);

        // Signing in, and what becomes of it.
        Text(seen, "firstFocus").Should().Be("secret");
        Text(seen, "wrongKey").Should().Contain("does not know this key");
        Text(seen, "who").Should().Contain("ops");
        Text(seen, "cookieInScript").Should().BeEmpty();
        seen.GetProperty("stored").EnumerateArray().Select(name => name.GetString()).Should().Equal("relay_dashboard_proof");
        Text(seen, "expired").Should().Contain("session is over");
        seen.GetProperty("leftBehind").GetInt32().Should().Be(0);
        Text(many, "revokeOwn").Should().Contain("signed in with this key").And.Contain("last admin key");
        Text(many, "afterOwn").Should().Contain("You have revoked the key");

        // Keys.
        Text(seen, "addFocus").Should().Be("add-label");
        seen.GetProperty("addError")[0].GetString().Should().Contain("A label is");
        seen.GetProperty("addError")[1].GetString().Should().Be("add-label");
        Text(seen, "added").Should().Contain("0 / 7").And.Contain("expires in 7 days");
        (Yes(seen, "secretSurvivesEscape"), Yes(seen, "copied"), Yes(seen, "rotated")).Should().Be((true, true, true));
        Text(seen, "facts").Should().MatchRegex(@"Tools\s+refused");
        Text(seen, "limitsError").Should().Contain("whole number");
        Text(seen, "limited").Should().Contain("0 / 3").And.Contain("/ $1.50");
        (Text(seen, "focusAfterAdd"), Text(seen, "focusAfterLimits"), Text(seen, "focusAfterRevoke"))
            .Should()
            .Be(("keys-add", "Manage made-here", "keys-title"));
        Text(seen, "revokeError").Should().Contain("not the key's label");
        Text(seen, "said").Should().Be("made-here is revoked.");

        // Another port of this machine gets nothing done.
        seen.GetProperty("attacks")
            .GetRawText()
            .Should()
            .Be("""{"read":"refused","change":"refused","change as JSON":"refused","sign out":"refused","framed":"blocked or foreign"}""");
        (Yes(seen, "stolenCookie"), seen.GetProperty("otherStorage").GetInt32())
            .Should()
            .Be((true, 0), "a cookie goes to every port of its host, a storage to none");
        seen.GetProperty("stolen").GetRawText().Should().Be("""{"read":401,"mint":401,"sign out":401}""");
        Text(seen, "framedTitle").Should().NotBe("claude-relay");
        Yes(seen, "stillSignedIn").Should().BeTrue();
        seen.GetProperty("attackedKeys").GetArrayLength().Should().Be(0);

        // A relay that is away, and many keys.
        Text(seen, "unreachable").Should().Contain("can't be reached").And.Contain("What you see is of");
        Yes(seen, "dataStays").Should().BeTrue();
        (many.GetProperty("manyRows").GetInt32(), Text(many, "filtered")).Should().Be((50, "9 of 506 keys"), "many-490 to many-498");
        many.GetProperty("allRows").GetInt32().Should().Be(506);
        many.GetProperty("filterMs").GetDouble().Should().BeLessThan(2000, "six letters over five hundred keys");

        // And nothing on the way was out of order.
        foreach (var found in (string[])["foreign", "console", "wide", "axe"])
        {
            seen.GetProperty(found)
                .EnumerateArray()
                .Concat(many.GetProperty(found).EnumerateArray())
                .Select(one => one.GetString())
                .Should()
                .BeEmpty(found);
        }
    }

    /// <summary>Does the work that the page then has to show. The last of it still runs; it ends when it is cancelled.</summary>
    private async Task<CancellationTokenSource> WorkAsync()
    {
        var token = TestContext.Current.CancellationToken;
        var program = relay.Program;
        var (shop, crawler, cron) = (
            await AddAsync("shop", ("daily", 9), ("usd_per_day", 1.25m)),
            await AddAsync("crawler"),
            await AddAsync("cron")
        );
        for (var number = 0; number < 4; number++)
        {
            (await program.CompleteAsync(shop, new { prompt = "hi", model = number == 0 ? "haiku" : "opus" })).Status.Should().Be(200);
        }

        for (var number = 0; number < 2; number++)
        {
            (await program.CompleteAsync(shop, new { prompt = "hi", model = "gpt" })).Status.Should().Be(400);
        }

        for (var number = 0; number < 3; number++)
        {
            (await program.PostAsync("/v1/fetch", crawler, new { url = "http://127.0.0.1/" })).ErrorCode.Should().Be("url_rejected");
        }

        await AddHistoryAsync();
        relay.Relay.Script(new FakeScript { Behavior = FakeBehavior.Stall });
        var left = CancellationTokenSource.CreateLinkedTokenSource(token);
        foreach (var prompt in (string[])["running", "waiting"])
        {
            _ = program
                .CompleteAsync(cron, new { prompt }, left.Token)
                .ContinueWith(static task => _ = task.Exception, TaskScheduler.Default);
        }

        await program.EventuallyAsync(
            async () =>
                (await program.GetAsync("/dashboard/snapshot", relay.AdminKey))
                    .Json.GetProperty("completions")
                    .GetProperty("waiting")
                    .GetInt32() == 1,
            "nothing waits"
        );
        return left;
    }

    /// <summary>
    /// By the dashboard's own route; it is not asked with before it works, for the hour is to hold the load and nothing else.
    /// </summary>
    private async Task<string> AddAsync(string label, params (string Name, decimal Value)[] limits)
    {
        var answer = await relay.Program.PostAsync(
            "/dashboard/keys",
            relay.AdminKey,
            new { label, limits = limits.ToDictionary(limit => limit.Name, limit => limit.Value, StringComparer.Ordinal) }
        );
        answer.Status.Should().Be(201, answer.Body);
        await AreInForceAsync(KeyFileDocument.Parse(await File.ReadAllBytesAsync(KeyFile, TestContext.Current.CancellationToken)).Count);
        return answer.Json.GetProperty("secret").GetString()!;
    }

    private string KeyFile => Path.Combine(relay.Program.Home, "keys.json");

    private Task AreInForceAsync(int count) =>
        relay.Program.EventuallyAsync(
            () => Task.FromResult(relay.Program.Log.Any(line => line.Contains($" {count} keys in force", StringComparison.Ordinal))),
            $"the relay does not know of {count} keys"
        );

    /// <summary>
    /// A key that was used for 29 days before today: 1 request on the first of them, 2 on the next, and so on; each of 10 cents, 3000
    /// tokens in and 100 out.
    /// </summary>
    private async Task AddHistoryAsync()
    {
        await AddAsync("history");
        var id = KeyFileDocument
            .Parse(await File.ReadAllBytesAsync(KeyFile, TestContext.Current.CancellationToken))
            .Single(key => key.Label.Value == "history")
            .Id;
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        var rows = Enumerable
            .Range(1, 29)
            .ToDictionary(
                number => new UsageKey(today.AddDays(number - 30), id, QuotaBucket.Completions, "opus"),
                number => new UsageDelta(
                    number,
                    new TokenUsage(number * 1000, number * 100, number * 1000, number * 1000, null),
                    number * 100_000,
                    0
                )
            );
        await using var connection = new SqliteConnection($"Data Source={Path.Combine(relay.Program.Home, "relay.db")};Pooling=False");
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        UsageTable.Add(connection, rows);
    }

    /// <summary>Five hundred more, one with the longest label there is.</summary>
    private async Task AddManyKeysAsync()
    {
        var keys = KeyFileDocument.Parse(await File.ReadAllBytesAsync(KeyFile, TestContext.Current.CancellationToken));
        var more = Enumerable
            .Range(0, 499)
            .Select(number => $"many-{number:000}")
            .Append("a-label-as-long-as-labels-may-be-so-that-a-page-has-to-break-it-up")
            .Select(label =>
                ApiKey
                    .Create(KeyLabel.Create(label[..Math.Min(label.Length, KeyLabel.MaxLength)]).Value, TimeProvider.System.GetUtcNow())
                    .Key
            );
        await File.WriteAllBytesAsync(KeyFile + ".test", KeyFileDocument.Format([.. keys, .. more]), TestContext.Current.CancellationToken);
        File.Move(KeyFile + ".test", KeyFile, overwrite: true);
        await AreInForceAsync(keys.Count(key => key.RevokedAt is null) + 500);
    }

    private async Task<JsonElement> PlayAsync(string what)
    {
        using var profile = new TemporaryDirectory();
        Directory.CreateDirectory(Shots);
        var start = new ProcessStartInfo("node", [Path.Combine(TestMachine.BrowserTools, "dashboard.mjs"), what])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["RELAY_URL"] = relay.Origin;
        start.Environment["RELAY_ADMIN_KEY"] = relay.AdminKey;
        start.Environment["RELAY_CHROMIUM"] = TestMachine.Chromium;
        start.Environment["RELAY_SHOTS"] = Shots;
        start.Environment["RELAY_PROFILE"] = profile.Path;
        using var node = Process.Start(start)!;
        var output = node.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = node.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            await node.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        catch
        {
            node.Kill(entireProcessTree: true);
            throw;
        }

        node.ExitCode.Should().Be(0, await error);
        var seen = JsonElement.Parse(await output);
        TestContext.Current.TestOutputHelper?.WriteLine(seen.GetProperty("steps").GetRawText());
        seen.GetProperty("failure")
            .ValueKind.Should()
            .Be(JsonValueKind.Null, $"{seen.GetProperty("failure")}\n{seen}\n{string.Join('\n', relay.Program.Log.TakeLast(10))}");
        return seen;
    }

    private static string Text(JsonElement seen, string name) => seen.GetProperty(name).GetString()!;

    private static bool Yes(JsonElement seen, string name) => seen.GetProperty(name).GetBoolean();
}
