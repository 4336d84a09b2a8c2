using Microsoft.Extensions.Options;
using Relay.Application.Contracts;
using Relay.Application.Fleet;
using Relay.Application.Keys;
using Relay.Application.Quotas;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Cli;

/// <summary><c>relayctl keys list</c> and <c>relayctl keys show</c>.</summary>
internal static class KeyViews
{
    public static Command List()
    {
        var all = new Option<bool>("--all") { Description = "List revoked keys, too." };
        var json = Json.Option();
        return new ExampleCommand("list", "List the keys, oldest first.", "relayctl keys list", "relayctl keys list --all --json")
        {
            all,
            json,
        }.Runs(
            async (session, cancellationToken) =>
            {
                if (
                    !(await session.Mediator.Send(new ListKeysQuery(session.Value(all)), cancellationToken)).TryGet(
                        out var keys,
                        out var problem
                    )
                )
                {
                    return session.Refuse(problem);
                }

                var now = session.Get<TimeProvider>().GetUtcNow();
                if (session.Value(json))
                {
                    Json.Write(session.Output, keys.Select(listed => KeyContract.From(listed.Key, listed.LastUsedAt, now)));
                    return ExitCode.Done;
                }

                Terminal.WriteTable(
                    session.Output,
                    ["LABEL", "SECRET", "STATE", "CREATED", "LAST USED", "SCOPES"],
                    keys.Select(listed =>
                        (IReadOnlyList<string>)
                            [
                                listed.Key.Label.Value,
                                $"{listed.Key.Prefix}…",
                                StateOf(listed.Key, now),
                                Terminal.Time(listed.Key.CreatedAt),
                                Terminal.Time(listed.LastUsedAt),
                                string.Join(",", listed.Key.Scopes.ToNames()),
                            ]
                    )
                );
                return ExitCode.Done;
            },
            needsSettings: false
        );
    }

    public static Command Show()
    {
        var label = KeyCommands.LabelArgument();
        var json = Json.Option();
        return new ExampleCommand(
            "show",
            "Show one key with its limits and its usage today. When every key of the label is revoked: the last of them.",
            "relayctl keys show shop"
        )
        {
            label,
            json,
        }.Runs(
            async (session, cancellationToken) =>
            {
                if (
                    !(await session.Mediator.Send(new ListKeysQuery(WithRevoked: true), cancellationToken)).TryGet(
                        out var keys,
                        out var problem
                    )
                    || !(await session.Mediator.Send(new ReportUsageQuery(Days: 1), cancellationToken)).TryGet(out var report, out problem)
                )
                {
                    return session.Refuse(problem);
                }

                var wanted = session.Value(label);
                var ofLabel = keys.Where(listed => listed.Key.Label == wanted).ToList();
                if ((ofLabel.Find(listed => listed.Key.RevokedAt is null) ?? ofLabel.LastOrDefault()) is not { } found)
                {
                    return session.Refuse(
                        new RelayError(ErrorCode.NotFound, $"There is no key '{wanted}'. 'relayctl keys list --all' shows all keys.")
                    );
                }

                var today = UsageDocument.Sum(report.Rows.Where(row => row.KeyId == found.Key.Id));
                if (session.Value(json))
                {
                    Json.Write(
                        session.Output,
                        new { key = KeyContract.From(found.Key, found.LastUsedAt, session.Get<TimeProvider>().GetUtcNow()), today }
                    );
                    return ExitCode.Done;
                }

                var fleet = session.Get<IFleet>();
                await fleet.ReadAsync(cancellationToken);
                var limits = session.Get<IOptions<QuotaOptions>>().Value.LimitsOf(found.Key, QuotaBucket.Completions, fleet.Alive);
                var own = found.Key.Limits;
                Terminal.WriteTable(
                    session.Output,
                    ["KEY", found.Key.Label.Value],
                    [
                        ["id", found.Key.Id],
                        ["secret", $"{found.Key.Prefix}…"],
                        ["state", StateOf(found.Key, session.Get<TimeProvider>().GetUtcNow())],
                        ["created", Terminal.Time(found.Key.CreatedAt)],
                        ["expires", Terminal.Time(found.Key.ExpiresAt)],
                        ["last used", Terminal.Time(found.LastUsedAt)],
                        ["scopes", string.Join(",", found.Key.Scopes.ToNames())],
                        ["models", found.Key.Models is { } models ? string.Join(",", models) : "all that the relay allows"],
                        ["tools", found.Key.AllowsTools ? "allowed; they run at the caller" : "refused"],
                        ["requests a minute", Limit(limits.PerMinute, own.RequestsPerMinute is null)],
                        ["requests a day", Limit(limits.PerDay, own.RequestsPerDay is null)],
                        ["requests at once", Limit(limits.Concurrency, own.Concurrency is null)],
                        ["US dollars a day", own.UsdPerDay is { } usd ? UsageDocument.Money(usd) : "no limit"],
                        [
                            "today",
                            $"{today.Requests} requests, {today.InputTokens} tokens in, {today.OutputTokens} out, "
                                + $"${UsageDocument.Money(today.CostUsd)}",
                        ],
                    ]
                );
                return ExitCode.Done;
            }
        );
    }

    private static string Limit(int limit, bool isDefault) =>
        isDefault ? $"{limit} (the relay's setting)" : limit.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static string StateOf(ApiKey key, DateTimeOffset now) =>
        key switch
        {
            { RevokedAt: { } revoked } => $"revoked {Terminal.Time(revoked)}",
            { ExpiresAt: { } expires } when expires <= now => $"expired {Terminal.Time(expires)}",
            _ when key.OldSecretUntil(now) is { } until => $"active; old secret until {Terminal.Time(until)}",
            _ => "active",
        };
}
