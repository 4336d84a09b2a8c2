using System.Diagnostics;

namespace Relay.UnitTests.Support;

/// <summary>Repeats a test with random input: for moments by default, for a minute or more with <c>./test.sh --long</c>.</summary>
internal static class Fuzz
{
    private const int TimesLonger = 60;

    /// <summary>A new one in every run; a failure's output names it.</summary>
    public static int Seed { get; } =
        Environment.GetEnvironmentVariable("RELAY_TEST_SEED") is { Length: > 0 } seed
            ? int.Parse(seed, System.Globalization.CultureInfo.InvariantCulture)
            : Random.Shared.Next();

    /// <summary>Repeats it until the time is over.</summary>
    public static void For(TimeSpan time, Action test)
    {
        var limit = Environment.GetEnvironmentVariable("RELAY_TEST_LONG") == "1" ? time * TimesLonger : time;
        var started = Stopwatch.GetTimestamp();
        try
        {
            while (Stopwatch.GetElapsedTime(started) < limit)
            {
                test();
            }
        }
        catch
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"RELAY_TEST_SEED={Seed} repeats it.");
            throw;
        }
    }
}
