namespace Relay.Infrastructure.Processes;

/// <summary>
/// A child process with its three pipes. Unit tests put another implementation behind this port. Disposing of it ends the child with
/// everything that it started.
/// </summary>
internal interface IChildProcess : IAsyncDisposable
{
    int Id { get; }

    Stream Stdin { get; }

    LineReader Stdout { get; }

    /// <summary>The end of the process's standard error.</summary>
    StderrTail Stderr { get; }

    /// <summary>Completes when the process (not all of its group) has ended.</summary>
    Task Exited { get; }

    /// <summary>Its exit code; null before <see cref="Exited"/> has completed.</summary>
    int? ExitCode { get; }

    /// <summary>Bytes of memory that it and all its descendants hold now; 0 where the system does not tell.</summary>
    long ResidentBytes { get; }

    /// <summary>Bounds the memory of the child and its descendants, by the kernel: so many bytes more than mapped now.</summary>
    void BoundMemory(long moreBytes);

    /// <summary>Kills it and all its descendants, without asking.</summary>
    void Kill();
}
