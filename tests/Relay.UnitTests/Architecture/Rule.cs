namespace Relay.UnitTests.Architecture;

/// <summary>A rule proves nothing about nothing: it fails when it has seen no subject.</summary>
internal static class Rule
{
    /// <summary>Every subject must be without fault.</summary>
    public static void ForEach<T>(IEnumerable<T> subjects, Func<T, string?> findFault, string because)
    {
        var seen = subjects.ToList();
        seen.Should().NotBeEmpty("a rule that sees nothing proves nothing");
        seen.Select(findFault).OfType<string>().Should().BeEmpty(because);
    }

    /// <summary>Every exception to a rule must still be one.</summary>
    public static void HasNoStaleExceptions(IEnumerable<string> allowed, IEnumerable<string> found) =>
        allowed.Except(found, StringComparer.Ordinal).Should().BeEmpty("an exception that nothing needs any more hides the next mistake");
}
