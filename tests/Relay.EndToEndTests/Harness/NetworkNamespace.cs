using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Relay.EndToEndTests.Harness;

/// <summary>A separate network on this machine (Linux, as root): its own interfaces, addresses and routes.</summary>
internal sealed partial class NetworkNamespace : IDisposable
{
    private const int NetworkKind = 0x40000000; // CLONE_NEWNET

    public NetworkNamespace(string name)
    {
        Name = name;
        Ip("netns", "add", name);
        Run("link", "set", "lo", "up");
    }

    /// <summary>Its name, as <c>ip netns</c> knows it.</summary>
    public string Name { get; }

    /// <summary>The file that stands for it.</summary>
    public string Path => "/run/netns/" + Name;

    /// <summary>Runs <c>ip</c> in it.</summary>
    public void Run(params string[] arguments) => Ip(["-n", Name, .. arguments]);

    /// <summary>
    /// Makes something in it, a socket above all: that stays where it was made. On a new thread, for a thread that has
    /// gone into a namespace is no good to anybody else.
    /// </summary>
    public T Make<T>(Func<T> make)
    {
        T? made = default;
        Exception? problem = null;
        var thread = new Thread(() =>
        {
            try
            {
                using var file = File.OpenHandle(Path);
                if (SetNamespace((int)file.DangerousGetHandle(), NetworkKind) != 0)
                {
                    throw new InvalidOperationException($"setns failed with {Marshal.GetLastPInvokeError()}: these tests need root.");
                }

                made = make();
            }
            catch (Exception exception)
            {
                problem = exception;
            }
        });
        thread.Start();
        thread.Join();
        return problem is null ? made! : throw new InvalidOperationException($"Nothing could be made in the namespace {Name}.", problem);
    }

    /// <inheritdoc/>
    public void Dispose() => Ip("netns", "del", Name);

    private static void Ip(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true, UseShellExecute = false })!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"ip {string.Join(' ', arguments)}: {error}");
        }
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(int file, int kind);
}
