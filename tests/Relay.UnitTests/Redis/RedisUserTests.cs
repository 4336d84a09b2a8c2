using System.Diagnostics;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Application.Diagnostics;
using Relay.Application.Idempotency;
using Relay.Application.Quotas;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;
using Relay.Infrastructure.ClaudeCode;
using Relay.Redis;

namespace Relay.UnitTests.Redis;

/// <summary>The Redis of <c>deploy/redis</c>, started as it is there: its user can do all that a relay needs, and nothing else.</summary>
public sealed partial class RedisUserTests
{
    private const string Fleet = "claude-relay";
    private const string Password = "p4ss w/\"ord$";

    private static readonly string Directory = Checkout.PathOf("deploy", "redis");
    private static readonly QuotaLimits Limits = new(100, 100, 100, 1, 10);

    private static readonly Lazy<RedisServer> Started = new(() =>
        RedisServer.Start(
            _ => ["--user", "auditor", "on", "nopass", "+@all", "~*", "&*"],
            ["--user", "auditor", "--pass", "any", "--no-auth-warning"],
            "env",
            $"REDIS_PASSWORD={Password}",
            "sh",
            Path.Combine(Directory, "start.sh")
        )
    );

    private readonly RedisServer _server = Started.Value;

    [Fact]
    public async Task All_that_a_relay_asks_its_user_may()
    {
        _server.Cli("acl", "log", "reset");
        await using var relay = await StartAsync();
        await relay.BeatAsync();
        await CountAsync(relay);
        await KeepKeysAsync(relay);
        await AnswerAsync();
        await ShareUpstreamLimitsAsync(relay);
        await SweepAsync(relay);

        (await new StateCheck(relay.Link, relay.Fleet).RunAsync(new DiagnoseQuery(), Waiting.Token))
            .Should()
            .OnlyContain(finding => finding.Status == FindingStatus.Pass);
        (await relay.Usage.ReadAsync(null, Today.AddDays(-1), Waiting.Token)).Should().NotBeEmpty();
        (await relay.Usage.ReadLastUsedAsync(Waiting.Token)).Should().NotBeEmpty();
        relay.Outbox.Count.Should().Be(0);
        Refused().Should().BeSubsetOf(ClientsOwn, "what the relay itself asks is allowed");
    }

    [Fact]
    public void Every_command_of_a_script_is_allowed()
    {
        var allowed = AllowedCommand().Matches(UserLine()).Select(match => match.Groups["name"].Value).ToHashSet(StringComparer.Ordinal);
        var scripts = System.IO.Directory.GetFiles(Path.Combine(Directory, "..", "..", "src", "Relay.Redis", "Scripts"), "*.lua");
        var called = scripts
            .SelectMany(script => Call().Matches(File.ReadAllText(script)))
            .Select(match => match.Groups["name"].Value.ToLowerInvariant())
            .Distinct(StringComparer.Ordinal);

        called.Should().HaveCountGreaterThan(15).And.BeSubsetOf(allowed);
    }

    [Fact]
    public void The_user_of_the_relay_may_do_nothing_else()
    {
        string[][] others =
        [
            ["get", "other"],
            ["set", "{claude-relays}:x", "1"],
            ["eval", "return redis.call('get', 'other')", "0"],
            ["eval", "return redis.call('flushall')", "0"],
            ["subscribe", "other"],
            ["publish", "other", "x"],
            ["keys", "*"],
            ["flushall"],
            ["config", "get", "*"],
            ["acl", "list"],
            ["client", "kill", "type", "normal"],
            ["replicaof", "no", "one"],
            ["save"],
            ["shutdown"],
            ["monitor"],
        ];

        foreach (var command in others)
        {
            foreach (var (user, password) in ((string, string)[])[("claude-relay", Password), ("health", "any")])
            {
                // Within a script each version says it in other words.
                _server
                    .Cli(["--user", user, "--pass", password, .. command])
                    .Should()
                    .MatchRegex(
                        "^(NOPERM|ERR The user executing the script can't|ERR ACL failure in script)",
                        $"{user} says {string.Join(' ', command)}"
                    );
            }
        }
    }

    [Fact]
    public void Nobody_gets_in_without_the_password_but_to_ask_whether_it_lives()
    {
        _server.Cli("--user", "claude-relay", "--pass", "p4ss", "ping").Should().Contain("NOAUTH");
        _server.Cli("--user", "default", "--pass", string.Empty, "ping").Should().Contain("NOAUTH");
        _server.Cli("--user", "health", "--pass", "-", "ping").Should().Be("PONG");
        _server.Cli("--user", "claude-relay", "--pass", Password, "ping").Should().Be("PONG");
    }

    [Fact]
    public void Without_a_password_it_does_not_start()
    {
        foreach (var password in (string[])["-uREDIS_PASSWORD", "REDIS_PASSWORD="])
        {
            // Should it start all the same, it is stopped, and the exit code another.
            using var start = Process.Start(
                new ProcessStartInfo("timeout", ["10", "env", password, "sh", Path.Combine(Directory, "start.sh"), "--port", "0"])
                {
                    RedirectStandardError = true,
                    UseShellExecute = false,
                }
            )!;
            start.StandardError.ReadToEnd().Should().Contain("REDIS_PASSWORD");
            start.WaitForExit();
            start.ExitCode.Should().NotBe(0).And.NotBe(124);
        }
    }

    [Fact]
    public async Task The_content_of_Redis_opens_nothing()
    {
        await using var relay = await StartAsync();
        var (key, secret) = ApiKey.Create(Any.Label("shop"), TimeProvider.System.GetUtcNow());
        (await relay.Keys.ChangeAsync<int>(keys => ((IReadOnlyList<ApiKey>)[.. keys, key], 0), Waiting.Token)).Error.Should().BeNull();
        await relay.Quotas.ChargeAsync(key.Id, Any.Model(), Limits, 1, Waiting.Token);

        var names = _server.Cli("--scan").Split('\n');
        var all = string.Join(
            '\n',
            names.Select(name =>
                _server.Cli(
                    _server.Cli("type", name) switch
                    {
                        "hash" => ["hgetall", name],
                        "set" => ["smembers", name],
                        "zset" => ["zrange", name, "0", "-1"],
                        _ => ["get", name],
                    }
                )
            )
        );

        all.Should()
            .Contain(key.Id)
            .And.Contain("shop")
            .And.Contain(secret.Hash.Value, "it is what a secret is compared with")
            .And.NotContain("WRONGTYPE");
        all.Should().NotContain(secret.Reveal()).And.NotContain(Password);
    }

    /// <summary>
    /// Commands that StackExchange.Redis tries by itself, and does without: a vote among primaries and its channel, which are no names of
    /// the fleet, and a look at the server's settings.
    /// </summary>
    private static readonly string[] ClientsOwn = ["__Booksleeve_TieBreak", "__Booksleeve_MasterChanged", "config|get"];

    private static DateOnly Today => DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);

    private static async Task CountAsync(RedisRelay relay)
    {
        var charge = (await relay.Quotas.ChargeAsync("a", Any.Model(), Limits, 1, Waiting.Token)).Charge!;
        var waiting = (await relay.Quotas.ChargeAsync("a", Any.Model(), Limits, 1, Waiting.Token)).Charge!;
        var place = relay.Quotas.WaitForPlaceAsync(waiting, () => 1, Waiting.Token);
        await relay.Quotas.SettleAsync(charge, Any.Model(), new Spending { Usage = new TokenUsage(1, 1, 1, 1, 2) }, 2, Waiting.Token);
        await place.InTime();
        await relay.Quotas.GiveBackAsync(waiting, Any.Model(), Waiting.Token);
        await relay.ToldAsync();
        (await relay.Quotas.PeekAsync("a", Limits, Waiting.Token)).Statuses.Select(status => status.Remaining).Should().Equal(99, 99, 800);
    }

    private static async Task KeepKeysAsync(RedisRelay relay)
    {
        var (key, _) = ApiKey.Create(Any.Label(), TimeProvider.System.GetUtcNow());
        (await relay.Keys.ChangeAsync<int>(_ => ((IReadOnlyList<ApiKey>)[key], 0), Waiting.Token)).Error.Should().BeNull();
        (await relay.Keys.ReadChangesAsync(0, Waiting.Token)).Changes.Should().Contain(change => change.Id == key.Id);
        (await relay.Keys.ChangeAsync<int>(_ => ((IReadOnlyList<ApiKey>)[], 0), Waiting.Token)).Error.Should().BeNull();
    }

    /// <summary>So many that the first has to make room.</summary>
    private async Task AnswerAsync()
    {
        await using var forgetful = await StartAsync(maxBytes: 2000);
        foreach (var name in (string[])["n", "o", "q"])
        {
            await forgetful.Answers.ClaimAsync(name, "f", Waiting.Token);
            await forgetful.Answers.KeepAsync(name, "key_1", "f", new byte[200], Waiting.Token);
        }

        await forgetful.Answers.ClaimAsync("p", "f", Waiting.Token);
        await forgetful.Answers.ReleaseAsync("p", Waiting.Token);
        (await forgetful.Answers.ClaimAsync("n", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed, "its answer made room");
    }

    private static async Task ShareUpstreamLimitsAsync(RedisRelay relay)
    {
        using var home = new TemporaryHome();
        var options = Options.Create(new ClaudeCodeOptions { Auth = ClaudeAuth.ApiKey, ApiKey = "sk-any" });
        var login = new LoginFingerprint(
            options,
            new ClaudeEnvironment(options, Options.Create(new CompletionOptions()), new ConfigurationBuilder().Build(), home.Home)
        );
        var share = new RedisUpstreamShare(relay.Link, relay.Fleet, relay.Outbox, login);
        var limit = new SharedLimit("five_hour", "all", TimeProvider.System.GetUtcNow().AddHours(1), TimeSpan.FromMinutes(1));
        share.Tell(limit);
        share.TellOver(limit);
        await relay.ToldAsync();
    }

    /// <summary>As after a relay that died.</summary>
    private static async Task SweepAsync(RedisRelay relay)
    {
        var names = relay.Link.Names;
        await relay.Link.AskAsync(database => database.SetMembersAsync(names.Open), Waiting.Token);
        await relay.Link.RunAsync(
            RedisScripts.Sweep,
            [names.Counters("a|completions"), names.Totals(QuotaBucket.Completions), names.Relays, names.Open],
            [relay.Link.Clock, "a|completions", names.Channel],
            Waiting.Token
        );
        await relay.Link.AskAsync(database => database.SortedSetRemoveAsync(names.Relays, "dead"), Waiting.Token);
        await relay.Link.AskAsync(database => database.HashDeleteAsync(names.Fleet, "dead"), Waiting.Token);
        await relay.Link.RunAsync(RedisScripts.Leave, [names.Relays, names.Fleet], ["dead"], Waiting.Token);
    }

    /// <summary>The commands that the server refused for want of a right, once each.</summary>
    private List<string> Refused() =>
        [.. LogObject().Matches(_server.Cli("acl", "log")).Select(match => match.Groups["name"].Value).Distinct(StringComparer.Ordinal)];

    private Task<RedisRelay> StartAsync(long maxBytes = IdempotencyOptions.MaxBytes) =>
        RedisRelay.StartAsync(
            _server,
            Fleet,
            adorn: options => options.State = $"127.0.0.1:{_server.Port},user=claude-relay,password={Password}",
            maxBytes: maxBytes
        );

    private static string UserLine() =>
        File.ReadLines(Path.Combine(Directory, "redis.conf"))
            .Single(line => line.StartsWith("user claude-relay ", StringComparison.Ordinal));

    [GeneratedRegex(@"\+(?<name>[a-z|]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AllowedCommand();

    [GeneratedRegex(@"redis\.call\('(?<name>[A-Z]+)'", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Call();

    [GeneratedRegex(@"^object\n(?<name>.*)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LogObject();
}
