namespace Relay.Domain.Quotas;

/// <summary>The one name of each bucket: in <c>relay.db</c>, in Redis and in metrics.</summary>
public static class QuotaBuckets
{
    private static readonly string[] Names = ["completions", "fetches"];

    /// <summary>The name of a bucket.</summary>
    public static string WireName(this QuotaBucket bucket) => Names[(int)bucket];

    /// <summary>The bucket of a name.</summary>
    /// <exception cref="FormatException">No bucket has this name.</exception>
    public static QuotaBucket Parse(string name) =>
        Array.IndexOf(Names, name) is var index and >= 0
            ? (QuotaBucket)index
            : throw new FormatException($"'{name}' is not the name of a bucket of limits.");
}
