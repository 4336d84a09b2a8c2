using Microsoft.Extensions.Options;
using Relay.Application.Configuration;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>The account that pays.</summary>
public enum ClaudeAuth
{
    /// <summary>A login in a Claude configuration directory.</summary>
    Login,

    /// <summary>A token of <c>claude setup-token</c>.</summary>
    OauthToken,

    /// <summary>An Anthropic API key.</summary>
    ApiKey,

    /// <summary>Amazon Bedrock.</summary>
    Bedrock,

    /// <summary>Google Vertex AI.</summary>
    Vertex,
}

/// <summary>Whether Claude Code runs in a jail.</summary>
public enum SandboxMode
{
    /// <summary>With bubblewrap where it works.</summary>
    Auto,

    /// <summary>With bubblewrap; without it nothing runs.</summary>
    Bwrap,

    /// <summary>Without.</summary>
    Off,
}

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

internal sealed class ClaudeCodeOptionsValidator : IValidateOptions<ClaudeCodeOptions>
{
    /// <summary>Finds tokens that were copied with a letter too many. Anthropic refuses them at each call.</summary>
    private static IEnumerable<string> FindBadLetters(ClaudeCodeOptions options)
    {
        var (name, secret) = options.Auth switch
        {
            ClaudeAuth.OauthToken => ("CLAUDE_CODE_OAUTH_TOKEN", options.OAuthToken),
            ClaudeAuth.ApiKey => ("ANTHROPIC_API_KEY", options.ApiKey),
            _ => (string.Empty, null),
        };
        var place = (secret ?? string.Empty).AsSpan().IndexOfAnyExceptInRange('!', '~');
        if (place >= 0)
        {
            var kind = secret![place] switch
            {
                ' ' or '\t' => "a blank",
                '\r' or '\n' => "a line break",
                _ => "no visible ASCII letter",
            };
            yield return $"{name}: its character {place + 1} of {secret.Length} is {kind}. Copy it again, in one piece and on one line.";
        }
    }

    public ValidateOptionsResult Validate(string? name, ClaudeCodeOptions options)
    {
        var problems = new List<string>();
        if (options.Auth == ClaudeAuth.OauthToken && string.IsNullOrEmpty(options.OAuthToken))
        {
            problems.Add("CLAUDE_CODE_OAUTH_TOKEN: missing, and CLAUDE_AUTH=oauth-token needs it. 'claude setup-token' makes one.");
        }

        if (options.Auth == ClaudeAuth.ApiKey && string.IsNullOrEmpty(options.ApiKey))
        {
            problems.Add("ANTHROPIC_API_KEY: missing, and CLAUDE_AUTH=api-key needs it.");
        }

        problems.AddRange(FindBadLetters(options));
        if (options.BaseUrl is { } url && url.Scheme != Uri.UriSchemeHttps && !(url.Scheme == Uri.UriSchemeHttp && url.IsLoopback))
        {
            problems.Add("CLAUDE_BASE_URL: must be https, or http on loopback: prompts and the login travel over it.");
        }

        problems.AddRange(
            options
                .PassEnv.Where(ClaudeEnvironment.IsReserved)
                .Select(variable =>
                    $"CLAUDE_PASS_ENV: {variable} can't be passed: it decides who pays, where the login goes, or what Claude Code loads."
                )
        );
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
}
