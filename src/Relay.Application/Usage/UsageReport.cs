using System.Globalization;

namespace Relay.Application.Usage;

/// <summary>The usage of all keys over some days.</summary>
/// <param name="Since">The first day, UTC.</param>
/// <param name="Today">The last day, UTC.</param>
/// <param name="Rows">By day, key and model.</param>
/// <param name="Labels">The labels of key ids, also of revoked keys.</param>
public sealed record UsageReport(DateOnly Since, DateOnly Today, IReadOnlyList<UsageRow> Rows, IReadOnlyDictionary<string, string> Labels)
{
    /// <summary>One total for each day, oldest first, also for a day without usage.</summary>
    public IEnumerable<UsageTotal> ByDay()
    {
        var rows = Rows.ToLookup(row => row.Day);
        return Enumerable
            .Range(Since.DayNumber, Today.DayNumber - Since.DayNumber + 1)
            .Select(DateOnly.FromDayNumber)
            .Select(day => UsageTotal.Of(day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), rows[day]));
    }

    /// <summary>One total for each label, or for each id of a key that no longer exists; the dearest first.</summary>
    public IEnumerable<UsageTotal> ByKey() => By(Rows, row => Labels.GetValueOrDefault(row.KeyId, row.KeyId));

    /// <summary>One total for each model, of completions only; the dearest first.</summary>
    public IEnumerable<UsageTotal> ByModel() => By(Rows.Where(row => row.Model is not null), row => row.Model!);

    private static IEnumerable<UsageTotal> By(IEnumerable<UsageRow> rows, Func<UsageRow, string> name) =>
        rows.GroupBy(name, StringComparer.Ordinal)
            .Select(group => UsageTotal.Of(group.Key, group))
            .OrderByDescending(total => total.Usage.CostUsd)
            .ThenByDescending(total => total.Requests + total.Pages)
            .ThenBy(total => total.Name, StringComparer.Ordinal);
}
