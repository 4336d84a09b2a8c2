using System.Collections;
using System.Reflection;
using Microsoft.Extensions.Time.Testing;
using Relay.Application.Quotas;

namespace Relay.UnitTests.Application.Quotas;

/// <summary>A queue whose clock the test moves.</summary>
public abstract class FairQueueTestBase
{
    private protected static TimeSpan Patience { get; } = TimeSpan.FromSeconds(20);

    private protected FakeTimeProvider Clock { get; } = new();

    private protected static bool IsEmpty(FairQueue queue) =>
        ((ICollection)typeof(FairQueue).GetField("_lines", BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(queue)!).Count == 0;

    private protected static Task<QueuePlace> EnterAsync(FairQueue queue, string keyId, int keyPlaces = 10) =>
        queue.EnterAsync(keyId, () => keyPlaces, Patience, Waiting.Token);

    /// <summary>Of which the answer is there at once.</summary>
    private protected static Task<QueuePlace> NowAsync(FairQueue queue, string keyId, int keyPlaces = 10) =>
        EnterAsync(queue, keyId, keyPlaces).InTime();

    private protected FairQueue Queue(int places, int limit) => new(places, limit, Clock);
}
