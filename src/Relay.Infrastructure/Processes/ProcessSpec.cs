namespace Relay.Infrastructure.Processes;

/// <summary>A command to start. The child inherits nothing: it sees exactly this environment.</summary>
/// <param name="FileName">Absolute path of the executable.</param>
/// <param name="Arguments">The arguments, which every user of the host can see: they hold no secret and no byte of a caller.</param>
/// <param name="Environment">The whole environment. Secrets may stand here.</param>
/// <param name="WorkingDirectory">An existing directory.</param>
internal sealed record ProcessSpec(
    string FileName,
    IReadOnlyList<string> Arguments,
    IReadOnlyDictionary<string, string> Environment,
    string WorkingDirectory
);
