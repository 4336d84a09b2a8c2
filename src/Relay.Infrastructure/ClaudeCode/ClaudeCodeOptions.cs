using Relay.Application.Configuration;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>Settings of Claude Code: executable, login, jail and spares.</summary>
public sealed class ClaudeCodeOptions
{
    [Setting("CLAUDE_BIN", "Run this claude executable. When unset, it is looked for on PATH, then in ~/.local/bin.")]
    public string? ClaudeBin { get; set; }

    [Setting(
        "CLAUDE_AUTH",
        "Choose whose account pays: login, oauth-token (CLAUDE_CODE_OAUTH_TOKEN), api-key (ANTHROPIC_API_KEY), bedrock or vertex."
    )]
    public ClaudeAuth Auth { get; set; } = ClaudeAuth.Login;

    [Setting("CLAUDE_CODE_OAUTH_TOKEN", "Use this token of 'claude setup-token' with CLAUDE_AUTH=oauth-token.", Secret = true)]
    public string? OAuthToken { get; set; }

    [Setting("ANTHROPIC_API_KEY", "Use this API key with CLAUDE_AUTH=api-key.", Secret = true)]
    public string? ApiKey { get; set; }

    [Setting("CLAUDE_BASE_URL", "Call Anthropic's API at this address: https, or http on loopback. ANTHROPIC_BASE_URL is ignored.")]
    public Uri? BaseUrl { get; set; }

    [Setting(
        "CLAUDE_PASS_ENV",
        "Use these environment variables on the way to the API, by name: HTTPS_PROXY,NO_PROXY,NODE_EXTRA_CA_CERTS. With bedrock and "
            + "vertex Claude Code gets them."
    )]
    public IReadOnlyList<string> PassEnv { get; set; } = [];

    [Setting("SANDBOX", "Choose the jail: auto (bubblewrap where it works), bwrap (or refuse to start) or off.")]
    public SandboxMode Sandbox { get; set; } = SandboxMode.Auto;

    [Setting("WARM_PROCESSES", "Keep this many spare Claude Code processes started, 150 MB each; 0 for none.", Min = "0", Max = "100")]
    public int WarmProcesses { get; set; } = 2;

    [Setting(
        "WARM_PROFILES",
        "Keep at most this many further processes, each for one key with its model and system prompt; 0 for none.",
        Min = "0",
        Max = "100"
    )]
    public int WarmProfiles { get; set; } = 8;

    [Setting(
        "PROCESS_USES",
        "Let one Claude Code process serve at most this many completions of its key; 1 for a new process each time.",
        Min = "1",
        Max = "10000"
    )]
    public int ProcessUses { get; set; } = 100;

    /// <summary>Whether Claude Code reaches the API through the gate. Claude Code itself signs the clouds' requests.</summary>
    internal bool UsesGate => Auth is not (ClaudeAuth.Bedrock or ClaudeAuth.Vertex);

    /// <summary>The operator's way to a login.</summary>
    internal string LoginAdvice =>
        Auth == ClaudeAuth.Login
            ? "To log in, run 'relayctl login'; or run 'claude setup-token' and put CLAUDE_AUTH=oauth-token and CLAUDE_CODE_OAUTH_TOKEN "
                + "into config.env."
            : "Check the credential that this mode of CLAUDE_AUTH uses.";

    /// <summary>Whether a process may serve another completion of its key.</summary>
    internal bool ReusesProcesses => UsesGate && ProcessUses > 1 && WarmProfiles > 0;
}
