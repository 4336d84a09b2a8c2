namespace Relay.Application.Quotas;

/// <summary>
/// Keeps the used share of the Claude account's own limits. Each relay knows only the figures in its answers. A restart and the reset
/// of a limit clear the figures.
/// </summary>
internal sealed class AccountMeter(TimeProvider clock) : IAccountMeter
{
    /// <summary>Limits that are kept; the API names about ten.</summary>
    private const int MaxLimits = 64;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Kind, string? Family), AccountUse> _uses = [];

    /// <summary>The limits whose use is known now, the fullest first.</summary>
    public IReadOnlyList<AccountUse> Known
    {
        get
        {
            var now = clock.GetUtcNow();
            lock (_lock)
            {
                return [.. _uses.Values.Where(use => use.ResetsAt is not { } reset || reset > now).OrderByDescending(use => use.Used)];
            }
        }
    }

    public void Report(IEnumerable<AccountUse> uses)
    {
        lock (_lock)
        {
            foreach (var use in uses.Where(use => _uses.Count < MaxLimits || _uses.ContainsKey((use.Kind, use.Family))))
            {
                _uses[(use.Kind, use.Family)] = use;
            }
        }
    }
}
