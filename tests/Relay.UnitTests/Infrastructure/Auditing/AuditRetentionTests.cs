using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Relay.Infrastructure.Auditing;

namespace Relay.UnitTests.Infrastructure.Auditing;

/// <summary>The audit log's days are kept as long as the operator says, and nothing else is touched.</summary>
public sealed class AuditRetentionTests : IDisposable
{
    private readonly TemporaryHome _home = new();
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 3, 14, 23, 30, 0, TimeSpan.Zero));

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task Days_that_are_over_are_removed_at_start_and_while_it_runs()
    {
        Directory.CreateDirectory(_home.Home.AuditDirectory);
        foreach (
            var name in (string[])
                [
                    "2025-12-31.jsonl",
                    "2026-03-11.jsonl",
                    "2026-03-12.jsonl",
                    "2026-03-13.jsonl",
                    "2026-03-14.jsonl",
                    "notes.jsonl",
                    "2026-03-10.txt",
                ]
        )
        {
            await File.WriteAllTextAsync(Path.Combine(_home.Home.AuditDirectory, name), "x", Waiting.Token);
        }

        using var retention = new AuditRetention(
            _home.Home,
            Options.Create(new AuditOptions { AuditDays = 3 }),
            _clock,
            NullLogger<AuditRetention>.Instance
        );
        await retention.StartAsync(Waiting.Token);

        await Waiting.UntilAsync(
            () => Names().SetEquals(["2026-03-12.jsonl", "2026-03-13.jsonl", "2026-03-14.jsonl", "notes.jsonl", "2026-03-10.txt"]),
            "what is too old is removed at start"
        );
        await Waiting.UntilAsync(
            () => !Names().Contains("2026-03-12.jsonl"),
            "the next day is removed after midnight",
            () => _clock.Advance(TimeSpan.FromMinutes(10))
        );
        Names().Should().Contain("2026-03-14.jsonl");
        await retention.StopAsync(Waiting.Token).InTime();
    }

    [Fact]
    public async Task Without_a_log_there_is_nothing_to_remove()
    {
        using var retention = new AuditRetention(
            _home.Home,
            Options.Create(new AuditOptions()),
            _clock,
            NullLogger<AuditRetention>.Instance
        );

        await retention.StartAsync(Waiting.Token);
        await retention.StopAsync(Waiting.Token).InTime();

        retention.ExecuteTask!.IsFaulted.Should().BeFalse();
    }

    private HashSet<string> Names() => [.. Directory.EnumerateFiles(_home.Home.AuditDirectory).Select(file => Path.GetFileName(file))];
}
