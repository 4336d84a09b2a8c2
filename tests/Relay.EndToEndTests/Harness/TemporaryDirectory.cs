namespace Relay.EndToEndTests.Harness;

/// <summary>A directory of one test's own.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    /// <summary>Its absolute path.</summary>
    public string Path { get; } = TestMachine.NewDirectory();

    /// <summary>Removes it with all that is in it.</summary>
    public void Dispose() => Directory.Delete(Path, recursive: true);
}
