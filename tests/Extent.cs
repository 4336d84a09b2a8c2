using Xunit.v3;

namespace Relay.Tests;

/// <summary>
/// Marks a test that is long by nature. It runs with <c>./test.sh --all</c>, as in CI, and not by default. A shorter test of the same kind
/// runs by default. A row of a theory is marked by <c>Traits = ["Extent", "all"]</c>.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class OnlyWithAllAttribute : Attribute, ITraitAttribute
{
    /// <inheritdoc/>
    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [KeyValuePair.Create("Extent", "all")];
}

/// <summary>Marks tests that run with <c>./test.sh --fast</c> too: they need neither root nor a download, and take seconds.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class FastAttribute : Attribute, ITraitAttribute
{
    /// <inheritdoc/>
    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [KeyValuePair.Create("Extent", "fast")];
}

/// <summary>The extent of the tests that was asked for.</summary>
internal static class Extent
{
    /// <summary>Whether everything runs, as in CI: <c>./test.sh --all</c>, or <c>--long</c>.</summary>
    public static bool IsAll { get; } = IsSet("RELAY_TEST_ALL");

    /// <summary>Whether crash, load and fuzz tests run at full length: <c>./test.sh --long</c>.</summary>
    public static bool IsLong { get; } = IsSet("RELAY_TEST_LONG");

    /// <summary>The number of tries, or their time.</summary>
    /// <param name="byDefault">With <c>./test.sh</c>.</param>
    /// <param name="all">With <c>./test.sh --all</c>.</param>
    /// <param name="atLength">With <c>./test.sh --long</c>.</param>
    public static T Of<T>(T byDefault, T all, T atLength) =>
        IsLong ? atLength
        : IsAll ? all
        : byDefault;

    /// <summary>All cases of a theory with <c>./test.sh --all</c>, and by default one of each that many.</summary>
    public static IEnumerable<T> Sample<T>(IEnumerable<T> cases, int oneOf) => cases.Where((_, index) => IsAll || index % oneOf == 0);

    private static bool IsSet(string variable) => Environment.GetEnvironmentVariable(variable) == "1";
}
