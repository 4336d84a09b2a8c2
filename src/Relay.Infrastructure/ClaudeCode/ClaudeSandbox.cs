using Microsoft.Extensions.Options;
using Relay.Application.Timing;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.Home;
using Relay.Infrastructure.Processes;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>A command ready to start. Dispose of the scratch after its end: this removes the command's directories.</summary>
internal sealed record ConfinedCommand(ProcessSpec Spec, IDisposable? Scratch);

/// <summary>
/// Puts Claude Code into a jail where bubblewrap works: it sees a read-only system without programs, its own executable, a temporary
/// home and the gate's socket. It has no network, no certificates and no secret. Only with <c>bedrock</c> and <c>vertex</c> it has the
/// host's network, the resolver's files and the certificates. Elsewhere it gets an empty directory and a throw-away home.
/// </summary>
internal sealed class ClaudeSandbox(
    IOptions<ClaudeCodeOptions> options,
    ClaudeEnvironment environment,
    RelayHome home,
    IProcessStarter starter,
    ClaudeLocator locator,
    TimeProvider clock
)
{
    private const int MaxProbeLine = 4096;

    /// <summary>A program that every system has, for a test of the jail without Claude Code.</summary>
    private static readonly ClaudeBinary Anything = new("/usr/bin/true", 0, default);

    private static readonly string[] VersionArguments = ["--version"];

    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(20);

    /// <summary>Files of the host that name resolution and TLS need.</summary>
    private static readonly string[] VisibleFiles =
    [
        // The certificates, not the private keys that lie beside them.
        "/etc/ssl/certs",
        "/etc/ssl/cert.pem",
        "/etc/ssl/openssl.cnf",
        "/etc/pki/tls/certs",
        "/etc/pki/tls/cert.pem",
        "/etc/pki/ca-trust",
        "/etc/ca-certificates",
        "/etc/resolv.conf",
        "/etc/hosts",
        "/etc/host.conf",
        "/etc/nsswitch.conf",
        "/etc/gai.conf",
    ];

    /// <summary>Directories with settings that Claude Code obeys whatever its flags say. Its <c>init</c> frame hides them.</summary>
    private static readonly string[] ManagedPolicyDirectories =
        OperatingSystem.IsWindows() ? [@"C:\ProgramData\ClaudeCode", @"C:\Program Files\ClaudeCode"]
        : OperatingSystem.IsMacOS() ? ["/Library/Application Support/ClaudeCode"]
        : ["/etc/claude-code"];

    private string _note = "not probed yet";

    /// <summary>The program that makes jails.</summary>
    public string Launcher { get; init; } = Bubblewrap.Path;

    public bool IsJailed { get; private set; }

    public string? Note => IsJailed ? null : _note;

    /// <summary>Decides once whether there is a jail, by launching Claude Code in the jail of completions.</summary>
    /// <returns>The reason why <c>SANDBOX=bwrap</c> can't be honoured; null for none.</returns>
    public async Task<string?> ProbeAsync(CancellationToken cancellationToken)
    {
        if (options.Value.Sandbox == SandboxMode.Off)
        {
            _note = "switched off with SANDBOX=off";
            return null;
        }

        var obstacle = await FindObstacleAsync(cancellationToken);
        IsJailed = obstacle is null;
        _note = obstacle ?? _note;
        return !IsJailed && options.Value.Sandbox == SandboxMode.Bwrap
            ? $"SANDBOX=bwrap, but there is no working jail: {obstacle}. Mend that, or choose SANDBOX=auto or off."
            : null;
    }

    /// <summary>A directory of managed policy that would reach into completions; null for none.</summary>
    public string? FindManagedPolicy() => IsJailed ? null : ManagedPolicyDirectories.FirstOrDefault(Directory.Exists);

    /// <summary>Command line and environment of one process. Without a gate it may not call the API, or calls it by itself.</summary>
    public ConfinedCommand Confine(ClaudeBinary binary, IReadOnlyList<string> arguments, GateAccess? gate = null) =>
        IsJailed ? InJail(binary, arguments, gate) : Unjailed(binary, arguments, gate);

    private ConfinedCommand Unjailed(ClaudeBinary binary, IReadOnlyList<string> arguments, GateAccess? gate = null)
    {
        var workingDirectory = WorkingDirectory.Ensure();
        var scratch = ScratchDirectory.Create(home);
        var variables = environment.Compose(scratch.Home, scratch.Temporary, gate);
        return new ConfinedCommand(new ProcessSpec(binary.Path, arguments, variables, workingDirectory), scratch);
    }

    private ConfinedCommand InJail(ClaudeBinary binary, IReadOnlyList<string> arguments, GateAccess? gate = null)
    {
        const string claude = "/claude";
        const string socket = "/gate.sock";
        List<string> jail =
        [
            .. Bubblewrap.Isolation,
            .. options.Value.UsesGate ? ["--unshare-net"] : Array.Empty<string>(),
            .. Bubblewrap.Libraries(),
            .. options.Value.UsesGate ? [] : VisibleFiles.SelectMany(file => (string[])["--ro-bind-try", file, file]),
            .. Bubblewrap.Mounts,
            "--dir",
            "/home/relay",
            "--dir",
            "/work",
            // After the mounts, which would hide files below them.
            .. options.Value.UsesGate ? [] : environment.PassedFiles.SelectMany(file => (string[])["--ro-bind", file, file]),
            "--ro-bind",
            binary.Path,
            claude,
        ];
        if (gate?.SocketPath is { } path)
        {
            jail.AddRange(["--ro-bind", path, socket]);
            gate = gate with { SocketPath = socket };
        }

        jail.AddRange(["--remount-ro", "/", "--chdir", "/work", "--", claude, .. arguments]);
        return new ConfinedCommand(new ProcessSpec(Launcher, jail, environment.Compose("/home/relay", "/tmp", gate), "/"), Scratch: null);
    }

    private async Task<string?> FindObstacleAsync(CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux())
        {
            return "bubblewrap exists for Linux only";
        }

        if (!File.Exists(Launcher))
        {
            return "bubblewrap is not installed (Debian: apt install bubblewrap)";
        }

        // An installed bubblewrap may not work: containers and AppArmor forbid user namespaces, or mounts in them. A probe without an end
        // proves nothing, because the machine may be busy. Then the jail stays, and the self-test reports what does not run in it.
        if (!locator.Find().TryGet(out var claude, out _))
        {
            return await ProbeAsync(InJail(Anything, []), cancellationToken) is { Failure: { } why }
                ? $"bubblewrap can't make a jail here ({why})"
                : null;
        }

        if (await ProbeAsync(InJail(claude, VersionArguments), cancellationToken) is not { Failure: { } obstacle })
        {
            return null;
        }

        if (await ProbeAsync(InJail(Anything, []), cancellationToken) is { Failure: { } failure })
        {
            return $"bubblewrap can't make a jail here ({failure})";
        }

        // The self-test reports an executable that runs nowhere. It is not a reason to do without a jail.
        return await ProbeAsync(Unjailed(claude, VersionArguments), cancellationToken) is { HasEnded: true, Failure: null }
            ? $"Claude Code does not run in the jail ({obstacle})"
            : null;
    }

    /// <summary>Runs a command to its end.</summary>
    /// <returns>Whether it ended in time, and the reason why it failed; null for success, and without an end.</returns>
    private async Task<(bool HasEnded, string? Failure)> ProbeAsync(ConfinedCommand command, CancellationToken cancellationToken)
    {
        using var scratch = command.Scratch;
        await using var child = await starter.StartAsync(command.Spec, MaxProbeLine, cancellationToken);
        using var deadline = new Deadline(ProbeTimeout, clock, cancellationToken);
        try
        {
            await child.Exited.WaitAsync(deadline.Token);
            return (true, child.ExitCode == 0 ? null : $"exit code {child.ExitCode}: {child.Stderr.Redacted()}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (false, null);
        }
    }
}
