using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Application.Diagnostics;
using Relay.Application.Usage;
using Relay.Domain.Completions;
using Relay.Infrastructure;
using Relay.Infrastructure.Diagnostics;

namespace Relay.UnitTests.Infrastructure.Diagnostics;

public sealed class ClockCheckTests : IDisposable
{
    private readonly TemporaryHome _home = new();
    private readonly IUsageReader _usage = Substitute.For<IUsageReader>();
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 20, 23, 59, 0, TimeSpan.Zero));

    public ClockCheckTests() => Counts();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task Today_and_what_is_past_are_no_reason_to_doubt_the_clock()
    {
        await AuditAsync("2026-11-19", "2026-11-20", "notes");

        (await RunAsync()).Status.Should().Be(FindingStatus.Pass);
    }

    [Fact]
    public async Task A_clock_that_stands_before_the_relay_was_written_is_wrong()
    {
        var past = new FakeTimeProvider(new DateTimeOffset(2025, 12, 31, 0, 0, 0, TimeSpan.Zero));

        (await RunAsync(past)).Status.Should().Be(FindingStatus.Fail);
    }

    [Fact]
    public async Task A_day_to_come_in_the_audit_log_is_told()
    {
        await AuditAsync("2026-11-21");

        (await RunAsync())
            .Should()
            .Match<Finding>(finding =>
                finding.Status == FindingStatus.Fail && finding.Detail.Contains("2026-11-21", StringComparison.Ordinal)
            );
    }

    [Fact]
    public async Task A_day_to_come_in_the_database_is_told()
    {
        Counts(new UsageRow(new DateOnly(2026, 12, 1), "key_1", "opus", 1, new TokenUsage(0, 0, 0, 0, null)));

        (await RunAsync())
            .Should()
            .Match<Finding>(finding =>
                finding.Status == FindingStatus.Fail && finding.Detail.Contains("relay.db", StringComparison.Ordinal)
            );
    }

    [Fact]
    public async Task A_database_that_does_not_open_is_another_checks_to_tell()
    {
        _usage
            .ReadAsync(null, default, Waiting.Token)
            .ReturnsForAnyArgs<IReadOnlyList<UsageRow>>(_ => throw new StartupException("It is no database."));

        (await RunAsync()).Status.Should().Be(FindingStatus.Pass);
    }

    private void Counts(params UsageRow[] rows) => _usage.ReadAsync(null, default, Waiting.Token).ReturnsForAnyArgs(rows);

    private async Task AuditAsync(params string[] names)
    {
        Directory.CreateDirectory(_home.Home.AuditDirectory);
        foreach (var name in names)
        {
            await File.WriteAllTextAsync(Path.Combine(_home.Home.AuditDirectory, $"{name}.jsonl"), string.Empty, Waiting.Token);
        }
    }

    private async Task<Finding> RunAsync(TimeProvider? clock = null) =>
        (await new ClockCheck(_usage, _home.Home, clock ?? _clock).RunAsync(new DiagnoseQuery(), Waiting.Token))
            .Should()
            .ContainSingle()
            .Which;
}
