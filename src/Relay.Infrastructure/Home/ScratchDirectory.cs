namespace Relay.Infrastructure.Home;

/// <summary>The home and the temporary directory of one process. They are removed with it.</summary>
internal sealed class ScratchDirectory : IDisposable
{
    private readonly string _root;

    private ScratchDirectory(string root) => _root = root;

    public string Home => Path.Combine(_root, "home");

    public string Temporary => Path.Combine(_root, "tmp");

    public static ScratchDirectory Create(RelayHome home)
    {
        RelayHome.CreatePrivateDirectory(home.RunDirectory);
        var scratch = new ScratchDirectory(Path.Combine(home.RunDirectory, Path.GetRandomFileName()));
        RelayHome.CreatePrivateDirectory(scratch._root);
        Directory.CreateDirectory(scratch.Home);
        Directory.CreateDirectory(scratch.Temporary);
        return scratch;
    }

    /// <summary>Removes the directories of a killed relay.</summary>
    public static void Sweep(RelayHome home)
    {
        if (Directory.Exists(home.RunDirectory))
        {
            Directory.Delete(home.RunDirectory, recursive: true);
        }
    }

    public void Dispose()
    {
        if (Directory.Exists(_root))
        {
            Directory.Delete(_root, recursive: true);
        }
    }
}
