using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace Relay.Infrastructure.HttpFetching;

/// <summary>
/// The look-ups that are under way. The system's resolver can't be stopped: an abandoned look-up goes on for as long as a name server
/// takes, and holds its place. So there is one look-up per name, for all requests that wait for it, and no caller has more than a quarter
/// of the places.
/// </summary>
internal sealed class NameLookUps(Func<string, Task<IPAddress[]>> resolve)
{
    /// <summary>Most look-ups; each holds a thread.</summary>
    public const int Max = 32;
    public const int MaxOfCaller = Max / 4;

    public static NameLookUps OfTheSystem() => new(name => Dns.GetHostAddressesAsync(name, CancellationToken.None));

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (string Caller, Task<IPAddress[]> Answer)> _running = new(StringComparer.Ordinal);
    private TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The addresses that a name has now, never an older answer. A caller who gives up leaves the look-up to others.</summary>
    public async Task<IPAddress[]> FindAsync(string name, string caller, CancellationToken cancellationToken)
    {
        Task<IPAddress[]>? answer;
        while (!TryJoin(name, caller, out answer, out var ended))
        {
            await ended.WaitAsync(cancellationToken);
        }

        return await answer.WaitAsync(cancellationToken);
    }

    /// <summary>The look-up of a name, begun if there is none; false when there is no place for it until one has ended.</summary>
    private bool TryJoin(string name, string caller, [NotNullWhen(true)] out Task<IPAddress[]>? answer, out Task ended)
    {
        lock (_lock)
        {
            ended = _ended.Task;
            if (_running.TryGetValue(name, out var running))
            {
                answer = running.Answer;
                return true;
            }

            if (
                _running.Count == Max
                || _running.Values.Count(one => string.Equals(one.Caller, caller, StringComparison.Ordinal)) == MaxOfCaller
            )
            {
                answer = null;
                return false;
            }

            answer = ResolveAsync(name);
            _running[name] = (caller, answer);
            return true;
        }
    }

    private async Task<IPAddress[]> ResolveAsync(string name)
    {
        // It must be listed before it runs.
        await Task.Yield();
        try
        {
            return await resolve(name);
        }
        finally
        {
            // Removed before its answer is known: later callers ask anew.
            lock (_lock)
            {
                _running.Remove(name);
                _ended.SetResult();
                _ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }
}
