using Microsoft.Extensions.Hosting;

namespace Relay.Infrastructure.Home;

/// <summary>
/// Keeps a home to one relay. A second one would sweep away the directories of running processes and write into the same audit log. The
/// system's lock ends with the process that holds it.
/// </summary>
internal sealed class HomeLock(RelayHome home) : IHostedService, IDisposable
{
    private FileStream? _lock;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            _lock =
                FileLock.TryTake(Path.Combine(home.Path, "relay.lock"))
                ?? throw new StartupException($"Another relay runs on {home.Path}. Stop it, or give this one its own RELAY_HOME.");
            ScratchDirectory.Sweep(home);
            return Task.CompletedTask;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StartupException(
                $"{home.Path} can't be written: {exception.Message} Free space on the disk, or give the directory to this user."
            );
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _lock?.Dispose();
}
