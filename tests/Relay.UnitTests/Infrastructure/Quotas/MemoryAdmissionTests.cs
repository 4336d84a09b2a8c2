using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Infrastructure.Quotas;

namespace Relay.UnitTests.Infrastructure.Quotas;

public sealed class MemoryAdmissionTests : IDisposable
{
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 3, 14, 23, 0, 0, TimeSpan.Zero));
    private readonly QuotaOptions _options = new() { GlobalConcurrency = 1000, QueueLimit = 1000, PerKeyDaily = 100, GlobalDaily = 10_000 };
    private readonly ApiKey _key = Any.Key();
    private MemoryAdmission? _admission;

    /// <summary>Made with the options as the test has set them.</summary>
    private MemoryAdmission Admission => _admission ??= new MemoryAdmission(Options.Create(_options), _clock);

    public void Dispose() => _admission?.Dispose();

    [Fact]
    public async Task Five_hundred_at_once_against_a_limit_of_a_hundred_admit_exactly_a_hundred()
    {
        var admission = Admission;
        var results = await Task.WhenAll(Enumerable.Range(0, 500).Select(_ => Task.Run(() => admission.AdmitAsync(_key, Waiting.Token), Waiting.Token))).InTime();

        results.Count(result => result.Error is null).Should().Be(100);
        results.Select(result => result.Error?.Code).OfType<ErrorCode>().Should().HaveCount(400).And.OnlyContain(code => code == ErrorCode.DailyLimit);
    }

    [Fact]
    public async Task All_keys_together_have_a_limit_too()
    {
        _options.GlobalDaily = 50;
        var admission = Admission;
        var keys = Enumerable.Range(0, 10).Select(number => Any.Key($"key-{number}")).ToList();

        var results = await Task.WhenAll(keys.SelectMany(key => Enumerable.Repeat(key, 20)).Select(key => Task.Run(() => admission.AdmitAsync(key, Waiting.Token), Waiting.Token))).InTime();

        results.Count(result => result.Error is null).Should().Be(50);
        results.Select(result => result.Error?.Code).OfType<ErrorCode>().Should().OnlyContain(code => code == ErrorCode.GlobalDailyLimit);
    }

    [Fact]
    public async Task A_key_may_carry_its_own_limit()
    {
        var (small, large) = (Any.Key("small", dailyLimit: 2), Any.Key("large", dailyLimit: 200));

        (await CountAdmittedAsync(small, 10)).Should().Be(2);
        (await CountAdmittedAsync(large, 250)).Should().Be(200);
        (await CountAdmittedAsync(_key, 150)).Should().Be(100);
    }

    [Fact]
    public async Task The_wait_lasts_until_the_next_UTC_day_and_then_the_count_begins_anew()
    {
        _options.PerKeyDaily = 1;
        (await Admission.AdmitAsync(_key, Waiting.Token)).Error.Should().BeNull();
        var refusal = (await Admission.AdmitAsync(_key, Waiting.Token)).Error!;
        refusal.RetryAfter.Should().Be(TimeSpan.FromHours(1));

        _clock.Advance(refusal.RetryAfter!.Value - TimeSpan.FromTicks(1));
        (await Admission.AdmitAsync(_key, Waiting.Token)).Error!.Code.Should().Be(ErrorCode.DailyLimit);
        _clock.Advance(TimeSpan.FromTicks(1));
        (await CountAdmittedAsync(_key, 5)).Should().Be(1);
    }

    [Fact]
    public async Task A_clock_that_goes_backwards_gives_nothing_back()
    {
        _options.PerKeyDaily = 1;
        var clock = new BackwardsClock(_clock);
        using var admission = new MemoryAdmission(Options.Create(_options), clock);
        (await admission.AdmitAsync(_key, Waiting.Token)).Error.Should().BeNull();

        clock.Offset = TimeSpan.FromDays(-3);

        var refusal = (await admission.AdmitAsync(_key, Waiting.Token)).Error!;
        refusal.Code.Should().Be(ErrorCode.DailyLimit);
        refusal.RetryAfter.Should().Be(TimeSpan.FromDays(3) + TimeSpan.FromHours(1));
    }

    [Fact]
    public async Task Beyond_the_places_requests_wait_in_order_and_a_leaver_frees_its_place()
    {
        (_options.GlobalConcurrency, _options.QueueLimit) = (1, 2);
        var running = (await Admission.AdmitAsync(_key, Waiting.Token)).Value;
        var first = Admission.AdmitAsync(_key, Waiting.Token);
        var second = Admission.AdmitAsync(_key, Waiting.Token);
        (first.IsCompleted, second.IsCompleted).Should().Be((false, false));

        running.Dispose();
        var lease = (await first.InTime()).Value;
        second.IsCompleted.Should().BeFalse();
        lease.Dispose();
        (await second.InTime()).Error.Should().BeNull();
    }

    [Fact]
    public async Task A_full_queue_refuses_at_once_and_does_not_charge()
    {
        (_options.GlobalConcurrency, _options.QueueLimit, _options.PerKeyDaily) = (1, 1, 3);
        var running = (await Admission.AdmitAsync(_key, Waiting.Token)).Value;
        var waiting = Admission.AdmitAsync(_key, Waiting.Token);

        for (var attempt = 0; attempt < 10; attempt++)
        {
            var refusal = (await Admission.AdmitAsync(_key, Waiting.Token).InTime()).Error!;
            refusal.Code.Should().Be(ErrorCode.QueueFull, "the daily limit would come first if refusals were charged");
            refusal.RetryAfter.Should().Be(_options.QueueTimeout);
        }

        running.Dispose();
        (await waiting.InTime()).Value.Dispose();
        (await CountAdmittedAsync(_key, 5)).Should().Be(1, "two of three were used");
    }

    [Fact]
    public async Task A_wait_beyond_the_queue_timeout_is_refused_and_not_charged()
    {
        (_options.GlobalConcurrency, _options.PerKeyDaily) = (1, 2);
        var running = (await Admission.AdmitAsync(_key, Waiting.Token)).Value;
        var waiting = Admission.AdmitAsync(_key, Waiting.Token);

        _clock.Advance(_options.QueueTimeout - TimeSpan.FromTicks(1));
        waiting.IsCompleted.Should().BeFalse();
        _clock.Advance(TimeSpan.FromTicks(1));

        (await waiting.InTime()).Error.Should().BeEquivalentTo(new { Code = ErrorCode.Overloaded, RetryAfter = _options.QueueTimeout });
        running.Dispose();
        (await CountAdmittedAsync(_key, 5)).Should().Be(1, "one of two was used");
    }

    [Fact]
    public async Task A_caller_that_leaves_the_queue_frees_its_place_there_and_is_not_charged()
    {
        (_options.GlobalConcurrency, _options.QueueLimit, _options.PerKeyDaily) = (1, 1, 2);
        var running = (await Admission.AdmitAsync(_key, Waiting.Token)).Value;
        using var left = new CancellationTokenSource();
        var leaver = Admission.AdmitAsync(_key, left.Token);

        await left.CancelAsync();

        await ((Func<Task>)(() => leaver.InTime())).Should().ThrowAsync<OperationCanceledException>();
        var next = Admission.AdmitAsync(_key, Waiting.Token);
        running.Dispose();
        (await next.InTime()).Error.Should().BeNull("there was room in the queue and in the daily limit");
    }

    [Fact]
    public async Task A_refund_after_midnight_takes_nothing_from_the_new_day()
    {
        (_options.GlobalConcurrency, _options.PerKeyDaily, _options.QueueTimeout) = (1, 2, TimeSpan.FromHours(5));
        var running = (await Admission.AdmitAsync(Any.Key("other"), Waiting.Token)).Value;
        using var left = new CancellationTokenSource();
        var yesterdays = Admission.AdmitAsync(_key, left.Token);
        _clock.Advance(TimeSpan.FromHours(1));
        var todays = Admission.AdmitAsync(_key, Waiting.Token);

        await left.CancelAsync();
        await ((Func<Task>)(() => yesterdays.InTime())).Should().ThrowAsync<OperationCanceledException>();
        running.Dispose();
        (await todays.InTime()).Value.Dispose();

        (await CountAdmittedAsync(_key, 5)).Should().Be(1, "one of the new day's two is used");
    }

    [Fact]
    public async Task Places_are_given_back_exactly_once()
    {
        (_options.GlobalConcurrency, _options.QueueLimit) = (1, 0);
        var lease = (await Admission.AdmitAsync(_key, Waiting.Token)).Value;
        lease.Dispose();
        lease.Dispose();

        (await Admission.AdmitAsync(_key, Waiting.Token)).Error.Should().BeNull();
        (await Admission.AdmitAsync(_key, Waiting.Token)).Error!.Code.Should().Be(ErrorCode.QueueFull);
    }

    private async Task<int> CountAdmittedAsync(ApiKey key, int attempts)
    {
        var admitted = 0;
        for (var attempt = 0; attempt < attempts; attempt++)
        {
            if ((await Admission.AdmitAsync(key, Waiting.Token).InTime()).TryGet(out var lease, out _))
            {
                lease.Dispose();
                admitted++;
            }
        }

        return admitted;
    }

    private sealed class BackwardsClock(TimeProvider clock) : TimeProvider
    {
        public TimeSpan Offset { get; set; }

        public override DateTimeOffset GetUtcNow() => clock.GetUtcNow() + Offset;

        public override long GetTimestamp() => clock.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => clock.CreateTimer(callback, state, dueTime, period);
    }
}
