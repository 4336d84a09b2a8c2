using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests.Harness;

/// <summary>
/// Things that must not be touched: files that must not be read, one that must not be made, and an address that must not be
/// called.
/// </summary>
internal sealed class Canaries : IDisposable
{
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public Canaries()
    {
        Directory = TestMachine.NewDirectory();
        Secret = "CANARY" + Convert.ToHexString(RandomNumberGenerator.GetBytes(12));
        Readable = Path.Combine(Directory, "canary.txt");
        Writable = Path.Combine(Directory, "written.txt");
        Plant(Readable);
        // For tools that list names.
        Listed = Path.Combine(Directory, Secret);
        Plant(Listed);
        _listener.Start();
    }

    /// <summary>The directory of the files.</summary>
    public string Directory { get; }

    /// <summary>The content of the readable file.</summary>
    public string Secret { get; }

    /// <summary>A file whose content must reach nobody.</summary>
    public string Readable { get; }

    /// <summary>A file whose name must reach nobody: the same secret.</summary>
    public string Listed { get; }

    /// <summary>A file that does not exist, and must not come into being.</summary>
    public string Writable { get; }

    /// <summary>An address that nobody must connect to.</summary>
    public string Url => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/canary";

    /// <summary>A shell command that would touch them all, and be seen for a while.</summary>
    public string Command =>
        $"cat {Readable}; echo x > {Writable}; (exec 3<>/dev/tcp/127.0.0.1/{((IPEndPoint)_listener.LocalEndpoint).Port}) ; sleep 2";

    /// <summary>Puts the secret into another file.</summary>
    public void Plant(string path)
    {
        File.WriteAllText(path, $"{Secret}\n");
        _known.Add(path);
    }

    /// <summary>Each thing that has been touched, in words; empty when nothing has.</summary>
    public IEnumerable<string> Touched(Simulator api)
    {
        foreach (var request in api.Requests.Where(Holds))
        {
            yield return $"{request} holds the canary's content";
        }

        foreach (var file in System.IO.Directory.EnumerateFileSystemEntries(Directory).Where(file => !_known.Contains(file)))
        {
            yield return $"{Path.GetFileName(file)} was made";
        }

        if (!File.ReadAllText(Readable).Equals($"{Secret}\n", StringComparison.Ordinal))
        {
            yield return "the canary was changed";
        }

        if (_listener.Pending())
        {
            yield return "somebody connected";
        }
    }

    /// <summary>Whether a request holds the canary's content.</summary>
    public bool Holds(RecordedRequest request) => request.Body.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(Secret)) >= 0;

    public void Dispose()
    {
        _listener.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
