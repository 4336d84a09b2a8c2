using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Relay.AnthropicSimulator;

/// <summary>Chooses the behaviour of a request, and counts the failures of each.</summary>
internal sealed class BehaviorRules
{
    // Keyed by reference and held weakly: two equal behaviours count apart, and a copy made by `with` starts at zero.
    private readonly ConditionalWeakTable<Behavior, StrongBox<int>> _failures = [];
    private ImmutableArray<(string Text, Behavior Behavior)> _rules = [];
    private Behavior _default = new();

    public Behavior Default
    {
        get => Volatile.Read(ref _default);
        set => Volatile.Write(ref _default, Checked(value));
    }

    public void Add(string text, Behavior behavior)
    {
        ImmutableInterlocked.Update(ref _rules, static (rules, rule) => rules.Add(rule), (text, Checked(behavior)));
    }

    public void Reset()
    {
        ImmutableInterlocked.InterlockedExchange(ref _rules, []);
        Default = new Behavior();
    }

    public Behavior For(RecordedRequest request)
    {
        var rules = _rules;
        if (!rules.IsEmpty)
        {
            var text = request.LastUserText;
            foreach (var rule in rules)
            {
                if (text.Contains(rule.Text, StringComparison.Ordinal))
                {
                    return rule.Behavior;
                }
            }
        }

        return Default;
    }

    /// <summary>The failure this request meets; counts it.</summary>
    public UpstreamFailure NextFailure(Behavior behavior) =>
        behavior is { Failure: not UpstreamFailure.None, FailTimes: { } times }
        && Interlocked.Increment(ref _failures.GetValue(behavior, static _ => new StrongBox<int>()).Value) > times
            ? UpstreamFailure.None
            : behavior.Failure;

    private static Behavior Checked(Behavior behavior) =>
        behavior.Problem() is { } problem ? throw new ArgumentException(problem, nameof(behavior)) : behavior;
}
