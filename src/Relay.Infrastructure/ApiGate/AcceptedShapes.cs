using System.Collections.Concurrent;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.ApiGate;

/// <summary>The request shapes that rehearsals have shown, by executable, model, and whether the answer must fit a schema.</summary>
internal sealed class AcceptedShapes(HostTraces traces)
{
    private readonly ConcurrentDictionary<(ClaudeBinary Binary, string Model, bool TakesSchema), RequestShape> _shapes = new();

    /// <summary>The shape; null when nothing was rehearsed yet.</summary>
    public RequestShape? Find(ClaudeProcess process) => _shapes.GetValueOrDefault(KeyOf(process));

    /// <summary>Takes a shape that a rehearsal has shown.</summary>
    /// <exception cref="ClaudeProtocolException">The shape holds something of this host, or differs from the one accepted before.</exception>
    public void Accept(ClaudeProcess process, RequestShape shape)
    {
        if (traces.Find(shape) is { } trace)
        {
            throw new ClaudeProtocolException($"its requests hold {trace} of this host") { IsDifference = true };
        }

        if (_shapes.GetOrAdd(KeyOf(process), shape) is var accepted && shape.FindDifference(accepted) is { } difference)
        {
            throw new ClaudeProtocolException($"its requests differ from one process to another: {difference}") { IsDifference = true };
        }
    }

    private static (ClaudeBinary, string, bool) KeyOf(ClaudeProcess process) => (process.Generation.Binary, process.Model, process.TakesSchema);
}
