namespace Relay.Infrastructure.Processes;

/// <summary>What to start. Nothing is inherited: the child sees exactly this environment.</summary>
/// <param name="FileName">Absolute path of the executable.</param>
/// <param name="Arguments">Visible to every user of the host: no secret, no caller's byte.</param>
/// <param name="Environment">The whole environment; where secrets may go.</param>
/// <param name="WorkingDirectory">An existing directory.</param>
internal sealed record ProcessSpec(
    string FileName,
    IReadOnlyList<string> Arguments,
    IReadOnlyDictionary<string, string> Environment,
    string WorkingDirectory
);
