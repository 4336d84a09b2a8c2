namespace Relay.Infrastructure.Processes;

/// <summary>Restricts the relay's own process before it reads its first secret.</summary>
public static class ProcessHardening
{
    /// <summary>
    /// Whether other programs of this user can attach to the relay and read its memory. Only the environment it is started
    /// with can forbid that (<c>DOTNET_EnableDiagnostics=0</c>, which run.sh sets): no runtimeconfig.json property exists.
    /// </summary>
    public static bool HasDiagnosticsPort => Environment.GetEnvironmentVariable("DOTNET_EnableDiagnostics") != "0";

    /// <summary>Forbids core dumps of the relay and of its children.</summary>
    /// <exception cref="InvalidOperationException">The system refused.</exception>
    public static void Apply() => NativeMethods.ForbidCoreDumps();
}
