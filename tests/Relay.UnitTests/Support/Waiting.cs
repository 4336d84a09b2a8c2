using System.Diagnostics;

namespace Relay.UnitTests.Support;

/// <summary>Waits for something to happen, never for time to pass.</summary>
internal static class Waiting
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    /// <summary>Cancelled when the test is.</summary>
    public static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Looks again and again until the condition holds; fails when it does not within the bound.</summary>
    /// <param name="condition">The condition to wait for.</param>
    /// <param name="what">Says it in the failure.</param>
    /// <param name="meanwhile">Done before each look: advancing a fake clock, for one.</param>
    public static async Task UntilAsync(Func<bool> condition, string what, Action? meanwhile = null)
    {
        var started = Stopwatch.GetTimestamp();
        meanwhile?.Invoke();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(started) > Bound)
            {
                Assert.Fail($"Within {Bound.TotalSeconds} s it did not happen that {what}.");
            }

            await Task.Delay(Pause, Token);
            meanwhile?.Invoke();
        }
    }

    /// <summary>The task's value, or a failure when it takes longer than the bound.</summary>
    public static Task<T> InTime<T>(this Task<T> task) => task.WaitAsync(Bound, Token);

    /// <summary>A failure when the task takes longer than the bound.</summary>
    public static Task InTime(this Task task) => task.WaitAsync(Bound, Token);
}
