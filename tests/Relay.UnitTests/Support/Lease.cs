using Relay.Domain;

namespace Relay.UnitTests.Support;

/// <summary>A place that says when it was given back.</summary>
internal sealed class Lease(Action? onDispose = null) : IDisposable
{
    public int GivenBack { get; private set; }

    /// <summary>As an admission would answer it.</summary>
    public Result<IDisposable> Admitted() => this;

    public void Dispose()
    {
        GivenBack++;
        onDispose?.Invoke();
    }
}
