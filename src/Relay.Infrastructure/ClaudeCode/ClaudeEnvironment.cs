using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>Composes the child's environment from nothing: no variable exists for it but those named here.</summary>
internal sealed class ClaudeEnvironment(
    IOptions<ClaudeCodeOptions> options,
    IOptions<CompletionOptions> completionOptions,
    IConfiguration configuration,
    RelayHome home
)
{
    /// <summary>Switches, each against one leak or delay measured on the real Claude Code. The lockdown needs no single one.</summary>
    private static readonly string[] Switches =
    [
        "DISABLE_AUTOUPDATER",
        "DISABLE_TELEMETRY",
        "DISABLE_ERROR_REPORTING",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        "CLAUDE_CODE_DISABLE_FILE_MENTIONS",
        "CLAUDE_CODE_DISABLE_CLAUDE_MDS",
        "CLAUDE_CODE_DISABLE_AUTO_MEMORY",
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
        "CLAUDE_CODE_DISABLE_BUNDLED_SKILLS",
        "CLAUDE_CODE_DISABLE_CRON",
        "CLAUDE_CODE_DISABLE_WORKFLOWS",
        "CLAUDE_CODE_DISABLE_WEB_FETCH",
        // Otherwise a prompt that is too long is answered from a summary, after several calls.
        "DISABLE_AUTO_COMPACT",
        "DISABLE_COMPACT",
        // Otherwise a broken stream is requested again with other parameters.
        "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK",
    ];

    private static readonly Dictionary<ClaudeAuth, string[]> CredentialNames = new()
    {
        [ClaudeAuth.Login] = [],
        [ClaudeAuth.OauthToken] = ["CLAUDE_CODE_OAUTH_TOKEN"],
        [ClaudeAuth.ApiKey] = ["ANTHROPIC_API_KEY"],
        [ClaudeAuth.Bedrock] =
        [
            "AWS_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_BEARER_TOKEN_BEDROCK",
        ],
        [ClaudeAuth.Vertex] = ["CLOUD_ML_REGION", "ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_APPLICATION_CREDENTIALS"],
    };

    /// <summary>Variables that Claude Code knows and that settings of the relay replace.</summary>
    private static readonly string[] NeverUsed =
    [
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_MODEL",
        "ANTHROPIC_SMALL_FAST_MODEL",
        "ANTHROPIC_CUSTOM_HEADERS",
        "CLAUDE_CONFIG_DIR",
    ];

    /// <summary>Every variable that some mode of <c>CLAUDE_AUTH</c> passes on. They may stand in <c>config.env</c>, too.</summary>
    public static IEnumerable<string> CredentialVariables => CredentialNames.Values.SelectMany(names => names);

    /// <summary>Claude Code doubles its pause from half a second: five retries take about 16 s.</summary>
    private const int MaxRetries = 5;

    /// <summary>
    /// The number of times that Claude Code may retry a call. Its pauses then take at most half of <c>REQ_TIMEOUT</c>, and the longest at
    /// most half of <c>IDLE_TIMEOUT</c>.
    /// </summary>
    public int Retries =>
        Enumerable
            .Range(1, MaxRetries)
            .LastOrDefault(count =>
                0.5 * ((1 << count) - 1) <= completionOptions.Value.RequestTimeout.TotalSeconds / 2
                && 0.25 * (1 << count) <= completionOptions.Value.IdleTimeout.TotalSeconds / 2
            );

    public bool UsesGate => options.Value.UsesGate;

    /// <summary>The directory with the login's credentials; null where credentials come by environment.</summary>
    public string? LoginDirectory =>
        options.Value.Auth switch
        {
            ClaudeAuth.Login when Directory.Exists(home.ClaudeDirectory) => home.ClaudeDirectory,
            ClaudeAuth.Login => Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".claude"),
            _ => null,
        };

    /// <summary>Files that passed variables name. A jail with a network must show them.</summary>
    public IEnumerable<string> PassedFiles =>
        Credentials()
            .Concat(Passed())
            .Where(pair => pair.Key is "GOOGLE_APPLICATION_CREDENTIALS" or "NODE_EXTRA_CA_CERTS" or "SSL_CERT_FILE")
            .Select(pair => Path.GetFullPath(pair.Value))
            .Where(File.Exists);

    /// <summary>Variables that are set here and were left out: credentials of another mode, and those that no mode uses.</summary>
    public IEnumerable<StrayVariable> StrayVariables =>
        CredentialNames
            .Where(pair => pair.Key != options.Value.Auth)
            .SelectMany(pair => pair.Value.Select(name => new StrayVariable(name, pair.Key)))
            .Where(variable =>
                variable.Name.StartsWith("ANTHROPIC_", StringComparison.Ordinal)
                || variable.Name.StartsWith("CLAUDE_", StringComparison.Ordinal)
            )
            .Concat(NeverUsed.Select(name => new StrayVariable(name, null)))
            .Where(variable => !string.IsNullOrEmpty(configuration[variable.Name]));

    /// <summary>Whether a variable may not be passed by name, because a setting or the lockdown controls it.</summary>
    public static bool IsReserved(string name) =>
        name.StartsWith("CLAUDE", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("ANTHROPIC", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("DISABLE_", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("LD_", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("DYLD_", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("BUN_", StringComparison.OrdinalIgnoreCase)
        || name.ToUpperInvariant() is "PATH" or "HOME" or "TMPDIR" or "NODE_OPTIONS" or "TZ" or "XDG_CONFIG_HOME"
        || CredentialNames.Values.Any(names => names.Contains(name, StringComparer.OrdinalIgnoreCase));

    /// <summary>The whole environment of one child, with the paths that it sees.</summary>
    public Dictionary<string, string> Compose(string homeDirectory, string temporaryDirectory, GateAccess? gate)
    {
        var environment = Switches.ToDictionary(name => name, _ => "1", StringComparer.Ordinal);
        environment["HOME"] = homeDirectory;
        environment["TMPDIR"] = temporaryDirectory;
        environment["LANG"] = "C.UTF-8";
        environment["TZ"] = "UTC";
        // The allocator then asks for memory in large pages: a start takes a tenth less time, and 10 MB more (docs/benchmarks.md).
        environment["MIMALLOC_ALLOW_THP"] = "1";
        // The PATH has no programs: with git on it, Claude Code runs git at start.
        environment["PATH"] = OperatingSystem.IsWindows() ? Environment.SystemDirectory : "/nonexistent";
        environment["CLAUDE_CODE_MAX_RETRIES"] = SettingNumber(Retries);
        environment["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = SettingNumber(completionOptions.Value.MaxOutputTokens);
        if (OperatingSystem.IsWindows())
        {
            AddWindowsEssentials(environment);
        }

        if (options.Value.UsesGate)
        {
            AddGate(environment, gate);
        }
        else
        {
            AddCloud(environment);
        }

        return environment;
    }

    /// <summary>Adds the way to the gate, without a secret: the gate adds the credential, the proxy and the certificates.</summary>
    private void AddGate(Dictionary<string, string> environment, GateAccess? gate)
    {
        environment[options.Value.Auth == ClaudeAuth.ApiKey ? "ANTHROPIC_API_KEY" : "CLAUDE_CODE_OAUTH_TOKEN"] = ApiCredentials.Placeholder;
        // Without an address Claude Code waits at its start when it has no network.
        environment["ANTHROPIC_BASE_URL"] = gate?.BaseUrl ?? "http://127.0.0.1:9";
        if (gate?.SocketPath is { } socket)
        {
            environment["ANTHROPIC_UNIX_SOCKET"] = socket;
        }
    }

    private void AddCloud(Dictionary<string, string> environment)
    {
        environment[options.Value.Auth == ClaudeAuth.Bedrock ? "CLAUDE_CODE_USE_BEDROCK" : "CLAUDE_CODE_USE_VERTEX"] = "1";
        if (options.Value.BaseUrl is { } url)
        {
            environment["ANTHROPIC_BASE_URL"] = url.AbsoluteUri.TrimEnd('/');
        }

        foreach (var (name, value) in Credentials().Concat(Passed()))
        {
            environment[name] = value;
        }
    }

    /// <summary>Adds the variables without which a Windows program finds neither its libraries nor its profile.</summary>
    private static void AddWindowsEssentials(Dictionary<string, string> environment)
    {
        foreach (var name in (string[])["SystemRoot", "windir", "USERPROFILE", "APPDATA", "LOCALAPPDATA"])
        {
            if (Environment.GetEnvironmentVariable(name) is { } value)
            {
                environment[name] = value;
            }
        }

        environment["TEMP"] = environment["TMP"] = environment["TMPDIR"];
    }

    private IEnumerable<KeyValuePair<string, string>> Credentials() => Values(CredentialNames[options.Value.Auth]);

    private IEnumerable<KeyValuePair<string, string>> Passed() => Values(options.Value.PassEnv);

    private IEnumerable<KeyValuePair<string, string>> Values(IEnumerable<string> names) =>
        from name in names
        let value = configuration[name]
        where !string.IsNullOrEmpty(value)
        select KeyValuePair.Create(name, value);

    private static string SettingNumber(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
