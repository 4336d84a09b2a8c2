using System.Diagnostics;
using Relay.Application.Idempotency;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;
using Relay.Redis;

namespace Relay.UnitTests.Redis;

/// <summary>A server that is away, refuses, hangs, changes or has a full disk.</summary>
public sealed class RedisFailureTests : RedisFailureTestBase
{
    [Fact]
    public async Task While_Redis_is_away_requests_are_refused_at_once_and_afterwards_each_counts_once()
    {
        await using var relay = await StartAsync();
        var running = (await ChargeAsync(relay)).Charge!;
        Server.Freeze();
        await Waiting.UntilAsync(
            () => ChargeAsync(relay).AsTask().GetAwaiter().GetResult().Refusal is not null && !relay.Link.IsUp,
            "the breaker opens"
        );

        // The breaker lets one try again after at most 2 s. Also those that come then wait for nothing.
        var time = TimeSpan.FromSeconds(Extent.Of(5, 5, 10));
        var frozen = Stopwatch.StartNew();
        var times = new List<TimeSpan>();
        QuotaDecision refused;
        do
        {
            var asked = Stopwatch.StartNew();
            refused = await ChargeAsync(relay);
            times.Add(asked.Elapsed);
            await Task.Delay(5, Waiting.Token);
        } while (frozen.Elapsed < time);

        relay.Outbox.Count.Should().BeLessThan(times.Count / 10, "what was never sent needs no taking back");
        times.Order().ElementAt(times.Count * 99 / 100).Should().BeLessThan(TimeSpan.FromMilliseconds(50));
        refused.Refusal!.Should().Match<RelayError>(error => error.Code == ErrorCode.StateUnavailable && error.RetryAfter > TimeSpan.Zero);
        relay.Link.Problem.Should().Contain("can't be reached");
        (await relay.Answers.ClaimAsync("n", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Unknown);
        var watch = Stopwatch.StartNew();
        await relay.Quotas.SettleAsync(running, Any.Model(), new Spending(), 2, Waiting.Token);
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromMilliseconds(50), "what ends while it is away waits for nothing");

        Server.Thaw();
        await UntilAnswersAsync(relay);
        await relay.ToldAsync();

        (await UsedAsync(relay)).Should().Be((1, 200), "what was sent while it was frozen is void");
        relay.Link.Problem.Should().BeNull();
    }

    [Fact]
    public async Task Killed_and_started_again_on_its_disk_it_has_lost_nothing_and_keys_stay_in_force_meanwhile()
    {
        await using var relay = await StartAsync();
        var (key, secret) = ApiKey.Create(Any.Label(), TimeProvider.System.GetUtcNow());
        await AddAsync(relay, key);
        using var keys = new RedisKeyDirectory(relay.Link, relay.Fleet, relay.Keys, TimeProvider.System, new LogLines<RedisKeyDirectory>());
        await keys.StartAsync(Waiting.Token);
        await relay.Quotas.SettleAsync((await ChargeAsync(relay)).Charge!, Any.Model(), new Spending(), 3, Waiting.Token);
        await relay.ToldAsync();

        Server.Kill();
        (await ChargeAsync(relay)).Refusal!.Code.Should().Be(ErrorCode.StateUnavailable);
        keys.Find(secret).Should().Be(key);
        await using var restarted = await StartAsync();
        using var blank = new RedisKeyDirectory(
            restarted.Link,
            restarted.Fleet,
            restarted.Keys,
            TimeProvider.System,
            new LogLines<RedisKeyDirectory>()
        );
        await blank.StartAsync(Waiting.Token);
        (blank.IsKnown, blank.Find(secret)).Should().Be((false, null), "a relay that is started without it knows no keys, and knows that");
        blank.Problem.Should().NotBeNull();

        Server.StartAgain();
        await UntilAnswersAsync(relay);
        (await UsedAsync(relay)).Should().Be((1, 300));
        await Waiting.UntilAsync(() => blank.IsKnown, "the keys are read");
        blank.Find(secret)!.Id.Should().Be(key.Id);
        await keys.StopAsync(Waiting.Token);
        await blank.StopAsync(Waiting.Token);
    }

    [Fact]
    public async Task The_error_for_a_wrong_password_or_a_replica_repeats_no_text_of_Redis()
    {
        Server.Cli("config", "set", "requirepass", "s3cret-of-the-server");
        var wrong = $"127.0.0.1:{Server.Port},password=wr0ng-w0rd";
        await using (var refused = await StartAsync(TimeSpan.FromSeconds(1), wrong))
        {
            (await ChargeAsync(refused)).Refusal!.Code.Should().Be(ErrorCode.StateUnavailable);
            await ChargeAsync(refused);
            string.Join(' ', refused.Log.Lines).Should().NotContain("wr0ng").And.NotContain("s3cret");
        }

        var right = $"127.0.0.1:{Server.Port},password=s3cret-of-the-server";
        await using var relay = await StartAsync(TimeSpan.FromSeconds(10), right);
        (await ChargeAsync(relay)).Charge.Should().NotBeNull();
        using var other = RedisServer.Start();
        Server.Cli("-a", "s3cret-of-the-server", "--no-auth-warning", "replicaof", "127.0.0.1", $"{other.Port}");

        (await ChargeAsync(relay)).Refusal!.Code.Should().Be(ErrorCode.StateUnavailable);
        Server.Cli("-a", "s3cret-of-the-server", "--no-auth-warning", "replicaof", "no", "one");
        await UntilAnswersAsync(relay);
        relay.Log.Lines.Should().NotContain(line => line.Contains("s3cret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_relay_that_is_started_while_its_server_hangs_starts_all_the_same()
    {
        Server.Freeze();
        await using var relay = await StartAsync();
        (await ChargeAsync(relay)).Refusal!.Code.Should().Be(ErrorCode.StateUnavailable);
        relay.Link.Problem.Should().NotBeNull();

        Server.Thaw();

        await UntilAnswersAsync(relay);
        (await ChargeAsync(relay)).Charge.Should().NotBeNull();
    }

    [Fact]
    public async Task A_replica_that_is_promoted_is_the_one_from_then_on()
    {
        using var replica = RedisServer.Start("--replicaof", "127.0.0.1", $"{Server.Port}");
        await Waiting.UntilAsync(
            () => replica.Cli("info", "replication").Contains("master_link_status:up", StringComparison.Ordinal),
            "it follows"
        );
        await using var relay = await StartAsync(TimeSpan.FromSeconds(1), $"127.0.0.1:{Server.Port},127.0.0.1:{replica.Port}");
        await relay.Quotas.SettleAsync((await ChargeAsync(relay)).Charge!, Any.Model(), new Spending(), 3, Waiting.Token);
        await relay.ToldAsync();
        // WAIT would wait for what its own connection wrote.
        var written = Replicated(Server, "master_repl_offset");
        await Waiting.UntilAsync(() => Replicated(replica, "slave_repl_offset") >= written, "the replica has it");

        Server.Kill();
        (await ChargeAsync(relay)).Refusal!.Code.Should().Be(ErrorCode.StateUnavailable);
        replica.Cli("replicaof", "no", "one");

        await Waiting.UntilAsync(() => ChargeAsync(relay).AsTask().GetAwaiter().GetResult().Charge is not null, "the new primary counts");
        (await UsedAsync(relay)).Should().Be((2, 301), "with what the old one had");
    }

    [Fact]
    public async Task A_backup_is_restored_by_the_commands_of_docs_operations_md()
    {
        await using (var relay = await StartAsync())
        {
            await relay.Quotas.SettleAsync((await ChargeAsync(relay)).Charge!, Any.Model(), new Spending(), 3, Waiting.Token);
            await relay.ToldAsync();
            Server.Cli("save").Should().Be("OK");
            await ChargeAsync(relay); // After the backup.
        }

        using var home = new TemporaryHome();
        var backup = Directory.CreateDirectory(home.File("relay-backup"));
        File.Copy(Path.Combine(Server.Files, "dump.rdb"), Path.Combine(backup.FullName, "dump.rdb"));
        Server.Kill();
        var document = await File.ReadAllTextAsync(Checkout.PathOf("docs", "operations.md"), Waiting.Token);
        var commands = document.Split("```").Single(block => block.StartsWith("bash\nmv appendonlydir", StringComparison.Ordinal))[
            "bash\n".Length..
        ];
        var start = new ProcessStartInfo("bash", ["-euc", commands]) { WorkingDirectory = Server.Files };
        start.Environment["HOME"] = home.Home.Path;
        using (var bash = Process.Start(start)!)
        {
            await bash.WaitForExitAsync(Waiting.Token);
            bash.ExitCode.Should().Be(0);
        }

        Server.StartAgain();

        await using var restored = await StartAsync();
        (await UsedAsync(restored)).Should().Be((1, 300), "as it was when the backup was made");
    }

    [Fact]
    public async Task A_full_disk_refuses_what_can_not_be_kept_and_is_over_when_there_is_room()
    {
        using var server = RedisServer.OnSmallDisk("4m", "--appendonly", "yes");
        await using var relay = await RedisRelay.StartAsync(
            server,
            "f",
            adorn: options => options.Timeout = TimeSpan.FromSeconds(1),
            beats: true
        );
        await relay.Quotas.SettleAsync((await ChargeAsync(relay)).Charge!, Any.Model(), new Spending(), 1, Waiting.Token);
        await relay.ToldAsync();
        server.FillDisk();

        var admitted = 0;
        QuotaDecision decision;
        while ((decision = await ChargeAsync(relay)).Charge is not null)
        {
            admitted++;
        }

        decision.Refusal!.Code.Should().Be(ErrorCode.StateUnavailable);
        admitted.Should().BeLessThan(100, "else it was the limit");
        // A request that still fits into the last block is let in, and counts.
        await Waiting.UntilAsync(
            () =>
            {
                admitted += ChargeAsync(relay).AsTask().GetAwaiter().GetResult().Charge is null ? 0 : 1;
                return relay.Link.Problem is not null
                    && relay.Log.Lines.Any(line => line.Contains("can't write to its disk", StringComparison.Ordinal));
            },
            "the relay says that it is not ready, and why"
        );

        server.FreeDisk();
        await Waiting.UntilAsync(() => ChargeAsync(relay).AsTask().GetAwaiter().GetResult().Charge is not null, "it counts again");
        (await UsedAsync(relay)).Requests.Should().Be(1 + admitted + 1, "each that was let in, and no other");
    }

    [Fact]
    public async Task A_mistake_in_a_script_is_logged_once_for_each_time()
    {
        await using var relay = await StartAsync();

        var asking = () => relay.Link.RunAsync("return redis.call('NO-SUCH-COMMAND')", [], [], Waiting.Token);

        await asking.Should().ThrowAsync<RelayErrorException>();
        relay.Log.Lines.Count(line => line.Contains("answered with an error", StringComparison.Ordinal)).Should().Be(1);
    }

    private static long Replicated(RedisServer server, string offset) =>
        long.Parse(
            server
                .Cli("info", "replication")
                .Split('\n')
                .Single(line => line.StartsWith(offset + ":", StringComparison.Ordinal))
                .Split(':')[1],
            System.Globalization.CultureInfo.InvariantCulture
        );

    private static async Task AddAsync(RedisRelay relay, ApiKey key) =>
        (await relay.Keys.ChangeAsync<int>(keys => ((IReadOnlyList<ApiKey>)[.. keys, key], 0), Waiting.Token)).Error.Should().BeNull();
}
