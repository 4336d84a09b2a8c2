using Microsoft.Extensions.Options;

namespace Relay.UnitTests.Support;

/// <summary>Options that a test may change while something uses them.</summary>
internal sealed class LiveOptions<T>(T value) : IOptionsMonitor<T>
{
    private Action<T, string?>? _listener;

    public T CurrentValue { get; private set; } = value;

    public T Get(string? name) => CurrentValue;

    public IDisposable? OnChange(Action<T, string?> listener)
    {
        _listener += listener;
        return null;
    }

    /// <summary>As if <c>config.env</c> had been changed.</summary>
    public void Change(T value)
    {
        CurrentValue = value;
        _listener?.Invoke(value, null);
    }
}
