using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Relay.Application.Auditing;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Infrastructure.Auditing;

namespace Relay.UnitTests.Infrastructure.Auditing;

public sealed class AuditFileTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly TemporaryHome _home = new();
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 3, 14, 23, 59, 59, TimeSpan.Zero));
    private readonly LogLines<AuditFile> _log = new();
    private readonly AuditFile _audit;

    public AuditFileTests() => _audit = Open();

    public void Dispose()
    {
        _audit.Dispose();
        _home.Dispose();
    }

    [Fact]
    public async Task Entries_are_written_in_order_and_all_of_them_before_the_relay_ends()
    {
        await _audit.StartAsync(Waiting.Token);
        for (var number = 0; number < 2500; number++)
        {
            _audit.Write(Entry($"action-{number}"));
        }

        await _audit.StopAsync(Waiting.Token).InTime();

        Actions("2026-03-14").Should().Equal(Enumerable.Range(0, 2500).Select(number => $"action-{number}"));
        _audit.Problem.Should().BeNull();
        _log.Lines.Should().BeEmpty();
    }

    [Fact]
    public async Task A_line_says_what_happened_and_leaves_out_what_did_not()
    {
        await _audit.StartAsync(Waiting.Token);
        _audit.Write(
            new AuditEntry("complete")
            {
                RequestId = "req_1",
                KeyId = "key_1",
                KeyLabel = "app",
                Route = "POST v1/complete",
                Model = "opus",
                Status = 504,
                Error = "timeout",
                Queue = TimeSpan.FromMilliseconds(0.26),
                FirstToken = TimeSpan.FromMilliseconds(800),
                Total = TimeSpan.FromMilliseconds(1234.96),
                Usage = new TokenUsage(1, 2, 3, 4, 9m),
                CostUsd = 0.0125m,
                RequestBytes = 77,
            }
        );
        _audit.Write(new AuditEntry("lockdown_violation") { Detail = "a \"detail\"\nwith lines, \u001b[31m and ä" });
        await _audit.StopAsync(Waiting.Token).InTime();

        File.ReadLines(FileOf("2026-03-14"))
            .Should()
            .Equal(
                """{"time":"2026-03-14T23:59:59Z","action":"complete","request_id":"req_1","key_id":"key_1","key_label":"app","route":"POST v1/complete","model":"opus","status":504,"error":"timeout","queue_ms":0.3,"first_token_ms":800,"total_ms":1235,"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":3,"cache_read_input_tokens":4,"cost_usd":0.0125,"request_bytes":77}""",
                """{"time":"2026-03-14T23:59:59Z","action":"lockdown_violation","detail":"a \u0022detail\u0022\nwith lines, \u001B[31m and \u00E4"}"""
            );
    }

    [Fact]
    public async Task A_line_of_a_changed_key_says_what_it_was_and_is_and_holds_no_hash_and_no_secret()
    {
        var (before, secret) = ApiKey.Create(Any.Label("billing"), Any.Time);
        var (after, newSecret) = (
            before with
            {
                ExpiresAt = Any.Time.AddDays(9),
                Scopes = KeyScopes.Complete | KeyScopes.Admin,
                Models = [Any.Model("opus"), Any.Model("haiku")],
                Limits = new KeyLimits(1, 2, 3, 4.5m),
            }
        ).Rotate(TimeSpan.FromHours(1), Any.Time);
        await _audit.StartAsync(Waiting.Token);
        _audit.Write(
            new AuditEntry("key_rotated")
            {
                KeyId = after.Id,
                KeyLabel = "billing",
                By = "operator",
                Before = before,
                After = after,
            }
        );
        await _audit.StopAsync(Waiting.Token).InTime();

        var text = File.ReadAllText(FileOf("2026-03-14"));
        text.Should()
            .Be(
                $$$"""{"time":"2026-03-14T23:59:59Z","action":"key_rotated","key_id":"{{{after.Id}}}","key_label":"billing","by":"operator","before":{"prefix":"{{{before.Prefix}}}","created_at":"2026-03-14T15:09:26Z","scopes":["complete","fetch","usage"]},"after":{"prefix":"{{{after.Prefix}}}","created_at":"2026-03-14T15:09:26Z","expires_at":"2026-03-23T15:09:26Z","scopes":["complete","admin"],"models":["opus","haiku"],"rpm":1,"daily":2,"concurrency":3,"usd_per_day":4.5,"old_secret_until":"2026-03-14T16:09:26Z"}}"""
                    + "\n"
            );
        foreach (var hash in (KeyHash[])[before.Hash, after.Hash])
        {
            text.Should().NotContain(hash.Value).And.NotContain(hash.Value["sha256:".Length..]);
        }

        text.Should().NotContain(secret.Reveal()[before.Prefix.Length..]).And.NotContain(newSecret.Reveal()[after.Prefix.Length..]);
    }

    [Fact]
    public async Task Only_the_owner_may_read_them()
    {
        await WriteAsync("a");

        Directory
            .EnumerateFiles(_home.Home.AuditDirectory)
            .Select(File.GetUnixFileMode)
            .Should()
            .NotBeEmpty()
            .And.OnlyContain(mode => mode == OwnerOnly);
        File.GetUnixFileMode(_home.Home.AuditDirectory).Should().Be(OwnerOnly | UnixFileMode.UserExecute);
    }

    [Fact]
    public async Task Each_UTC_day_has_a_file_and_an_entry_belongs_to_the_day_it_was_made()
    {
        _audit.Write(Entry("yesterday"));
        _clock.Advance(TimeSpan.FromSeconds(1));
        _audit.Write(Entry("today"));
        await _audit.StartAsync(Waiting.Token);
        await _audit.StopAsync(Waiting.Token).InTime();

        Actions("2026-03-14").Should().Equal("yesterday");
        Actions("2026-03-15").Should().Equal("today");
    }

    [Fact]
    public async Task A_restart_goes_on_in_the_same_file()
    {
        foreach (var action in (string[])["before", "after"])
        {
            using var audit = Open();
            await audit.StartAsync(Waiting.Token);
            audit.Write(Entry(action));
            await audit.StopAsync(Waiting.Token).InTime();
        }

        Actions("2026-03-14").Should().Equal("before", "after");
    }

    [Fact]
    public async Task An_entry_is_on_the_disk_soon_and_not_only_at_the_end()
    {
        await _audit.StartAsync(Waiting.Token);
        _audit.Write(Entry("a"));

        await Waiting.UntilAsync(
            () => File.Exists(FileOf("2026-03-14")) && new FileInfo(FileOf("2026-03-14")).Length > 0,
            "the entry is written"
        );
        await _audit.StopAsync(Waiting.Token).InTime();
    }

    [Fact]
    public async Task Of_what_one_key_repeats_a_thousand_lines_a_minute_are_written_and_the_rest_counted()
    {
        await _audit.StartAsync(Waiting.Token);
        for (var request = 0; request < 1500; request++)
        {
            _audit.WriteRepeated(Entry("complete") with { RequestId = $"req_{request}" });
            _audit.WriteRepeated(new AuditEntry("models") { KeyId = "key_2" });
        }

        await _audit.StopAsync(Waiting.Token).InTime();

        var lines = Lines("2026-03-14");
        lines.Count(line => line.TryGetProperty("request_id", out _)).Should().Be(20, "each of its own");
        lines
            .Where(line => line.TryGetProperty("count", out _))
            .Select(line =>
                (line.GetProperty("action").GetString(), line.GetProperty("key_id").GetString(), line.GetProperty("count").GetInt64())
            )
            .Should()
            .BeEquivalentTo([("complete", "key_1", 1480L), ("models", "key_2", 1480L)]);
        lines.Should().HaveCount(42);
    }

    [Fact]
    public async Task Requests_without_a_key_are_one_line_a_minute_for_each_error_and_the_rest_one_at_the_end()
    {
        await _audit.StartAsync(Waiting.Token);
        _audit.Write(Entry("a"));
        await Waiting.UntilAsync(() => File.Exists(FileOf("2026-03-14")), "the writer, and with it its minute, has begun");
        for (var request = 0; request < 1000; request++)
        {
            _audit.CountUnauthenticated("unauthorized");
        }

        _audit.CountUnauthenticated("wrong_host");
        _clock.Advance(TimeSpan.FromSeconds(59));
        _audit.CountUnauthenticated("unauthorized");
        File.Exists(FileOf("2026-03-15")).Should().BeFalse("the minute is not over");
        _clock.Advance(TimeSpan.FromSeconds(1));
        await Waiting.UntilAsync(
            () => File.Exists(FileOf("2026-03-15")) && File.ReadAllLines(FileOf("2026-03-15")).Length == 2,
            "the minute's lines are written"
        );

        _clock.Advance(TimeSpan.FromMinutes(5));
        _audit.CountUnauthenticated("unauthorized");
        await _audit.StopAsync(Waiting.Token).InTime();

        var lines = Lines("2026-03-15")
            .Select(line =>
                (line.GetProperty("action").GetString(), line.GetProperty("error").GetString(), line.GetProperty("count").GetInt64())
            )
            .ToList();
        lines[..2].Should().BeEquivalentTo([("unauthenticated", "unauthorized", 1001L), ("unauthenticated", "wrong_host", 1L)]);
        lines[2..].Should().Equal(("unauthenticated", "unauthorized", 1L));
    }

    [Fact]
    public async Task Two_writers_on_one_home_do_not_break_each_others_lines()
    {
        using var other = new AuditFile(_home.Home, TimeProvider.System, _log);
        using var third = new AuditFile(_home.Home, TimeProvider.System, _log);
        AuditFile[] writers = [other, third];
        var filler = new string('x', 3000);
        await Task.WhenAll(writers.Select(writer => writer.StartAsync(Waiting.Token)));
        await Task.WhenAll(
                writers.Select(
                    (writer, index) =>
                        Task.Run(
                            () =>
                            {
                                for (var number = 0; number < 1500; number++)
                                {
                                    writer.Write(new AuditEntry($"{index}-{number}") { Detail = filler });
                                }
                            },
                            Waiting.Token
                        )
                )
            )
            .InTime();
        await Task.WhenAll(writers.Select(writer => writer.StopAsync(Waiting.Token))).InTime();

        var actions = Directory
            .EnumerateFiles(_home.Home.AuditDirectory, "*.jsonl")
            .Order(StringComparer.Ordinal)
            .SelectMany(File.ReadLines)
            .Select(line => JsonSerializer.Deserialize<JsonElement>(line).GetProperty("action").GetString()!)
            .ToList();
        for (var index = 0; index < writers.Length; index++)
        {
            actions
                .Where(action => action.StartsWith($"{index}-", StringComparison.Ordinal))
                .Should()
                .Equal(Enumerable.Range(0, 1500).Select(number => $"{index}-{number}"));
        }

        actions.Should().HaveCount(3000);
        _log.Lines.Should().BeEmpty();
    }

    [Fact]
    public async Task A_failing_disk_is_a_problem_and_loses_no_line_and_no_order()
    {
        File.WriteAllText(_home.Home.AuditDirectory, "in the way");
        await _audit.StartAsync(Waiting.Token);
        for (var number = 0; number < 1500; number++)
        {
            _audit.Write(Entry($"action-{number}"));
        }

        await Waiting.UntilAsync(() => _audit.Problem is not null, "the problem is told");
        _log.Lines.Should().ContainSingle(line => line.Contains("lines wait", StringComparison.Ordinal), "once, not every second");

        File.Delete(_home.Home.AuditDirectory);
        await Waiting.UntilAsync(() => _audit.Problem is null, "the problem is over", () => _clock.Advance(TimeSpan.FromMilliseconds(100)));
        await _audit.StopAsync(Waiting.Token).InTime();

        Actions("2026-03-14").Should().Equal(Enumerable.Range(0, 1500).Select(number => $"action-{number}"));
    }

    [Fact]
    public async Task A_disk_that_fails_until_the_end_does_not_keep_the_relay_from_ending_and_what_is_lost_is_said()
    {
        File.WriteAllText(_home.Home.AuditDirectory, "in the way");
        await _audit.StartAsync(Waiting.Token);
        _audit.Write(Entry("a"));
        _audit.Write(Entry("b"));
        await Waiting.UntilAsync(() => _audit.Problem is not null, "the problem is told");
        using var noMoreTime = new CancellationTokenSource();

        var stopping = _audit.StopAsync(noMoreTime.Token);
        stopping.IsCompleted.Should().BeFalse("there is still time for the disk to come back");
        await noMoreTime.CancelAsync();
        await stopping.InTime();

        _log.Lines.Should().Contain(line => line.Contains("are lost", StringComparison.Ordinal));
    }

    [Fact]
    public void An_entry_that_finds_the_buffer_full_goes_to_the_log()
    {
        for (var number = 0; number < 10_000; number++)
        {
            _audit.Write(Entry("buffered"));
        }

        _log.Lines.Should().BeEmpty();
        _audit.Write(Entry("beyond"));

        _log.Lines.Should().ContainSingle().Which.Should().Contain("\"action\":\"beyond\"").And.Contain("10000");
    }

    [Fact]
    public async Task A_day_that_can_not_be_written_keeps_those_after_it_waiting_until_it_can()
    {
        Directory.CreateDirectory(FileOf("2026-03-14"));
        await _audit.StartAsync(Waiting.Token);
        _audit.Write(Entry("first"));
        _clock.Advance(TimeSpan.FromSeconds(1));
        _audit.Write(Entry("second"));
        await Waiting.UntilAsync(() => _audit.Problem is not null, "the problem is told");

        Directory.Delete(FileOf("2026-03-14"));
        await Waiting.UntilAsync(() => _audit.Problem is null, "the problem is over", () => _clock.Advance(TimeSpan.FromMilliseconds(100)));
        await _audit.StopAsync(Waiting.Token).InTime();

        Actions("2026-03-14").Should().Equal("first");
        Actions("2026-03-15").Should().Equal("second");
    }

    private AuditFile Open() => new(_home.Home, _clock, _log);

    private async Task WriteAsync(string action)
    {
        await _audit.StartAsync(Waiting.Token);
        _audit.Write(Entry(action));
        await _audit.StopAsync(Waiting.Token).InTime();
    }

    private static AuditEntry Entry(string action) =>
        new(action) { KeyId = "key_1", Error = new RelayError(ErrorCode.Timeout, "Late.").WireName };

    private string FileOf(string day) => Path.Combine(_home.Home.AuditDirectory, day + ".jsonl");

    private List<JsonElement> Lines(string day) =>
        [.. File.ReadLines(FileOf(day)).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];

    private IEnumerable<string?> Actions(string day) => Lines(day).Select(line => line.GetProperty("action").GetString());
}
