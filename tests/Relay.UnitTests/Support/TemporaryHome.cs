using Relay.Infrastructure.Home;

namespace Relay.UnitTests.Support;

/// <summary>A <c>RELAY_HOME</c> that goes with the test.</summary>
internal sealed class TemporaryHome : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("relay-unit-");

    public TemporaryHome() => Home = RelayHome.Open(_directory.FullName);

    public RelayHome Home { get; }

    public string File(string name) => Path.Combine(_directory.FullName, name);

    public void Dispose()
    {
        // A process that ends takes its own directories with it meanwhile.
        for (var attempt = 0; attempt < 5 && Directory.Exists(_directory.FullName); attempt++)
        {
            try
            {
                _directory.Delete(recursive: true);
            }
            catch (DirectoryNotFoundException) when (attempt < 4)
            {
                continue;
            }
        }
    }
}
