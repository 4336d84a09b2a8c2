using Xunit.Sdk;
using Xunit.v3;

namespace Relay.Tests;

/// <summary>Starts with the classes that take longest: started last, one of them would still run when all the others have ended.</summary>
/// <param name="longest">Classes, and collections by their names, in the order of what they take.</param>
public abstract class LongestFirst(params string[] longest) : ITestCollectionOrderer
{
    /// <inheritdoc/>
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [
            .. testCollections.OrderBy(collection =>
                Array.FindIndex(longest, name => IsOf(collection.TestCollectionDisplayName, name)) is var index and >= 0
                    ? index
                    : int.MaxValue
            ),
        ];

    /// <summary>A class without a collection is shown as "Test collection for Namespace.Class (id: ...)".</summary>
    private static bool IsOf(string collection, string name) =>
        collection == name || collection.Contains($".{name} (", StringComparison.Ordinal);
}
