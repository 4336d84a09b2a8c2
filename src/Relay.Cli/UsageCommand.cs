using System.Globalization;
using Relay.Application.Usage;

namespace Relay.Cli;

/// <summary><c>relayctl usage</c>.</summary>
internal static class UsageCommand
{
    private const string ByKey = "key";
    private const string ByModel = "model";
    private const string ByDay = "day";

    public static Command Create()
    {
        var by = new Option<string>("--by") { Description = "Group the sums by this.", DefaultValueFactory = _ => ByKey };
        by.AcceptOnlyFromAmong(ByKey, ByModel, ByDay);
        var days = new Option<int>("--days")
        {
            Description = $"Sum up this many UTC days, including today; at most {GetUsageQuery.MaxDays}.",
            DefaultValueFactory = _ => 7,
            HelpName = "n",
        };
        var json = Json.Option();
        return new ExampleCommand(
            "usage",
            "Show the usage: requests, pages, tokens, and US dollars by list price. Running requests count with their reserved cost.",
            "relayctl usage",
            "relayctl usage --by day --days 30",
            "relayctl usage --by model --json"
        )
        {
            by,
            days,
            json,
        }.Runs(
            async (session, cancellationToken) =>
            {
                if (
                    !(await session.Mediator.Send(new ReportUsageQuery(session.Value(days)), cancellationToken)).TryGet(
                        out var report,
                        out var problem
                    )
                )
                {
                    return session.Refuse(problem);
                }

                var chosen = session.Value(by)!;
                var groups = report
                    .Rows.GroupBy(row => NameOf(row, chosen), StringComparer.Ordinal)
                    .Select(group => (group.Key, Sum: UsageDocument.Sum(group)))
                    .ToList();
                var total = UsageDocument.Sum(report.Rows);
                if (session.Value(json))
                {
                    Json.Write(
                        session.Output,
                        new
                        {
                            by = chosen,
                            days = session.Value(days),
                            rows = groups.Select(group => Row(chosen, group.Key, group.Sum, report)),
                            total,
                        }
                    );
                    return ExitCode.Done;
                }

                Terminal.WriteTable(
                    session.Output,
                    [chosen.ToUpperInvariant(), ">REQUESTS", ">PAGES", ">TOKENS IN", ">OUT", ">CACHE WRITTEN", ">READ", ">USD"],
                    [
                        .. groups.Select(group => group.Sum.Cells(chosen == ByKey ? LabelOf(group.Key, report) : group.Key)),
                        total.Cells("total"),
                    ]
                );
                return ExitCode.Done;
            }
        );
    }

    private static string NameOf(UsageRow row, string by) =>
        by switch
        {
            ByModel => row.Model ?? "(pages)",
            ByDay => row.Day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            _ => row.KeyId,
        };

    /// <summary>The label, or the id of a key that no longer exists.</summary>
    private static string LabelOf(string keyId, UsageReport report) => report.Labels.TryGetValue(keyId, out var label) ? label : keyId;

    private static object Row(string by, string name, UsageDocument usage, UsageReport report) =>
        by switch
        {
            ByModel => new { model = name, usage },
            ByDay => new { day = name, usage },
            _ => new
            {
                key_id = name,
                label = report.Labels.TryGetValue(name, out var label) ? label : null,
                usage,
            },
        };
}
