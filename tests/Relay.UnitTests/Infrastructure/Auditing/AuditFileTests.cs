using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Relay.Application.Auditing;
using Relay.Infrastructure.Auditing;

namespace Relay.UnitTests.Infrastructure.Auditing;

public sealed class AuditFileTests : IDisposable
{
    private readonly TemporaryHome _home = new();
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 3, 14, 23, 59, 59, TimeSpan.Zero));
    private readonly AuditFile _audit;

    public AuditFileTests() => _audit = new AuditFile(_home.Home, _clock, NullLogger<AuditFile>.Instance);

    public void Dispose()
    {
        _audit.Dispose();
        _home.Dispose();
    }

    [Fact]
    public async Task Entries_are_written_in_order_and_all_of_them_before_the_relay_ends()
    {
        await _audit.StartAsync(Waiting.Token);
        for (var number = 0; number < 500; number++)
        {
            _audit.Write(Entry($"action-{number}"));
        }

        await _audit.StopAsync(Waiting.Token);

        Lines("2026-03-14").Select(line => line.GetProperty("action").GetString()).Should().Equal(Enumerable.Range(0, 500).Select(number => $"action-{number}"));
    }

    [Fact]
    public async Task A_line_says_what_happened_and_leaves_out_what_did_not()
    {
        await _audit.StartAsync(Waiting.Token);
        _audit.Write(new AuditEntry("complete", "key_1", "app", "timeout", TimeSpan.FromMilliseconds(1234.9), "a \"detail\"\nwith lines"));
        _audit.Write(new AuditEntry("lockdown_violation", null, null, null, TimeSpan.Zero));
        await _audit.StopAsync(Waiting.Token);

        File.ReadLines(FileOf("2026-03-14")).Should().Equal(
            """{"time":"2026-03-14T23:59:59+00:00","action":"complete","key_id":"key_1","key_label":"app","error":"timeout","duration_ms":1234,"detail":"a \u0022detail\u0022\nwith lines"}""",
            """{"time":"2026-03-14T23:59:59+00:00","action":"lockdown_violation","duration_ms":0}""");
    }

    [Fact]
    public async Task Only_the_owner_may_read_them()
    {
        await _audit.StartAsync(Waiting.Token);
        _audit.Write(Entry("a"));
        await _audit.StopAsync(Waiting.Token);

        File.GetUnixFileMode(FileOf("2026-03-14")).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.GetUnixFileMode(_home.Home.AuditDirectory).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    [Fact]
    public async Task Each_UTC_day_has_a_file_and_an_entry_belongs_to_the_day_it_was_made()
    {
        _audit.Write(Entry("yesterday"));
        _clock.Advance(TimeSpan.FromSeconds(1));
        _audit.Write(Entry("today"));
        await _audit.StartAsync(Waiting.Token);
        await _audit.StopAsync(Waiting.Token);

        Lines("2026-03-14").Select(line => line.GetProperty("action").GetString()).Should().Equal("yesterday");
        Lines("2026-03-15").Select(line => line.GetProperty("action").GetString()).Should().Equal("today");
    }

    [Fact]
    public async Task A_restart_goes_on_in_the_same_file()
    {
        foreach (var action in (string[])["before", "after"])
        {
            using var audit = new AuditFile(_home.Home, _clock, NullLogger<AuditFile>.Instance);
            await audit.StartAsync(Waiting.Token);
            audit.Write(Entry(action));
            await audit.StopAsync(Waiting.Token);
        }

        Lines("2026-03-14").Select(line => line.GetProperty("action").GetString()).Should().Equal("before", "after");
    }

    [Fact]
    public async Task An_entry_is_on_the_disk_soon_and_not_only_at_the_end()
    {
        await _audit.StartAsync(Waiting.Token);
        _audit.Write(Entry("a"));

        await Waiting.UntilAsync(() => File.Exists(FileOf("2026-03-14")) && new FileInfo(FileOf("2026-03-14")).Length > 0, "the entry is written");
        await _audit.StopAsync(Waiting.Token);
    }

    [Fact]
    public async Task A_day_that_can_not_be_written_does_not_stop_the_next_one()
    {
        Directory.CreateDirectory(FileOf("2026-03-14"));
        await _audit.StartAsync(Waiting.Token);
        _audit.Write(Entry("lost to the log"));
        _clock.Advance(TimeSpan.FromSeconds(1));
        _audit.Write(Entry("kept"));
        await _audit.StopAsync(Waiting.Token);

        Lines("2026-03-15").Should().ContainSingle();
    }

    private static AuditEntry Entry(string action) => new(action, "key_1", "app", null, TimeSpan.FromSeconds(1));

    private string FileOf(string day) => Path.Combine(_home.Home.AuditDirectory, day + ".jsonl");

    private List<JsonElement> Lines(string day) => [.. File.ReadLines(FileOf(day)).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
}
