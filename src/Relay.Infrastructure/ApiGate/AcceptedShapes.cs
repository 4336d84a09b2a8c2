using System.Collections.Concurrent;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.ApiGate;

/// <summary>The request shapes that rehearsals have shown, by executable, model, and whether the answer must fit a schema.</summary>
internal sealed class AcceptedShapes(HostTraces traces)
{
    private const int MaxShapes = 256;

    private readonly ConcurrentDictionary<(ClaudeBinary Binary, string Model, bool TakesSchema), RequestShape> _shapes = new();

    public RequestShape? Find(ClaudeProcess process) =>
        _shapes.GetValueOrDefault((process.Generation.Binary, process.Model, process.TakesSchema));

    /// <summary>Throws a <see cref="ClaudeProtocolException"/> for a shape with data of this host, or unlike the accepted one.</summary>
    public void Accept(ClaudeProcess process, RequestShape shape) =>
        Accept(process.Generation.Binary, process.Model, process.TakesSchema, shape);

    /// <summary>Takes a shape that a rehearsal has shown. Throws as the other overload.</summary>
    public void Accept(ClaudeBinary binary, string model, bool takesSchema, RequestShape shape)
    {
        if (traces.Find(shape) is { } trace)
        {
            throw new ClaudeProtocolException($"its requests hold {trace} of this host") { IsDifference = true };
        }

        if (_shapes.Count >= MaxShapes)
        {
            // Callers name models, so the number of shapes has a bound. A shape is rehearsed again within a second.
            _shapes.Clear();
        }

        if (_shapes.GetOrAdd((binary, model, takesSchema), shape) is var accepted && shape.FindDifference(accepted) is { } difference)
        {
            throw new ClaudeProtocolException($"its requests differ from one process to another: {difference}") { IsDifference = true };
        }
    }
}
