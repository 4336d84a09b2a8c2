using FsCheck;
using FsCheck.Fluent;

namespace Relay.UnitTests.Support;

/// <summary>Tries a rule with random cases; a failure prints the case that broke it.</summary>
internal static class Always
{
    /// <summary>The check throws for a case that breaks the rule.</summary>
    public static void Holds<T>(Gen<T> cases, Action<T> check, int times = 200) =>
        Prop.ForAll(cases.ToArbitrary(), check).Check(Config.QuickThrowOnFailure.WithMaxTest(times).WithQuietOnSuccess(true));

    /// <summary>Numbers from 0 up to below the bound, that many of them: what they mean is the test's.</summary>
    public static Gen<int[]> Numbers(int count, int below = 1_000_000) => Gen.Choose(0, below - 1).ArrayOf(count);
}
