using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Infrastructure.Quotas;

/// <summary>
/// Daily counts and the queue, in memory: a restart begins the day anew. Waits in the order of arrival.
/// </summary>
internal sealed class MemoryAdmission : IAdmission, IDisposable
{
    private readonly QuotaOptions _options;
    private readonly TimeProvider _clock;
    private readonly ConcurrencyLimiter _places;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _spentByKey = new(StringComparer.Ordinal);

    private DateOnly _day;
    private int _spent;

    public MemoryAdmission(IOptions<QuotaOptions> options, TimeProvider clock)
    {
        (_options, _clock) = (options.Value, clock);
        _places = new ConcurrencyLimiter(new ConcurrencyLimiterOptions
        {
            PermitLimit = _options.GlobalConcurrency,
            QueueLimit = _options.QueueLimit,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        });
    }

    /// <inheritdoc/>
    public async Task<Result<IDisposable>> AdmitAsync(ApiKey caller, CancellationToken cancellationToken)
    {
        if (!Charge(caller).TryGet(out var day, out var refusal))
        {
            return refusal;
        }

        var admitted = false;
        using var patience = new CancellationTokenSource(_options.QueueTimeout, _clock);
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            var lease = await _places.AcquireAsync(1, wait.Token);
            admitted = lease.IsAcquired;
            return admitted
                ? lease
                : new RelayError(ErrorCode.QueueFull, $"{_options.QueueLimit} requests are waiting already. Try again shortly.", RetryAfter: _options.QueueTimeout);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new RelayError(
                ErrorCode.Overloaded, $"No place became free within {_options.QueueTimeout.TotalSeconds:0.###} s. Try again shortly.", RetryAfter: _options.QueueTimeout);
        }
        finally
        {
            if (!admitted)
            {
                GiveBack(caller, day);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _places.Dispose();

    /// <summary>The day that was charged, or a refusal.</summary>
    private Result<DateOnly> Charge(ApiKey caller)
    {
        lock (_lock)
        {
            var now = _clock.GetUtcNow();
            var today = DateOnly.FromDateTime(now.UtcDateTime);
            // Only forwards: a clock that jumps back gives nothing back.
            if (today > _day)
            {
                (_day, _spent) = (today, 0);
                _spentByKey.Clear();
            }

            var untilTomorrow = _day.AddDays(1).ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc) - now.UtcDateTime;
            var spentByKey = _spentByKey.GetValueOrDefault(caller.Id);
            var limit = caller.DailyLimit ?? _options.PerKeyDaily;
            if (spentByKey >= limit)
            {
                return new RelayError(ErrorCode.DailyLimit, $"This key has used its {limit} requests of the day (UTC).", RetryAfter: untilTomorrow);
            }

            if (_spent >= _options.GlobalDaily)
            {
                return new RelayError(ErrorCode.GlobalDailyLimit, "The relay has used all its requests of the day (UTC).", RetryAfter: untilTomorrow);
            }

            _spentByKey[caller.Id] = spentByKey + 1;
            _spent++;
            return _day;
        }
    }

    private void GiveBack(ApiKey caller, DateOnly day)
    {
        lock (_lock)
        {
            // What was charged before midnight and given up after it is no part of the new day's count.
            if (day == _day && _spentByKey.GetValueOrDefault(caller.Id) is > 0 and var spent)
            {
                _spentByKey[caller.Id] = spent - 1;
                _spent--;
            }
        }
    }
}
