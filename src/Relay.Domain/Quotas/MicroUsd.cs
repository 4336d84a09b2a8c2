namespace Relay.Domain.Quotas;

/// <summary>Money in the unit that is counted: whole millionths of a US dollar.</summary>
public static class MicroUsd
{
    private const decimal Million = 1_000_000m;

    /// <summary>The amount in millionths, rounded up, so that many small sums are never counted as nothing.</summary>
    /// <param name="usd">US dollars.</param>
    public static long From(decimal usd) => (long)Math.Ceiling(usd * Million);

    /// <summary>The amount in US dollars.</summary>
    /// <param name="micro">Millionths.</param>
    public static decimal ToUsd(long micro) => micro / Million;
}
