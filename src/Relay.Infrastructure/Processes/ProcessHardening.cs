namespace Relay.Infrastructure.Processes;

/// <summary>What the relay forbids itself before it reads its first secret.</summary>
public static class ProcessHardening
{
    /// <summary>No core dumps, of the relay and of its children. (The diagnostics port is closed in runtimeconfig.template.json.)</summary>
    /// <exception cref="InvalidOperationException">The system refused.</exception>
    public static void Apply() => NativeMethods.ForbidCoreDumps();
}
