using System.Globalization;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using Relay.Application.Quotas;
using Relay.Domain.Quotas;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// Reads the account's limits from the headers of the API's answer: <c>anthropic-ratelimit-unified-*</c> of a subscription (names from
/// Claude Code 2.1.330, which reads them), <c>anthropic-ratelimit-{requests,tokens,…}-*</c> of an API key (Anthropic's documentation).
/// </summary>
internal static partial class AccountLimitHeaders
{
    private const string Prefix = "anthropic-ratelimit-";
    private const string Unified = Prefix + "unified-";
    private const string Utilization = "-utilization";

    private const int MaxLimits = 16;

    private static readonly string[] Counted = ["requests", "tokens", "input-tokens", "output-tokens"];

    public static UpstreamLimit? ReadRejection(HttpResponseHeaders headers) =>
        Text(headers, Unified + "status") != "rejected"
            ? null
            : new UpstreamLimit(
                Text(headers, Unified + "representative-claim") is { } claim && KindOfLimit().IsMatch(claim) ? claim : null,
                Seconds(headers, Unified + "reset")
            );

    /// <summary>The used share of each limit, as far as the headers say. An API key's limits count by the model's family.</summary>
    public static IReadOnlyList<AccountUse> ReadUses(HttpResponseHeaders headers, string family) =>
        [
            .. ReadSubscription(headers)
                .Concat(Counted.Select(kind => ReadCount(headers, kind, family)).OfType<AccountUse>())
                .Take(MaxLimits),
        ];

    private static IEnumerable<AccountUse> ReadSubscription(HttpResponseHeaders headers)
    {
        foreach (var (name, _) in headers)
        {
            if (
                name.StartsWith(Unified, StringComparison.OrdinalIgnoreCase)
                && name.EndsWith(Utilization, StringComparison.OrdinalIgnoreCase)
                && name.Length > Unified.Length + Utilization.Length
                && name[Unified.Length..^Utilization.Length].ToLowerInvariant() is var window
                && Name(window) is { } kind
                && double.TryParse(Text(headers, name), NumberStyles.Float, CultureInfo.InvariantCulture, out var used)
                && used is >= 0 and <= 100
            )
            {
                yield return new AccountUse(kind, Family: null, used, Seconds(headers, $"{Unified}{window}-reset"));
            }
        }
    }

    private static AccountUse? ReadCount(HttpResponseHeaders headers, string kind, string family) =>
        long.TryParse(Text(headers, $"{Prefix}{kind}-limit"), NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
        && limit > 0
        && long.TryParse(Text(headers, $"{Prefix}{kind}-remaining"), NumberStyles.None, CultureInfo.InvariantCulture, out var remaining)
            ? new AccountUse(
                kind.Replace('-', '_'),
                family,
                1 - ((double)Math.Min(remaining, limit) / limit),
                DateTimeOffset.TryParse(
                    Text(headers, $"{Prefix}{kind}-reset"),
                    CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
                    out var reset
                )
                    ? reset
                    : null
            )
            : null;

    private static string? Name(string window) =>
        window switch
        {
            "5h" => "five_hour",
            "7d" => "seven_day",
            "7d_oi" => "seven_day_overage_included",
            _ => KindOfLimit().IsMatch(window.Replace('-', '_')) ? window.Replace('-', '_') : null,
        };

    private static DateTimeOffset? Seconds(HttpResponseHeaders headers, string name) =>
        long.TryParse(Text(headers, name), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
        && seconds is > 0 and < 100_000_000_000
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : null;

    private static string? Text(HttpResponseHeaders headers, string name) =>
        headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;

    [GeneratedRegex("^[a-z0-9_]{1,40}\\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex KindOfLimit();
}
