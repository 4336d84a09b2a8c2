using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Application.Fleet;
using Relay.Application.Models;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Application.Quotas;

/// <summary>
/// Decides which requests may spend, and when. It asks the account's own limits, then the key's, then waits for a place to run in. A
/// request that is refused here uses up no limit.
/// </summary>
internal sealed class Admission(
    IQuotaStore quotas,
    FairQueues queues,
    FailureLimit failures,
    UpstreamLimits upstream,
    ModelCatalog models,
    IFleet fleet,
    IOptionsMonitor<QuotaOptions> options,
    IOptions<CompletionOptions> completions,
    TimeProvider clock
) : IAdmission
{
    private static readonly RelayError ShuttingDown = new(
        ErrorCode.ShuttingDown,
        "The relay is stopping. Try again when it is back.",
        RetryAfter: TimeSpan.FromSeconds(5)
    );

    /// <summary>Lets a request in.</summary>
    /// <returns>
    /// An admission to settle when the request is over, or one of <see cref="ErrorCode.ShuttingDown"/>,
    /// <see cref="ErrorCode.RateLimited"/>, <see cref="ErrorCode.DailyLimit"/>, <see cref="ErrorCode.GlobalDailyLimit"/>,
    /// <see cref="ErrorCode.UpstreamRateLimited"/>, <see cref="ErrorCode.QueueFull"/>, <see cref="ErrorCode.Overloaded"/> and
    /// <see cref="ErrorCode.StateUnavailable"/>, each with a retry time and without a charge.
    /// </returns>
    /// <exception cref="OperationCanceledException">The caller left while it waited; it was not charged.</exception>
    public async Task<Result<Admitted>> AdmitAsync(IAdmissible request, CancellationToken cancellationToken)
    {
        if (queues.IsClosed)
        {
            return ShuttingDown;
        }

        var context = request.Context;
        var limits = LimitsOf(context.Caller, request.Bucket);
        var reserve = 0m;
        if (request is ISpendsTokens spends)
        {
            var asked = context.Model = models.Resolve(spends.Request.Model);
            if (upstream.Find(asked) is { } known)
            {
                return known;
            }

            reserve = ModelPrice
                .Of(asked)
                .Estimate(
                    spends.Request.EstimatedInputTokens,
                    Math.Min(spends.Request.MaxOutputTokens ?? int.MaxValue, completions.Value.MaxOutputTokens)
                );
        }

        // Usage has a row for each model that the operator has listed, not for each name that a caller thinks of.
        var model = context.Model is { } named ? models.CountedAs(named) : null;
        var decision = await quotas.ChargeAsync(context.Caller.Id, model, limits, reserve, cancellationToken);
        context.Quotas = WithConcurrency(context.Caller.Id, limits, decision);
        if (decision.Charge is not { } charge)
        {
            return decision.Refusal!;
        }

        var admitted = new Admitted(charge, context.Model, model);
        RelayError? refusal;
        try
        {
            refusal = await EnterAsync(admitted, context, request.Bucket, cancellationToken);
        }
        catch
        {
            await DismissAsync(admitted);
            throw;
        }

        if (refusal is not null)
        {
            await DismissAsync(admitted);
            return refusal;
        }

        // The same decision, with the place that the request took since.
        context.Quotas = WithConcurrency(context.Caller.Id, limits, decision);
        return admitted;
    }

    /// <summary>Ends a request, however it went: settles its spending and frees its place. Returns the charge in US dollars.</summary>
    public async Task<decimal?> EndAsync(Admitted admitted, Spending spending, bool succeeded)
    {
        // Not the caller's token: spending counts also after the caller has left.
        try
        {
            if (admitted.Model is null)
            {
                // A page counts however it ended. Otherwise a key could try out for nothing which pages are refused.
                await quotas.SettleAsync(admitted.Charge, null, spending, 0, CancellationToken.None);
                return null;
            }

            if (spending.ReachedApi)
            {
                var cost = spending.Cost(ModelPrice.Of(admitted.Model), admitted.Charge.ReservedUsd);
                await quotas.SettleAsync(admitted.Charge, admitted.CountedAs, spending, cost, CancellationToken.None);
                return cost;
            }

            await quotas.GiveBackAsync(admitted.Charge, admitted.CountedAs, CancellationToken.None);
            return null;
        }
        finally
        {
            if (admitted.Pass is { } pass)
            {
                upstream.Report(pass, spending, succeeded);
            }

            admitted.Place?.Dispose();
        }
    }

    public QueueLoad LoadOf(QuotaBucket bucket) => queues[bucket].Load;

    public bool IsClosed => queues.IsClosed;

    public Task CloseAsync(CancellationToken cancellationToken)
    {
        queues.Close();
        return queues.Drained.WaitAsync(cancellationToken);
    }

    public IReadOnlyList<KeyLoad> LoadByKey(QuotaBucket bucket) => queues[bucket].LoadByKey;

    public QuotaLimits LimitsOf(ApiKey key, QuotaBucket bucket) => options.CurrentValue.LimitsOf(key, bucket, fleet.Alive);

    public RelayError? FindFailureLimit(ApiKey key) => failures.Find(key);

    public void CountFailure(ApiKey key) => failures.Count(key);

    public QuotaDecision? FindKnownRefusal(ApiKey key, QuotaBucket bucket)
    {
        if (queues.IsClosed)
        {
            return new QuotaDecision(null, ShuttingDown, []);
        }

        var limits = LimitsOf(key, bucket);
        return quotas.FindKnownRefusal(key.Id, limits) is { } refused
            ? refused with
            {
                Statuses = WithConcurrency(key.Id, limits, refused),
            }
            : null;
    }

    public async ValueTask<QuotaDecision> PeekAsync(ApiKey key, QuotaBucket bucket, CancellationToken cancellationToken)
    {
        var limits = LimitsOf(key, bucket);
        var decision = await quotas.PeekAsync(key.Id, limits, cancellationToken);
        return decision with
        {
            Refusal = queues.IsClosed ? ShuttingDown : decision.Refusal,
            Statuses = WithConcurrency(key.Id, limits, decision),
        };
    }

    private IReadOnlyList<QuotaStatus> WithConcurrency(string keyId, QuotaLimits limits, QuotaDecision decision)
    {
        var running = decision.Running ?? queues[limits.Bucket].RunningOf(keyId);
        var places = limits.Concurrency;
        return
        [
            .. decision.Statuses,
            new QuotaStatus(QuotaStanding.NameOf("concurrency", limits), places, Math.Max(0, places - running), null, null),
        ];
    }

    private async Task<RelayError?> EnterAsync(
        Admitted admitted,
        RequestContext context,
        QuotaBucket bucket,
        CancellationToken cancellationToken
    )
    {
        var startedAt = clock.GetTimestamp();
        var queue = queues[bucket];
        // By the settings of each moment, because they may change while the request waits.
        int PlacesInFleet() => LimitsOf(context.Caller, bucket).Concurrency;
        int PlacesHere() => Math.Min(PlacesInFleet(), options.CurrentValue.PlacesOf(context.Caller, bucket));
        var patience = Patience(context, queue);
        if (admitted.Charge.IsWaiting)
        {
            // The request stands in this relay's queue meanwhile, so that it counts as waiting. Other requests of its key pass it.
            using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var ready = quotas.WaitForPlaceAsync(admitted.Charge, PlacesInFleet, waiting.Token);
            admitted.Place = await queue.EnterAsync(context.Caller.Id, PlacesHere, patience, ready, cancellationToken);
            await waiting.CancelAsync();
            if (admitted.Place.Refusal is null)
            {
                // Throws when the wait ended without a place in the fleet.
                await ready;
            }
        }
        else
        {
            admitted.Place = await queue.EnterAsync(context.Caller.Id, PlacesHere, patience, cancellationToken);
        }

        // Not for a request that a full queue turned away at once: it costs nothing, so that only the audit log's own bound holds it
        // back.
        context.QueueTime = admitted.Place.Refusal == QueueRefusal.Full ? null : clock.GetElapsedTime(startedAt);
        switch (admitted.Place.Refusal)
        {
            case QueueRefusal.Closed:
                return ShuttingDown;
            case QueueRefusal.Full:
                return new RelayError(ErrorCode.QueueFull, "Too many requests are waiting already. Try again shortly.", RetryAfter: Wait());
            case QueueRefusal.WaitedTooLong:
                return new RelayError(
                    ErrorCode.Overloaded,
                    $"No place became free within {patience.TotalSeconds:0.###} s. Try again shortly.",
                    RetryAfter: Wait()
                );
        }

        if (admitted.Model is not { } model)
        {
            return null;
        }

        // Asked again, because the limit may have been met while this request waited.
        if (!upstream.Enter(model).TryGet(out var pass, out var refusal))
        {
            return refusal;
        }

        admitted.Pass = pass;
        return null;

        // The fleet does not tell how long requests of its other relays have run. This relay's own are the best guess.
        TimeSpan Wait()
        {
            var here = queue.EstimateWait(context.Caller.Id, PlacesHere());
            return admitted.Charge.IsWaiting && queue.RecentHold > here ? queue.RecentHold : here;
        }
    }

    /// <summary>The operator's longest wait; shorter when the client would be gone before an answer of the usual length.</summary>
    private TimeSpan Patience(RequestContext context, FairQueue queue)
    {
        if (context.Patience is not { } patience)
        {
            return options.CurrentValue.QueueTimeout;
        }

        // The client counts from its first byte.
        var announced = patience - (context.ArrivedAt is { } arrivedAt ? clock.GetElapsedTime(arrivedAt) : TimeSpan.Zero);
        var answering = TimeSpan.FromTicks(Math.Min(queue.RecentHold.Ticks, announced.Ticks / 2));
        return TimeSpan.FromTicks(Math.Min(options.CurrentValue.QueueTimeout.Ticks, Math.Max(0, (announced - answering).Ticks)));
    }

    private async Task DismissAsync(Admitted admitted)
    {
        admitted.Place?.Decline();
        await quotas.GiveBackAsync(admitted.Charge, admitted.CountedAs, CancellationToken.None);
    }
}
